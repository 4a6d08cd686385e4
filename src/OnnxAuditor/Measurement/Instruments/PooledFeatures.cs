using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The features in front of the head.</summary>
/// <param name="Values">By sample, flattened.</param>
/// <param name="NormVariances">By BatchNormalization in graph order: the mean over channels of its input's variance over the batch.</param>
/// <param name="Of">The value's name.</param>
sealed record HeadFeatures(float[][] Values, double[] NormVariances, string Of);

/// <summary>
/// The features that the head pools: what the last linear or convolution layer takes, followed back through pooling and flattening, and the variances that BatchNormalization divides by.
/// </summary>
static class PooledFeatures
{
    static readonly HashSet<string> Pooling = new(StringComparer.Ordinal) { "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax", "Flatten", "Reshape", "Squeeze", "Identity", "AveragePool", "MaxPool", "Dropout" };

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<HeadFeatures> Instrument = new("features", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var last = site.Layers.LastOrDefault(l => l.Kind is LayerKind.Convolution or LayerKind.Linear) ?? throw new ModelException(ModelProblem.Unsupported, "the model has no convolution or linear layer");
        var features = site.Operand(last.Node)!;
        while (features.Producer is { Domain: "" } pool && Pooling.Contains(pool.OpType) && pool.Input(0) is { Data: null } below) features = below;
        if (features is not { Type: ElementType.Float32, Shape: { IsStatic: true, Rank: > 0 } shape } || shape.ElementCount == 0 || shape[0].Size % site.Batch != 0)
            throw new ModelException(ModelProblem.Unsupported, $"the features in front of '{last.Name}' have no known shape with samples on the first axis");
        site.Show("features", t.Reshape(features, site.Batch, shape.ElementCount / site.Batch));
        foreach (var (index, layer) in site.Layers.Index().Where(l => l.Item.Node.Is("BatchNormalization")))
        {
            var x = site.Image(layer.Node.Inputs[0]!);
            if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true, Rank: > 1 } || !IsThere(site, x)) continue;
            t.Origin = layer.Name;
            long[] axes = [.. Enumerable.Range(0, x.Rank).Where(a => a != 1).Select(a => (long)a)];
            site.Show($"variance/{index}", t.Reshape(t.ReduceAll("ReduceMean", t.Square(t.Sub(x, t.ReduceMean(x, axes)))), 1));
        }
        site.Kept = features.Name;
    }

    /// <summary>Whether a value is still computed: dropout that is taken out takes its output with it.</summary>
    static bool IsThere(InstrumentSite site, Value x) => x.Producer is null ? site.Graph.Inputs.Contains(x) : site.Graph.Nodes.Contains(x.Producer);

    static HeadFeatures Read(InstrumentOutputs outputs)
    {
        var (values, rows, columns) = outputs.Rows("features");
        return new HeadFeatures(
            [.. Enumerable.Range(0, rows).Select(r => values[(r * columns)..((r + 1) * columns)])],
            [.. outputs.Numbered("variance").Select(v => outputs.Mean(v.Key)[0])], outputs.Kept<string>());
    }
}
