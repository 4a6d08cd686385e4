using Bench.NasBench;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>One channel in the place of all equal ones gives what all give.</summary>
public sealed class EqualChannelsTests
{
    [Theory]
    [InlineData("residual_cnn", 1e-3)]
    [InlineData("residual_cnn", 1)]
    [InlineData("421211", 1e-7)]
    [InlineData("421211", 1)]
    [InlineData("143012", 10)]
    public void Outputs_are_those_of_the_full_network(string name, double weight)
    {
        var model = Load(name);
        Assert.NotNull(EqualChannels.Collapse(Canonicalizer.Run(model, new CanonicalOptions { Batch = 8 }), weight));
        var one = Outputs(model, weight);
        var full = Outputs(Opaque(model), weight);
        Assert.Equal(8, one.Length);
        Assert.Equal(80, full.Length);
        var largest = full.Max(Math.Abs);
        for (var i = 0; i < full.Length; i++) Assert.Equal(full[i], one[i / 10], 2e-4f * largest);
    }

    [Fact]
    public void What_might_make_channels_differ_is_left_to_the_full_network()
    {
        foreach (var (file, _) in new[] { ("transformer", 0), ("lstm_tagger", 0) })
            Assert.Null(EqualChannels.Collapse(Canonicalizer.Run(Load(file), new CanonicalOptions { Batch = 2 }), 1));
    }

    static Model Load(string name) => name.All(char.IsDigit) ? Nas201Network.Build(Nas201Cell.Parse(name), CellDialect.Affine) : OnnxReader.Read(Checkout.Path("models", name + ".onnx")).Model;

    /// <summary>The same network behind a transposition that changes nothing, which the short cut does not know.</summary>
    static Model Opaque(Model model)
    {
        var copy = model.Copy();
        var last = copy.Graph.Outputs[0];
        var output = new Value("opaque", last.Type, last.Shape);
        copy.Graph.Nodes.Add(new Node("Transpose", [last], [output], [GraphRewriter.Ir.Attribute.Of("perm", [0L, 1L])]));
        copy.Graph.Outputs[0] = output;
        Assert.Null(EqualChannels.Collapse(Canonicalizer.Run(copy, new CanonicalOptions { Batch = 8 }), 1));
        return copy;
    }

    static float[] Outputs(Model model, double weight)
    {
        var shapes = new Dictionary<string, Shape>(StringComparer.Ordinal);
        if (model.Graph.Inputs[0].Shape is { } shape && shape.Rank == 4 && !shape[2].IsKnown) shapes[model.Graph.Inputs[0].Name] = Shape.Of(8, 3, 32, 32);
        CanonicalModel At(long batch) => Canonicalizer.Run(model, new CanonicalOptions { Batch = batch, InputShapes = shapes });
        using var measure = new Measure(At(8), At, new MeasureSettings(new OrtSettings(Threads: 2), new Dictionary<string, TensorData>(StringComparer.Ordinal), "", null, null, null));
        var result = measure.Run(new Protocol(WeightSource.Constant, NormStatistics.Batch, InputLaw.Normal, 8, 0, Probes.Outputs) { ConstantWeight = weight }, TestContext.Current.CancellationToken);
        Assert.Null(result.Failure);
        return result.Outputs[0].Data.ToFloats();
    }
}
