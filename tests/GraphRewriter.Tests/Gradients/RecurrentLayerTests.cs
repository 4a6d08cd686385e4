using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients;

/// <summary>The layer spelled out against ONNX Runtime's kernel, where differences cannot tell: at the kinks of activation functions and of clipping.</summary>
public class RecurrentLayerTests
{
    const long Steps = 5, Batch = 3, Features = 4, Hidden = 6;

    public static TheoryData<string, string[], float, float[]> Cases => new()
    {
        { "RNN", ["Relu"], 0, [] },
        { "RNN", ["LeakyRelu"], 0, [] },
        { "RNN", ["ThresholdedRelu"], 0, [0.25f] },
        { "RNN", ["ThresholdedRelu"], 0, [1] },
        { "RNN", ["LeakyRelu"], 0, [0.5f] },
        { "RNN", ["Elu"], 0, [] },
        { "RNN", ["HardSigmoid"], 0, [] },
        { "RNN", ["Softsign"], 0, [] },
        { "RNN", ["Softplus"], 0, [] },
        { "RNN", ["Tanh"], 0.25f, [] },
        { "GRU", ["HardSigmoid", "Relu"], 0, [] },
        { "GRU", ["Sigmoid", "Tanh"], 0.25f, [] },
        { "LSTM", ["HardSigmoid", "Relu", "Tanh"], 0, [] },
        { "LSTM", ["Sigmoid", "Tanh", "Tanh"], 0.25f, [] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_layer_spelled_out_computes_what_the_operator_computes(string op, string[] functions, float clip, float[] alpha)
    {
        var gates = op switch { "LSTM" => 4, "GRU" => 3, _ => 1 };
        var graph = new Graph { Name = "layer" };
        graph.Inputs.AddRange([Input("x", Steps, Batch, Features), Input("w", 1, gates * Hidden, Features), Input("r", 1, gates * Hidden, Hidden), Input("b", 1, 2 * gates * Hidden)]);
        var states = op == "LSTM" ? 2 : 1;
        var attributes = new List<Attribute> { Attribute.Of("hidden_size", Hidden), Attribute.Of("activations", functions) };
        if (alpha.Length > 0) attributes.Add(Attribute.Of("activation_alpha", alpha));
        if (clip > 0) attributes.Add(Attribute.Of("clip", clip));
        var node = new Node(op, graph.Inputs, Enumerable.Range(0, 1 + states).Select(k => new Value($"y{k}")), attributes, "", "node");
        graph.Nodes.Add(node);
        ShapeInference.Infer(graph);
        var tape = new Tape(graph);
        IRecurrentCell cell = op switch { "LSTM" => new MemoryCell(node), "GRU" => new GatedCell(node), _ => new PlainCell() };
        var spelled = new RecurrentLayer(tape, node, cell).Emit();
        tape.AppendTo(graph);
        graph.Outputs.AddRange([.. node.Outputs!, .. spelled]);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        using var runtime = new PlainRuntime(model);
        var random = new Random(1);
        var results = runtime.Run(graph.Inputs.ToDictionary(i => i.Name, i => Drawn(i.Shape!.ToArray(), random), StringComparer.Ordinal));
        for (var k = 0; k <= states; k++)
            Assert.True(OrtReference.RelativeDifference(results[$"y{k}"], results[spelled[k].Name]) < 2e-6, $"output {k}");
    }

    static Value Input(string name, params long[] dims) => new(name, ElementType.Float32, Shape.Of(dims));

    static TensorData Drawn(long[] dims, Random random) =>
        TensorData.FromNumbers(ElementType.Float32, dims, [.. Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextDouble() * 2 - 1)]);
}
