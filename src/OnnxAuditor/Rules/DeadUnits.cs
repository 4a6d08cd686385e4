using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT001.</summary>
static class DeadUnits
{
    static readonly Threshold WarningShare = new("ACT001.warning", 0.1, "", "the share of dead units above which it is a warning");
    static readonly Threshold ErrorShare = new("ACT001.error", 0.5, "", "the share of dead units above which it is an error");
    static readonly Threshold MinUnits = new("ACT001.units", 8, "units", "layers of fewer units are left alone");
    static readonly Threshold MinValues = new("ACT001.values", 64, "values a unit", "fewer observed values than this prove no unit dead: the finding is a hint");

    public static readonly Rule Rule = new("ACT001", "DeadUnits", "Units of a ReLU layer are never active", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Channels or features behind a ReLU-like activation that are exactly zero on all probe samples at all positions.",
        WhyItMatters: """
            A unit that is never active passes no gradient: neither it nor its incoming weights learn any more. Dead units come from steps that were too large or biases that were
            driven far below zero, and do not recover by themselves. What is left of the layer is a narrower network than the one that was paid for.
            """,
        HowItIsComputed: """
            On the outputs of Relu, Clip with lower bound 0, ThresholdedRelu and Max with 0, in the run on the shipped weights. A unit is one index of the channel axis (the last axis
            behind matrix products). It counts as dead when none of its values, over all samples and positions, differs from zero. LeakyReLU, PRelu, Elu, GELU, SiLU, HardSwish, HardSigmoid and
            Sigmoid are left out: where they are zero they are not stuck. A layer below the minimum of units is left out. Where a unit was seen fewer than 64 times, one that fires now and
            then may look dead: the finding is a warning at most, and below half of the units only a hint.
            """,
        Threshold: "More than 10 % of the units: warning; more than 50 %: error. Minimum 8 units. With random inputs the confidence is likely at most: trained filters may wait for patterns that noise lacks.",
        Example: "`/layer2/Relu`: 61 of 64 units are zero on all 16 samples.",
        Remedy: """
            Continue with a learning rate 3 to 10 times lower and warm-up. Re-initialise the dead units' incoming weights and set their bias to a small positive number (0.01), or take LeakyReLU or
            GELU in the layers concerned. Check the input scale first: inputs of 0–255 into a network trained on 0–1 look the same.
            """,
        WhenToIgnore: "Where the probes are random and `--data` with real samples shows the units alive; in networks pruned on purpose.",
        References: "Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733; Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models"),
        Find)
    { Thresholds = [WarningShare, ErrorShare, MinUnits, MinValues] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var measured in context.Run?.Layers ?? [])
        {
            if (measured is not { Layer.Kind: LayerKind.Activation, Moments: { DeadFraction: { } share } moments } || !IsRectifier(measured.Layer.Node)) continue;
            if (measured.Layer.Output.Shape is not { } shape || measured.Layer.ChannelAxis >= shape.Rank || shape[measured.Layer.ChannelAxis] is not { IsKnown: true, Size: var units }) continue;
            if (units < context.Limit(MinUnits) || share <= context.Limit(WarningShare)) continue;
            yield return Describe(context, measured.Layer, share, units, (double)moments.Count / units);
        }
    }

    static Observation Describe(RuleContext context, Layer layer, double share, long units, double valuesPerUnit)
    {
        var few = valuesPerUnit < context.Limit(MinValues);
        var isError = share > context.Limit(ErrorShare) && !few;
        var dead = (long)Math.Round(share * units);
        return new Observation(
            layer.Name, $"{dead} of {NumberFormat.Count(units, "unit")} are zero at all {NumberFormat.Value(valuesPerUnit)} observed values.", NumberFormat.Percent(share) + " of the units",
            $"≤ {NumberFormat.Percent(context.Limit(isError ? ErrorShare : WarningShare))}", share)
        {
            Severity = isError ? Severity.Error : Severity.Warning,
            Confidence = few && share <= context.Limit(ErrorShare) ? Confidence.Hint : few || context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Node = layer.Node,
            Remedy = "Lower the learning rate, re-initialise the dead units with a small positive bias, or use LeakyReLU here; confirm with --data where inputs are synthetic.",
        };
    }

    static bool IsRectifier(Node node) => node.OpType switch
    {
        "Relu" or "ThresholdedRelu" => true,
        "Clip" => ModelView.ConstantOf(node.Input(1)) is { Count: 1 } low && low.ToDoubles()[0] == 0,
        "Max" => node.Inputs.Any(i => ModelView.ConstantOf(i) is { Count: 1 } bound && bound.ToDoubles()[0] == 0),
        _ => false,
    };
}
