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
    static readonly Threshold MinValues = new("ACT001.values", 64, "values a unit", "fewer observed values than this prove no unit dead");
    static readonly Threshold Margin = new("ACT001.margin", 10, "", "a bias this many times the typical size of what is added to it keeps a unit off whatever the input");

    public static readonly Rule Rule = new("ACT001", "DeadUnits", "Units of a ReLU layer are never active", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Channels or features behind a ReLU-like activation that are exactly zero on all probe samples at all positions.",
        WhyItMatters: """
            A unit that is never active passes no gradient: neither it nor its incoming weights learn any more. Dead units come from steps that were too large or biases that were
            driven far below zero, and do not recover by themselves. What is left of the layer is a narrower network than the one that was paid for.
            """,
        HowItIsComputed: """
            On the outputs of Relu, Clip with lower bound 0, ThresholdedRelu and Max with 0, in the run on the shipped weights. A unit is one index of the channel axis (the last axis
            behind matrix products). It counts as dead when none of its values, over all samples and positions, differs from zero. LeakyReLU, PRelu, Elu, GELU, SiLU, HardSwish, HardSigmoid and
            Sigmoid are left out: where they are zero they are not stuck. Layers below the minimum of units are left out.
            1. With data of the user's, and at least 64 values a unit: the share of dead units decides.
            2. With random inputs, or fewer values: only units count that the bias alone keeps off. Behind BatchNormalization those are the units with β < −10·|γ|, elsewhere those with
               b < −10·‖w‖·rms(x), x the layer's input as measured: by the Cauchy–Schwarz inequality no such input of up to 100 elements can switch them on, and hardly one of more.
            3. With random inputs, at least 64 values and no such bias: a warning above 50 %, else an info of confidence hint. Trained filters that wait for a pattern which noise does not hold
               look dead there: published, healthy networks were measured at up to 64 %.
            """,
        Threshold: "More than 10 % of the units: warning; more than 50 %: error; one step lower in case 3. Minimum 8 units.",
        Example: "`/layer2/Relu`: 61 of 64 units are zero at all 1024 observed values; the bias alone keeps 58 of them off.",
        Remedy: """
            Continue with a learning rate 3 to 10 times lower and warm-up. Re-initialise the dead units' incoming weights and set their bias to a small positive number (0.01), or take LeakyReLU or
            GELU in the layers concerned. Check the input scale first: inputs of 0–255 into a network trained on 0–1 look the same.
            """,
        WhenToIgnore: "Where the probes are random and `--data` with real samples shows the units alive; in networks pruned on purpose.",
        References: "Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733; Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models"),
        Find)
    { Thresholds = [WarningShare, ErrorShare, MinUnits, MinValues, Margin] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var measured in context.Run?.Layers ?? [])
        {
            if (measured is not { Layer.Kind: LayerKind.Activation, Moments: { DeadFraction: { } share } moments } || !IsRectifier(measured.Layer.Node)) continue;
            if (measured.Layer.Output.Shape is not { } shape || measured.Layer.ChannelAxis >= shape.Rank || shape[measured.Layer.ChannelAxis] is not { IsKnown: true, Size: var units }) continue;
            if (units < context.Limit(MinUnits) || share <= context.Limit(WarningShare)) continue;
            if (Judge(context, measured.Layer, share, (double)moments.Count / units) is { } found) yield return Describe(measured.Layer, found, share, units, (double)moments.Count / units);
        }
    }

    /// <summary>What is said of a layer; null where too little was seen.</summary>
    static (Severity Severity, Confidence Confidence, double Limit, double Biased)? Judge(RuleContext context, Layer layer, double share, double valuesPerUnit)
    {
        var biased = Math.Min(share, BiasEvidence.ShareOffByBias(context, layer.Node, context.Limit(Margin)));
        var many = valuesPerUnit >= context.Limit(MinValues);
        // 1. Real data, seen often enough: the measured share decides.
        if (!context.SyntheticInputs && many)
            return share > context.Limit(ErrorShare) ? (Severity.Error, Confidence.Certain, context.Limit(ErrorShare), biased) : (Severity.Warning, Confidence.Certain, context.Limit(WarningShare), biased);
        // 2. The biases alone switch the units off, whatever the input.
        if (biased > context.Limit(ErrorShare)) return (Severity.Error, Confidence.Likely, context.Limit(ErrorShare), biased);
        if (biased > context.Limit(WarningShare)) return (Severity.Warning, Confidence.Likely, context.Limit(WarningShare), biased);
        // 3. Random probes alone.
        if (!many) return null;
        return share > context.Limit(ErrorShare) ? (Severity.Warning, Confidence.Likely, context.Limit(ErrorShare), biased) : (Severity.Info, Confidence.Hint, context.Limit(WarningShare), biased);
    }

    static Observation Describe(Layer layer, (Severity Severity, Confidence Confidence, double Limit, double Biased) found, double share, long units, double valuesPerUnit)
    {
        var dead = (long)Math.Round(share * units);
        var bias = found.Biased > 0 ? $"; the bias alone keeps {(long)Math.Round(found.Biased * units)} of them off" : "";
        return new Observation(
            layer.Name, $"{dead} of {NumberFormat.Count(units, "unit")} are zero at all {NumberFormat.Value(valuesPerUnit)} observed values{bias}.", NumberFormat.Percent(share) + " of the units", $"≤ {NumberFormat.Percent(found.Limit)}", share)
        {
            Severity = found.Severity,
            Confidence = found.Confidence,
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
