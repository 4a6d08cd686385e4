using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Which statistics normalise a sample.</summary>
public enum SampleStatistics
{
    /// <summary>The shipped running statistics.</summary>
    Frozen,
    /// <summary>Each sample's own, as if it went through in training mode alone.</summary>
    Alone,
}

/// <summary>Makes a graph in which no sample depends on another, and finds where its values count samples.</summary>
public static class PrepareSamples
{
    /// <summary>Sets the statistics of every BatchNormalization, takes dropout out, and finds the places.</summary>
    /// <param name="model">The canonical model, which is changed.</param>
    /// <param name="batch">Its batch.</param>
    /// <param name="statistics">The statistics.</param>
    /// <param name="objection">Why samples may not be told apart, naming the node; null where they can.</param>
    /// <returns>The places; null where there is an objection.</returns>
    public static SampleAxes? Run(Model model, BatchBinding batch, SampleStatistics statistics, out string? objection)
    {
        ArgumentNullException.ThrowIfNull(model);
        SetNormStatistics.Frozen(model.Graph);
        RemoveDropout.Apply(model.Graph);
        var samples = SampleAxes.Find(model, batch, out objection);
        if (samples is null || statistics == SampleStatistics.Frozen) return samples;
        objection = model.Graph.Nodes.Where(n => n.Is("BatchNormalization")).Select(n => Objection(n, samples)).FirstOrDefault(o => o is not null);
        if (objection is not null) return null;
        SetNormStatistics.Alone(model.Graph);
        return SampleAxes.Find(model, batch, out objection);
    }

    static string? Objection(Node norm, SampleAxes samples) =>
        norm.Inputs[0]!.Rank < 3 ? $"BatchNormalization '{norm.LogicalName}' takes one number a channel from each sample: alone it has no variance"
        : samples.Of(norm.Inputs[0]) is { Share: > 1 } ? $"BatchNormalization '{norm.LogicalName}' takes several elements of axis 0 from each sample"
        : null;
}
