using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Rules;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Rules;

/// <summary>Builds a small model by hand, node by node.</summary>
sealed class Net
{
    readonly Graph graph = new();
    int count;

    /// <summary>Makes an empty model.</summary>
    public Net(long opset = 17)
    {
        Model = new Model(graph) { IrVersion = 8 };
        Model.Opsets[""] = opset;
    }

    /// <summary>The model.</summary>
    public Model Model { get; }

    /// <summary>Adds an input; negative sizes are unknown.</summary>
    public Value Input(string name, params long[] dims) => Input(name, ElementType.Float32, dims);

    /// <summary>Adds an input of some type.</summary>
    public Value Input(string name, ElementType type, params long[] dims)
    {
        var value = new Value(name, type, Shape.Of(dims));
        graph.Inputs.Add(value);
        return value;
    }

    /// <summary>Adds an initializer drawn from N(0, 1), scaled, and shifted.</summary>
    public Value Weight(string name, long[] dims, double scale = 0.1, double shift = 0.01) => Initializer(name, dims, Draw(name, dims, scale, shift));

    /// <summary>Adds an initializer all of whose elements are one number.</summary>
    public Value Fill(string name, long[] dims, float value)
    {
        var data = new float[dims.Aggregate(1L, (a, b) => a * b)];
        Array.Fill(data, value);
        return Initializer(name, dims, data);
    }

    /// <summary>Adds an initializer.</summary>
    public Value Initializer(string name, long[] dims, float[] data) => graph.AddInitializer(name, TensorData.FromFloats(dims, data));

    /// <summary>Adds an int64 vector.</summary>
    public Value Indices(string name, params long[] values) => graph.AddInitializer(name, TensorData.Vector(values));

    /// <summary>Adds a node named by operator and a running number; returns its output.</summary>
    public Value Op(string type, IEnumerable<Value?> inputs, params Attribute[] attributes) => Named(null, type, inputs, attributes);

    /// <summary>Adds a node; "domain::Type" for operators that are not standard.</summary>
    public Value Named(string? name, string type, IEnumerable<Value?> inputs, params Attribute[] attributes)
    {
        var parts = type.Split("::");
        var domain = parts.Length == 2 ? parts[0] : "";
        var number = count++;
        var node = new Node(parts[^1], inputs, [new Value($"t{number}")], attributes, domain, name ?? $"/{parts[^1]}_{number}");
        if (domain.Length > 0) Model.Opsets[domain] = 1;
        graph.Nodes.Add(node);
        return node.Output;
    }

    /// <summary>Makes a value an output of the model.</summary>
    public Net Output(Value value, string name = "y", ElementType type = ElementType.Float32)
    {
        value.Name = name;
        if (value.Type == ElementType.Undefined) value.Type = type;
        graph.Outputs.Add(value);
        return this;
    }

    /// <summary>Adds Conv with a bias, and BatchNormalization where asked for, and Relu.</summary>
    public Value ConvBlock(string name, Value x, long from, long to, bool norm, bool bias = true, double spread = 0)
    {
        long[] dims = [to, from, 3, 3];
        var weights = Draw(name + ".weight", dims, 1 / Math.Sqrt(4.5 * from), 0);
        for (var i = 0; i < weights.Length; i++) weights[i] *= MathF.Exp((float)spread * (i / (from * 9) % 4 - 1.5f));
        List<Value?> inputs = [x, Initializer(name + ".weight", dims, weights)];
        if (bias) inputs.Add(Weight(name + ".bias", [to], 0.05));
        var y = Op("Conv", inputs, Attribute.Of("kernel_shape", [3L, 3L]), Attribute.Of("pads", [1L, 1L, 1L, 1L]));
        if (norm) y = Norm(name + ".bn", y, to);
        return Op("Relu", [y]);
    }

    /// <summary>Adds BatchNormalization with statistics as training leaves them.</summary>
    public Value Norm(string name, Value x, long channels, float[]? scale = null, float[]? variance = null, params Attribute[] attributes) => Op("BatchNormalization",
    [
        x,
        scale is null ? Weight(name + ".weight", [channels], 0.1, 1) : Initializer(name + ".weight", [channels], scale),
        Weight(name + ".bias", [channels], 0.1),
        Weight(name + ".running_mean", [channels], 0.3),
        variance is null ? Weight(name + ".running_var", [channels], 0.05, 1) : Initializer(name + ".running_var", [channels], variance),
    ], attributes);

