using System.Text;

namespace GraphRewriter.Ir;

/// <summary>One operator call.</summary>
public sealed class Node
{
    readonly List<Value?> inputs;
    readonly List<Value?> outputs = [];

    /// <summary>Makes a node; the outputs' <see cref="Value.Producer"/> becomes this node.</summary>
    public Node(string opType, IEnumerable<Value?> inputs, IEnumerable<Value?> outputs, IEnumerable<Attribute>? attributes = null, string domain = "", string name = "")
    {
        OpType = opType;
        Domain = domain;
        Name = name;
        this.inputs = [.. inputs];
        foreach (var output in outputs) AddOutput(output);
        if (attributes is not null) foreach (var a in attributes) Attributes[a.Name] = a;
    }

    /// <summary>The operator.</summary>
    public string OpType { get; set; }

    /// <summary>The operator's domain; empty for the standard one ("ai.onnx" is read as empty).</summary>
    public string Domain { get; set; }

    /// <summary>The overload of a model-local function; empty otherwise.</summary>
    public string Overload { get; init; } = "";

    /// <summary>The name; may be empty in a model as read, is unique in a canonical model.</summary>
    public string Name { get; set; }

    /// <summary>
    /// The name of the node of the given model that this node stands for, where a pass made it (a decomposition, a gradient); null where the node is the model's own.
    /// Reports speak of <see cref="LogicalName"/>.
    /// </summary>
    public string? Origin { get; set; }

    /// <summary>The name a report uses: that of the model's own node.</summary>
    public string LogicalName => Origin ?? Name;

    /// <summary>The inputs; null where an optional input is left out.</summary>
    public IList<Value?> Inputs => inputs;

    /// <summary>The outputs; null where an optional output is left out.</summary>
    public IReadOnlyList<Value?> Outputs => outputs;

    /// <summary>The first output.</summary>
    public Value Output => outputs[0]!;

    /// <summary>The attributes by name.</summary>
    public SortedDictionary<string, Attribute> Attributes { get; } = new(StringComparer.Ordinal);

    /// <summary>The text the model gives with the node (doc_string).</summary>
    public string? Documentation { get; set; }

    /// <summary>Key-value pairs that the model gives with the node.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Fields of the file unknown to this program, kept for the writer.</summary>
    public ReadOnlyMemory<byte> UnknownFields { get; set; }

    /// <summary>The subgraphs in the attributes (If, Loop, Scan, …), by attribute name.</summary>
    public IEnumerable<(string Attribute, Graph Graph)> Subgraphs
    {
        get
        {
            foreach (var a in Attributes.Values)
            {
                if (a.Content is Graph g) yield return (a.Name, g);
                else if (a.Content is Graph[] many) foreach (var each in many) yield return (a.Name, each);
            }
        }
    }

    /// <summary>The inputs, and for a node with subgraphs whatever those use (values of their own among them).</summary>
    public IEnumerable<Value> UsedValues()
    {
        foreach (var input in inputs) if (input is not null) yield return input;
        foreach (var (_, sub) in Subgraphs)
        {
            foreach (var inner in sub.AllNodes())
                foreach (var input in inner.Inputs) if (input is not null) yield return input;
            foreach (var output in sub.Outputs) yield return output;
        }
    }

    /// <summary>The input at an index, or null where it is left out or the list is shorter.</summary>
    public Value? Input(int index) => index < inputs.Count ? inputs[index] : null;

    /// <summary>The output at an index, or null where it is left out or the list is shorter.</summary>
    public Value? OutputAt(int index) => index < outputs.Count ? outputs[index] : null;

    /// <summary>Appends an output and makes this node its producer.</summary>
    public void AddOutput(Value? output)
    {
        outputs.Add(output);
        output?.Producer = this;
    }

    /// <summary>Replaces an output; the new value's producer becomes this node, the old one's is cleared.</summary>
    public void SetOutput(int index, Value? output)
    {
        if (outputs[index] is { } old && old.Producer == this) old.Producer = null;
        outputs[index] = output;
        output?.Producer = this;
    }

    /// <summary>Removes left-out outputs from the end of the list.</summary>
    public void TrimOutputs()
    {
        while (outputs.Count > 0 && outputs[^1] is null) outputs.RemoveAt(outputs.Count - 1);
    }

    /// <summary>Whether the operator is the standard one of that name.</summary>
    public bool Is(string opType) => Domain.Length == 0 && string.Equals(OpType, opType, StringComparison.Ordinal);

    /// <summary>Whether an attribute is given.</summary>
    public bool Has(string attribute) => Attributes.ContainsKey(attribute);

    /// <summary>An int attribute, or its default.</summary>
    public long Int(string attribute, long fallback = 0) => Attributes.TryGetValue(attribute, out var a) && a.Content is long v ? v : fallback;

    /// <summary>A float attribute, or its default.</summary>
    public float Float(string attribute, float fallback = 0) => Attributes.TryGetValue(attribute, out var a) && a.Content is float v ? v : fallback;

    /// <summary>A string attribute, or its default.</summary>
    public string String(string attribute, string fallback = "") =>
        Attributes.TryGetValue(attribute, out var a) && a is { Kind: AttributeKind.String, Content: byte[] v } ? Encoding.UTF8.GetString(v) : fallback;

    /// <summary>An int list attribute, or null where it is not given.</summary>
    public long[]? Ints(string attribute) => Attributes.TryGetValue(attribute, out var a) ? a.Content as long[] : null;

    /// <summary>A float list attribute, or null where it is not given.</summary>
    public float[]? Floats(string attribute) => Attributes.TryGetValue(attribute, out var a) ? a.Content as float[] : null;

    /// <summary>A string list attribute, or null where it is not given.</summary>
    public string[]? StringList(string attribute) =>
        Attributes.TryGetValue(attribute, out var a) && a is { Kind: AttributeKind.Strings, Content: byte[][] v } ? [.. v.Select(Encoding.UTF8.GetString)] : null;

    /// <summary>A tensor attribute, or null where it is not given.</summary>
    public TensorData? Tensor(string attribute) => Attributes.TryGetValue(attribute, out var a) ? a.Content as TensorData : null;

    /// <summary>A subgraph attribute, or null where it is not given.</summary>
    public Graph? Subgraph(string attribute) => Attributes.TryGetValue(attribute, out var a) ? a.Content as Graph : null;

    /// <summary>Sets attributes, replacing those of the same name.</summary>
    public void Set(params ReadOnlySpan<Attribute> attributes)
    {
        foreach (var a in attributes) Attributes[a.Name] = a;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(Domain.Length == 0 ? "" : Domain + "::")}{OpType} '{Name}'";
}
