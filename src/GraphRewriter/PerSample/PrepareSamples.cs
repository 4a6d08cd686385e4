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
        objection = WithoutVariance(model.Graph) ?? model.Graph.Nodes.Where(n => n.Is("BatchNormalization") && samples.Of(n.Inputs[0]) is { Share: > 1 })
            .Select(n => $"BatchNormalization '{n.LogicalName}' takes several elements of axis 0 from each sample").FirstOrDefault();
        if (objection is not null) return null;
        SetNormStatistics.Alone(model.Graph);
        return SampleAxes.Find(model, batch, out objection);
    }

    /// <summary>The first BatchNormalization that takes a single number a channel from each sample, which alone has no variance; null where there is none.</summary>
    public static string? WithoutVariance(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph.AllNodes().Where(n => n.Is("BatchNormalization") && n.Inputs[0]?.Shape is { Rank: < 3 })
            .Select(n => $"BatchNormalization '{n.LogicalName}' takes one number a channel from each sample: alone it has no variance").FirstOrDefault();
    }
}
