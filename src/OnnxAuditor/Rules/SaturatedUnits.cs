using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT002.</summary>
static class SaturatedUnits
{
    static readonly Threshold Share = new("ACT002.share", 0.5, "", "the share of saturated values above which a layer is reported");
    static readonly Threshold Sigmoid = new("ACT002.sigmoid", 4, "", "a larger absolute value saturates Sigmoid");
    static readonly Threshold Tanh = new("ACT002.tanh", 2.5, "", "a larger absolute value saturates Tanh");
    static readonly Threshold MinUnits = new("ACT002.units", 8, "units", "layers of fewer units are left alone");

    public static readonly Rule Rule = new("ACT002", "SaturatedUnits", "Sigmoid or tanh units are saturated", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Layers of Sigmoid, Tanh or HardSigmoid in the way of the signal most of whose values lie on the flat parts of the function.",
        WhyItMatters: """
            A saturated unit answers the same whatever comes in and passes hardly any gradient: at 4 the derivative of the sigmoid is 7 % of its largest, and HardSigmoid has none at all beyond its corners.
            Such units do not get free by themselves, because the gradient that would free them is the one they stop.
            """,
        HowItIsComputed: """
            From some thousand elements, at equal distances over samples and units, of what the activation takes in the run on the shipped weights: the share beyond ±4 for Sigmoid, beyond ±2.5 for Tanh and
            beyond the corners for HardSigmoid. Also said is how many of the elements lie on the same flat part for all samples.
            Left out are outputs of the model (a sure class is no illness), gates, whose result is multiplied with another value (squeeze-and-excitation, LSTM cells, attention): an open gate is one at work;
            and the tanh inside of GELU. The inner gates of LSTM and GRU operators cannot be seen.
            """,
        Threshold: "More than half of the values. At ±4 the sigmoid's derivative is 0.0177, at ±2.5 that of tanh 0.0266: 7 % and 3 % of their largest. Layers of fewer than 8 units are left out.",
        Example: "`/fc3/Tanh`: 83 % of the values lie beyond ±2.5; 61 % of the units are stuck on one side.",
        Remedy: "Put BatchNorm or LayerNorm in front of the activation, initialise by Glorot's law (gain 5/3 for tanh), lower the learning rate, or take ReLU or GELU. Check the input scale first: inputs of 0–255 into a network trained on 0–1 look the same.",
        WhenToIgnore: "Where the layer is meant to be a hard switch, and where inputs are random and far larger than real ones; confirm with `--data`.",
        References: "Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks; LeCun et al. 1998, Efficient BackProp, section 4.4"),
        Find)
    { Thresholds = [Share, Sigmoid, Tanh, MinUnits] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { } run, CanonicalView: { } view } || SignalLayers.Samples(context) is not { } samples) yield break;
        var fed = SignalLayers.Fed(context, view);
        foreach (var layer in run.Layers.Select(l => l.Layer).Where(l => LayerSamples.Saturates(l.Node)))
        {
            if (samples.Of.GetValueOrDefault(LayerSamples.Operand(layer.Node, 0)) is not { } taken || view.Own(layer.Output) is not { } output || !fed.Contains(output)) continue;
            if (layer.Output.Shape is not { } shape || shape[layer.ChannelAxis].Size < context.Limit(MinUnits) || !CarriesSignal(view, output)) continue;
            var (low, high) = Corners(context, layer.Node);
            var share = taken.Values.Count(v => v < low || v > high) / (double)taken.Values.Length;
            if (share > context.Limit(Share)) yield return Describe(context, layer, share, Stuck(taken, low, high), high);
        }
    }

    static (double Low, double High) Corners(RuleContext context, Node node)
    {
        var limit = context.Limit(node.OpType == "Tanh" ? Tanh : Sigmoid);
        if (node.OpType != "HardSigmoid") return (-limit, limit);
        var (alpha, beta) = (node.Float("alpha", 0.2f), node.Float("beta", 0.5f));
        return alpha > 0 ? (-beta / alpha, (1 - beta) / alpha) : (double.NegativeInfinity, double.PositiveInfinity);
    }

    /// <summary>The share of elements that lie on the same flat part for all samples; null for fewer than eight samples.</summary>
    static double? Stuck(ValueSample taken, double low, double high)
    {
        if (taken.Rows < 8) return null;
        var stuck = 0;
        for (var c = 0; c < taken.Columns; c++)
        {
            var (below, above) = (true, true);
            for (var r = 0; r < taken.Rows; r++)
            {
                var v = taken.Values[r * taken.Columns + c];
                (below, above) = (below && v < low, above && v > high);
            }
            if (below || above) stuck++;
        }
        return (double)stuck / taken.Columns;
    }

    /// <summary>Whether some use of a value is neither an output of the model nor a product with another computed value, through operators that re-lay it and arithmetic with constants.</summary>
    static bool CarriesSignal(ModelView view, Value value)
    {
        var open = new Stack<Value>([value]);
        var seen = new HashSet<Value>();
        while (open.TryPop(out var at))
        {
            if (!seen.Add(at)) continue;
            foreach (var use in view.UsesOf(at))
            {
                var isLinear = use.Node.OpType is "Add" or "Sub" or "Mul" or "Div" && use.Node.Inputs.Count(i => i is not null && ModelView.ConstantOf(i) is null && i.Data is null) == 1;
                if (isLinear || use.Node.OpType is "Cast" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Identity" or "Dropout" or "Resize" or "Expand" or "Flatten" or "Slice" or "Concat" or "Split")
                    foreach (var output in use.Node.Outputs.OfType<Value>()) open.Push(output);
                else if (use.Node.OpType is not "Mul") return true;
            }
        }
        return false;
    }

    static Observation Describe(RuleContext context, Layer layer, double share, double? stuck, double limit)
    {
        var where = stuck is { } s ? $"; {NumberFormat.Percent(s)} of them are on the same side for all samples" : "";
        return new Observation(
            layer.Name, $"{NumberFormat.Percent(share)} of what this {layer.Node.OpType} takes lies on its flat parts{where}.", NumberFormat.Percent(share) + $" beyond {NumberFormat.Value(limit)}", $"≤ {NumberFormat.Percent(context.Limit(Share))}", share)
        {
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Node = layer.Node,
            Remedy = "Normalise in front of the activation, initialise by Glorot's law or take ReLU or GELU; check the input scale first.",
        };
    }
}
