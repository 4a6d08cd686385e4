using MathNet.Numerics.Statistics;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT005.</summary>
static class LostInputDependence
{
    static readonly Threshold Ordered = new("ACT005.ordered", 1e-5, "", "one minus the mean cosine of samples: below this the last layers do not tell samples apart");
    static readonly Threshold Fall = new("ACT005.fall", 1e-3, "", "the share of the first layer's difference of samples below which it was lost on the way");
    static readonly Threshold Chaotic = new("ACT005.chaotic", 0.5, "", "one minus the cosine of neighbouring inputs: above this the last layers have nothing in common for them");
    static readonly Threshold MinDepths = new("ACT005.depths", 4, "depths", "networks with measurements at fewer different depths are left alone");

    public static readonly Rule Rule = new("ACT005", "LostInputDependence", "Samples become equal, or neighbours unrelated, with depth", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Networks at one side of the edge of chaos: samples that differ at the first layer are the same to the last ones (ordered), or inputs that hardly differ have nothing in common there (chaotic).",
        WhyItMatters: """
            In the ordered phase the network forgets its input by a factor a layer, and gradients vanish by the same factor: what is left to train is a constant. In the chaotic phase it amplifies noise until
            similar inputs are as far apart as any, and gradients explode. Trainable depth ends a few times the depth at which either happens.
            """,
        HowItIsComputed: """
            From some elements of each sample, the same ones for all, behind each convolution and linear layer of at least 8 channels that depends on the data:
            1. Ordered: one minus the mean cosine of pairs of samples in the run on the shipped weights; the median over the last quarter of the layers by depth, held against the first layer.
            2. Chaotic, with `--profile full`: a further pass in which every second sample is the one before it with noise of a hundredth of its size added, so that one minus their cosine begins at 5e-5; the median over
               the last quarter of the layers.
            """,
        Threshold: """
            1. Below 1e-5, samples differ by less than half a per cent of their size; and less than a thousandth of the difference at the first layer is left. Published networks on noise were measured from 2e-4 on.
            2. Above 0.5: neighbours are at more than 60°. At least 4 different depths for both.
            """,
        Example: "`deep_sigmoid_mlp`: 1 − cosine falls from 0.96 behind the first layer to 1e-15 behind the twelfth.",
        Remedy: "Initialise at the edge of chaos (He's law for ReLU, LeCun's for tanh, orthogonal weights), put normalisation behind the layers, add residual connections. For a trained network: check the input scale, since inputs that are too small let biases decide alone.",
        WhenToIgnore: "Where the inputs are random and real ones differ where the network looks; confirm with `--data`.",
        References: "Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv 1611.01232; Mellor et al. 2021, arXiv 2006.04647"),
        Find)
    { Thresholds = [Ordered, Fall, Chaotic, MinDepths] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (SignalLayers.Samples(context) is { } samples && Profile(context, SignalLayers.OnTheWay(context, samples).Select(l => (l.Layer, 1 - l.Sample.MeanCosine()))) is { } all
            && all.Last < context.Limit(Ordered) && all.Last < context.Limit(Fall) * all.First)
        {
            yield return new Observation(
                all.At.Name, $"The last layers give nearly the same for all samples: one minus their mean cosine falls from {NumberFormat.Value(all.First)} behind the first layer to {NumberFormat.Value(Math.Max(0, all.Last))}.",
                $"1 − mean cosine {NumberFormat.Value(Math.Max(0, all.Last))}", $"≥ {NumberFormat.Value(context.Limit(Ordered))}", 1 / Math.Max(all.Last, 1e-16))
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = all.At.Node,
                Remedy = "Initialise at the edge of chaos, and add normalisation or residual connections; check the input scale of a trained network.",
            };
        }
        if (context.Thorough?.Neighbours.Value is { } near && Profile(context, SignalLayers.OnTheWay(context, near).Select(l => (l.Layer, OfNeighbours(l.Sample)))) is { } close
            && close.Last > context.Limit(Chaotic) && close.First is > 0 and < 0.1)
        {
            yield return new Observation(
                close.At.Name, $"The last layers have little in common for neighbouring inputs: one minus their cosine grows from {NumberFormat.Value(close.First)} behind the first layer to {NumberFormat.Value(close.Last)}.",
                $"1 − cosine of neighbours {NumberFormat.Value(close.Last)}", $"≤ {NumberFormat.Value(context.Limit(Chaotic))}", close.Last)
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = close.At.Node,
                Remedy = "Initialise with a smaller gain (at the edge of chaos), and add residual connections or normalisation.",
            };
        }
    }

    /// <summary>One minus the median cosine of pairs of neighbours; null where there is none.</summary>
    static double? OfNeighbours(Measurement.Instruments.ValueSample sample)
    {
        var cosines = Enumerable.Range(0, sample.Rows / 2).Select(i => sample.Cosine(2 * i, 2 * i + 1)).OfType<double>().ToList();
        return cosines.Count == 0 ? null : 1 - cosines.Median();
    }

    /// <summary>A number behind the first layer and its median over the last quarter by depth, with the deepest layer; null for too few depths.</summary>
    static (double First, double Last, Layer At)? Profile(RuleContext context, IEnumerable<(Layer Layer, double? Value)> layers)
    {
        var known = layers.Where(l => l.Value is not null).Select(l => (l.Layer, Value: l.Value!.Value)).ToList();
        if (known.Select(l => l.Layer.Depth).Distinct().Count() < context.Limit(MinDepths)) return null;
        return (known[0].Value, known.TakeLast(Math.Max(1, known.Count / 4)).Select(l => l.Value).Median(), known[^1].Layer);
    }
}
