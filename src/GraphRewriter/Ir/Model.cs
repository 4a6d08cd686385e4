namespace GraphRewriter.Ir;

/// <summary>An ONNX model in memory.</summary>
public sealed class Model
{
    /// <summary>The opset that canonical models are in.</summary>
    public const long CanonicalOpset = 21;

    /// <summary>The IR version that goes with <see cref="CanonicalOpset"/>.</summary>
    public const long CanonicalIrVersion = 10;

    /// <summary>Makes a model around a graph.</summary>
    public Model(Graph graph) => Graph = graph;

    /// <summary>The main graph.</summary>
    public Graph Graph { get; }

    /// <summary>The version of the file format.</summary>
    public long IrVersion { get; set; } = CanonicalIrVersion;

    /// <summary>The operator set version by domain; the standard domain is the empty string.</summary>
    public SortedDictionary<string, long> Opsets { get; } = new(StringComparer.Ordinal);

    /// <summary>The program that wrote the model.</summary>
    public string ProducerName { get; set; } = "";

    /// <summary>The version of the program that wrote the model.</summary>
    public string ProducerVersion { get; set; } = "";

    /// <summary>The model's namespace (a reverse domain name).</summary>
    public string Domain { get; set; } = "";

    /// <summary>The model's own version number.</summary>
    public long ModelVersion { get; set; }

    /// <summary>The text the model carries (doc_string).</summary>
    public string? Documentation { get; set; }

    /// <summary>Key-value pairs of the model.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>The model-local functions.</summary>
    public List<Function> Functions { get; } = [];

    /// <summary>Fields of the file unknown to this program, and training information, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; set; }

    /// <summary>The version of the standard operators.</summary>
    public long Opset => Opsets.GetValueOrDefault("", 1);
}

/// <summary>A model-local function: an operator defined by a graph.</summary>
public sealed class Function
{
    /// <summary>Makes a function.</summary>
    public Function(string domain, string name, string overload, Graph body)
    {
        Domain = domain;
        Name = name;
        Overload = overload;
        Body = body;
    }

    /// <summary>The domain its callers name.</summary>
    public string Domain { get; }

    /// <summary>The operator type its callers name.</summary>
    public string Name { get; }

    /// <summary>The overload its callers name.</summary>
    public string Overload { get; }

    /// <summary>The body; its inputs and outputs have no types.</summary>
    public Graph Body { get; }

    /// <summary>The operator set versions the body is written for.</summary>
    public SortedDictionary<string, long> Opsets { get; } = new(StringComparer.Ordinal);

    /// <summary>Names of attributes without default.</summary>
    public List<string> AttributeNames { get; } = [];

    /// <summary>Attributes with their defaults.</summary>
    public List<Attribute> AttributeDefaults { get; } = [];

    /// <summary>The text the model gives with the function (doc_string).</summary>
    public string? Documentation { get; set; }

    /// <summary>Key-value pairs that the model gives with the function.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Fields of the file unknown to this program, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; set; }
}