    /// <summary>Adds a Gemm with bias.</summary>
    public Value Linear(string name, Value x, long from, long to) =>
        Op("Gemm", [x, Initializer(name + ".weight", [to, from], Skewed(name + ".weight", to * from, 1 / Math.Sqrt(from))), Weight(name + ".bias", [to], 0.05)], Attribute.Of("transB", 1L));

    /// <summary>What rules look at, without a run.</summary>
    public RuleContext Context(params ReadProblem[] problems) =>
        new(new ModelFile(Model, "net.onnx", "", 0, problems, new ExternalData(null)), Canonicalizer.Run(Model, new CanonicalOptions()), null);

    /// <summary>As <see cref="Context"/>, for a model that cannot be brought into canonical form.</summary>
    public RuleContext AsRead(params ReadProblem[] problems) => new(new ModelFile(Model, "net.onnx", "", 0, problems, new ExternalData(null)), null, null);

    /// <summary>As <see cref="Context"/>, with a run whose measurements are made by hand from layers and parameters.</summary>
    public RuleContext Measured(Func<IReadOnlyList<Layer>, CanonicalModel, Made> make)
    {
        var context = Context();
        var made = make(FindLayers.In(context.Canonical!), context.Canonical!);
        var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, 16, 0, Probes.ActivationMoments);
        var run = new ModelMeasurement(protocol, made.Layers, made.Parameters, [], 1, new LossText("mean squared error", "y"), new BackwardCoverage(1, []), made.NonFinite, made.NonFiniteGradient, null);
        return context with { Shipped = run };
    }

    /// <summary>As <see cref="Context"/>, with the run that an audit makes for its rules, and the further passes of a thorough one.</summary>
    /// <param name="thorough">Whether the further passes are made.</param>
    /// <param name="data">The contents of the input x; null for synthetic ones.</param>
    /// <param name="labels">The targets; null for drawn ones.</param>
    public RuleContext Run(bool thorough = false, TensorData? data = null, TensorData? labels = null)
    {
        var options = new AuditOptions { Labels = labels, Data = data is null ? new Dictionary<string, TensorData>(StringComparer.Ordinal) : new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = data }, Threads = 1 };
        var canonical = Canonicalizer.Run(Model, Audit.CanonicalOptions(options));
        var settings = new MeasureSettings(new OrtSettings("cpu", 1), options.Data, "test data", labels, null, null);
        using var measure = new Measure(canonical, batch => Canonicalizer.Run(Model, Audit.CanonicalOptions(options) with { Batch = batch }), settings);
        var protocol = Audit.RuleProtocol(options);
        var run = measure.Run(protocol, CancellationToken.None);
        if (run.Failure is not null) throw new InvalidOperationException(run.Failure);
        return new RuleContext(new ModelFile(Model, "net.onnx", "", 0, [], new ExternalData(null)), canonical, run)
        {
            SyntheticInputs = data is null,
            OwnTargets = labels is not null,
            Thorough = thorough ? MeasureThorough.Run(measure, protocol, run, CancellationToken.None) : null,
        };
    }

    /// <summary>Trained-looking numbers: Gaussian with a heavier positive side, which no initialisation law has.</summary>
    public static float[] Skewed(string name, long count, double scale)
    {
        var values = Draw(name, [count], scale, 0);
        for (var i = 0; i < values.Length; i++) values[i] = values[i] > 0 ? values[i] * 1.8f : values[i] * 0.9f;
        return values;
    }

    /// <summary>Numbers of N(shift, scale²), drawn from a seed that the name gives.</summary>
    public static float[] Draw(string name, long[] dims, double scale, double shift)
    {
        var seed = name.Aggregate(17, (h, c) => unchecked(h * 31 + c));
#pragma warning disable CA5394 // Test data, not secrets.
        var random = new Random(seed);
        var values = new float[dims.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)(shift + scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
#pragma warning restore CA5394
        return values;
    }
}

/// <summary>Measurements made by hand.</summary>
sealed record Made(IReadOnlyList<LayerMeasurement> Layers, IReadOnlyList<ParameterMeasurement> Parameters, string? NonFinite = null, string? NonFiniteGradient = null);
