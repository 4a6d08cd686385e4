using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT003.</summary>
static class ActivationScaleDrift
{
    static readonly Threshold DecadesPerTenLayers = new("ACT003.slope", 1, "decades in 10 layers", "a steeper fitted trend of the activations' scale is a warning");
    static readonly Threshold ErrorDecades = new("ACT003.error", 6, "decades", "a fitted change over the whole depth beyond this is an error");
    static readonly Threshold MinDepths = new("ACT003.depths", 8, "depths", "networks with measurements at fewer different depths are left alone");
    static readonly Threshold MinFit = new("ACT003.fit", 0.5, "", "the coefficient of determination below which there is scatter, not a trend");

    public static readonly Rule Rule = new("ACT003", "ActivationScaleDrift", "Activations grow or shrink steadily with depth", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "A network in which the standard deviation of the layers' outputs grows or shrinks by a constant factor from layer to layer.",
        WhyItMatters: """
            A scale that changes by a factor a layer changes exponentially with depth. The gradient changes with it: the first layers get steps that are too small or too large by the
            same power, and in half precision the numbers leave the range altogether.
            """,
        HowItIsComputed: """
            For each convolution and linear layer of the run on the shipped weights: log10 of the standard deviation of its output over samples, positions and channels; its depth is the
            number of such layers on the longest path from an input. Layers whose output goes into a normalisation are left out, since their scale is divided out. A straight line
            is fitted by least squares; reported are its slope in decades in 10 layers and the change over the whole depth.
            """,
        Threshold: """
            Warning: steeper than ±1 decade in 10 layers (a factor of 1.26 a layer) and at least one decade in all, fitted over at least 8 different depths with R² ≥ 0.5. Error: beyond
            ±6 decades in all, the range in which float16 still has numbers. Networks at initialisation that keep the scale (He 2015) have slope 0.
            """,
        Example: "A plain 30-layer network drawn from N(0, 0.01²): slope −4.1 decades in 10 layers.",
        Remedy: """
            Add normalisation (BatchNorm, LayerNorm) behind the layers, initialise by He's or Glorot's law, and scale residual branches by 1/√L. For a trained model without normalisation: rescale
            consecutive layers (divide one by s, multiply the next by s; exact between ReLU layers).
            """,
        WhenToIgnore: "Where the inputs are far from what the network was trained on (check the input scale first), and where the layers' scale is divided out by something the program does not see.",
        References: "He et al. 2015, arXiv 1502.01852, section 2.2; Hanin and Rolnick 2018, arXiv 1803.01719; Poole et al. 2016, arXiv 1606.05340"),
        Find)
    { Thresholds = [DecadesPerTenLayers, ErrorDecades, MinDepths, MinFit] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { } run, CanonicalView: { } view }) yield break;
        var points = run.Layers
            .Where(l => l.Layer.Kind is LayerKind.Convolution or LayerKind.Linear && l.Moments is { Variance: > 0 and < double.PositiveInfinity } && view.Own(l.Layer.Output) is { } output && !GoesIntoNorm(view, output))
            .Select(l => (l.Layer, Depth: (double)l.Layer.Depth, Log: Math.Log10(Math.Sqrt(l.Moments!.Variance))))
            .ToList();
        if (points.Select(p => p.Depth).Distinct().Count() < context.Limit(MinDepths)) yield break;
        var (slope, fit) = Line([.. points.Select(p => (p.Depth, p.Log))]);
        var change = slope * (points.Max(p => p.Depth) - points.Min(p => p.Depth));
        if (Math.Abs(slope * 10) <= context.Limit(DecadesPerTenLayers) || Math.Abs(change) < 1 || fit < context.Limit(MinFit)) yield break;
        var isError = Math.Abs(change) > context.Limit(ErrorDecades);
        var last = points.OrderByDescending(p => p.Depth).ThenBy(p => p.Layer.Name, StringComparer.Ordinal).First().Layer;
        yield return new Observation(
            last.Name, $"Activations {(slope < 0 ? "shrink" : "grow")} steadily with depth: by a factor of {NumberFormat.Value(Math.Pow(10, Math.Abs(change)))} over {NumberFormat.Count(points.Count, "layer")}.",
            $"{NumberFormat.Value(slope * 10)} decades in 10 layers", $"within ±{NumberFormat.Value(context.Limit(DecadesPerTenLayers))}", Math.Abs(change))
        {
            Severity = isError ? Severity.Error : Severity.Warning,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Node = last.Node,
            Remedy = "Add normalisation behind the layers, initialise by He's or Glorot's law, or rescale consecutive layers; check the input scale first.",
        };
    }

    /// <summary>Whether everything that uses the value normalises it: a norm operator, or the mean with which a norm in elementary operators begins.</summary>
    internal static bool GoesIntoNorm(ModelView view, Value value)
    {
        var uses = view.UsesOf(value);
        return uses.Any(u => u.Node.OpType is "BatchNormalization" or "InstanceNormalization" or "LayerNormalization" or "GroupNormalization" or "ReduceMean" or "MeanVarianceNormalization")
            || uses is [{ Node: { OpType: "Add" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" } only }] && only.Inputs.Count(i => ModelView.ConstantOf(i) is null) == 1 && GoesIntoNorm(view, only.Output);
    }

    static (double Slope, double Fit) Line(IReadOnlyList<(double X, double Y)> points)
    {
        var (meanX, meanY) = (points.Average(p => p.X), points.Average(p => p.Y));
        var xx = points.Sum(p => (p.X - meanX) * (p.X - meanX));
        var xy = points.Sum(p => (p.X - meanX) * (p.Y - meanY));
        var yy = points.Sum(p => (p.Y - meanY) * (p.Y - meanY));
        return xx > 0 && yy > 0 ? (xy / xx, xy * xy / (xx * yy)) : (0, 0);
    }
}
