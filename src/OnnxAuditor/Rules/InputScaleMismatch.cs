using GraphRewriter.Ir;
using MathNet.Numerics.Statistics;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ACT015.</summary>
static class InputScaleMismatch
{
    static readonly Threshold Factor = new("ACT015.factor", 20, "", "inputs that would have to be this many times larger or smaller are reported");
    static readonly Threshold Insensitive = new("ACT015.insensitive", 0.05, "", "a relative change of the output from sample to sample below this share of that at a larger scale is reported");

    public static readonly Rule Rule = new("ACT015", "InputScaleMismatch", "The network expects inputs of another scale", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "Networks that were trained on inputs much larger or smaller than those fed: values of 0–255 against 0–1, most often.",
        WhyItMatters: "Inputs that are too small let biases decide, inputs that are too large saturate what can be saturated: the network answers, only not to the question. Nothing in the file says which scale is right, and every other measurement here is of the scale fed.",
        HowItIsComputed: """
            1. Where the first BatchNormalization with frozen statistics follows a convolution or linear layer that takes the input, through nothing but linear operators: scaling the input by s scales that layer's variance by s². The
               median over channels of running variance over the batch's variance is the s² at which both agree.
            2. Elsewhere, with `--profile full`: passes with the inputs times 1/255 and times 255; the change of each float output from sample to sample, relative to its size, at each scale.
            """,
        Threshold: """
            1. A factor s beyond 20 either way: natural images and noise of one variance differ by less in what a first layer makes of them (measured on networks trained on images of unit scale: 0.35 to 1.2), and 0–255 against 0–1 is 255.
            2. A change of less than 5 % of that at the larger scale, and of less than 1 % of the output's size. Confidence hint.
            """,
        Example: "`/stem/bn`: running variances are 5200 times those of the batch, as for inputs 72 times larger: bytes of 0–255.",
        Remedy: "Feed the scale of training, with `--data`; where it is 0–255, give 0–255, or divide the first layer's weights by the factor once and write the expected range into the model's metadata.",
        WhenToIgnore: "Where the data given are right and the statistics are not those of training.",
        References: "Ioffe and Szegedy 2015, arXiv 1502.03167; LeCun et al. 1998, Efficient BackProp, section 4.3"),
        Find)
    { Thresholds = [Factor, Insensitive] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (MismatchedStatistics.First(context) is { } first)
        {
            if (context.CanonicalView?.Own(first.Layer.Node) is { } layer && InputOf(layer) is { } input && ByStatistics(context, first.Norm, first.Spreads.Median(), input) is { } found) yield return found;
            yield break;
        }
        foreach (var output in Sensitivities(context))
        {
            if (!(output.Now < 0.01) || output.Now >= context.Limit(Insensitive) * output.Larger) continue;
            yield return new Observation(
                output.Name, $"From sample to sample the output changes by {NumberFormat.Value(output.Now)} of its size, with inputs 255 times larger by {NumberFormat.Value(output.Larger)}: biases decide at this scale.",
                $"relative change {NumberFormat.Value(output.Now)}", $"≥ {NumberFormat.Percent(context.Limit(Insensitive))} of {NumberFormat.Value(output.Larger)}", output.Larger / Math.Max(output.Now, 1e-16))
            {
                Confidence = Confidence.Hint,
                Value = context.Model.Graph.Outputs.Find(o => string.Equals(o.Name, output.Name, StringComparison.Ordinal)),
                Remedy = "Find out the scale of the training data (0–255 or 0–1) and feed it with --data.",
            };
        }
    }

    static Observation? ByStatistics(RuleContext context, Node norm, double spread, Value input)
    {
        if (!(spread > 0)) return null;
        var factor = Math.Sqrt(1 / spread);
        if (factor <= context.Limit(Factor) && factor >= 1 / context.Limit(Factor)) return null;
        var larger = factor > 1;
        return new Observation(
            input.Name, $"The running statistics of '{norm.LogicalName}' are those of inputs {NumberFormat.Value(larger ? factor : 1 / factor)} times {(larger ? "larger" : "smaller")} than the ones fed.",
            $"factor {NumberFormat.Value(factor)}", $"within {NumberFormat.Value(1 / context.Limit(Factor))} to {NumberFormat.Value(context.Limit(Factor))}", Math.Abs(Math.Log10(factor)))
        {
            Confidence = context.SyntheticInputs ? Confidence.Hint : Confidence.Likely,
            Value = input,
            Remedy = larger ? "Feed inputs of the training scale with --data (values of 0–255, probably), or fold the factor into the first layer." : "Feed inputs of the training scale with --data (divided by 255, probably).",
        };
    }

    /// <summary>The input of the model that a layer takes, through nothing but linear operators; null where there is none.</summary>
    static Value? InputOf(Node layer)
    {
        for (var at = layer.Input(0); at is not null;)
        {
            if (at.Producer is not { } producer) return at.Data is null ? at : null;
            if (producer.OpType is not ("Identity" or "Transpose" or "Reshape" or "Squeeze" or "Unsqueeze" or "Cast" or "Pad" or "Mul" or "Div" or "Slice" or "AveragePool")) return null;
            var computed = producer.Inputs.Where(i => i is not null && ModelView.ConstantOf(i) is null && i.Data is null).ToList();
            if (computed is not [var only]) return null;
            at = only;
        }
        return null;
    }

    /// <summary>The relative change of each float output from sample to sample, as fed and with larger inputs.</summary>
    static IEnumerable<(string Name, double Now, double Larger)> Sensitivities(RuleContext context)
    {
        if (context is not { Run: { } run, Thorough: { } thorough } || thorough.Scales.FirstOrDefault(s => s.Factor > 1).Run is not { Failure: null } larger) yield break;
        foreach (var (now, then) in run.Outputs.Zip(larger.Outputs))
        {
            if (now.Data is not { Unavailable: null, Type: ElementType.Float32, Dims: [>= 2, ..] } data || InsensitiveOutput.Relative(data) is not { } a || InsensitiveOutput.Relative(then.Data) is not { } b) continue;
            yield return (now.Name, a, b);
        }
    }
}
