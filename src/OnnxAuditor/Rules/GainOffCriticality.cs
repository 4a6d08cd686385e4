using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT009.</summary>
static class GainOffCriticality
{
    static readonly Threshold DecadesPerTenLayers = new("WGT009.slope", 1, "decades in 10 layers", "freshly drawn weights that change the signal's size by more are a warning");
    static readonly Threshold TrainedDecades = new("WGT009.trained-slope", 10, "decades in 10 layers", "the same for weights that were trained, as an info");
    static readonly Threshold MinLayers = new("WGT009.layers", 4, "layers", "shorter chains are left alone");

    public static readonly Rule Rule = new("WGT009", "GainOffCriticality", "The weights' gain makes signals grow or vanish with depth", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Chains of layers without normalisation whose weights are, layer for layer, too large or too small for the activation behind them.",
        WhyItMatters: """
            A layer of independent weights of variance σ² multiplies the mean square of its input by σ²·fan_in, and ReLU halves it: signals keep their size where σ²·fan_in is 2 in front of ReLU and 1 elsewhere. Off by a factor, they
            grow or vanish by that factor to the power of the depth, and gradients with them. PyTorch's default for linear layers and convolutions is σ²·fan_in = 1/3, a sixth of what ReLU needs: made up for by
            normalisation, or by nothing.
            """,
        HowItIsComputed: """
            The gain of a layer is fan_in·mean(w²), divided by 2 where ReLU or a relative of it follows (LeakyReLU of slope a: 2/(1 + a²)) and by 1 elsewhere. Chains are layers with nothing but activations, biases and re-laying between
            them; a normalisation, a sum, a branch or pooling ends a chain. Over each chain: 5·mean(log10 gain), the change of the root mean square in decades in 10 layers, and the product over the chain.
            1. Weights that TRN026 finds freshly drawn: the threshold is 1 decade in 10 layers; the product must be a factor of 3 at least.
            2. Others: 10 decades in 10 layers, confidence hint. Trained weights are not independent of their inputs and pass far less, or more, than the formula says; ACT003 measures what they pass.
            """,
        Threshold: """
            ±1 decade in 10 layers, as ACT003 has it for the measured signal; chains of at least 4 layers. The critical values are LeCun's (1, linear and tanh), Glorot's (1 for fan_in = fan_out) and He's (2, ReLU).
            The trained convolutions of dnsmos_v8, which has no normalisation, have gains of 7 to 16, up to 6 decades in 10 layers.
            """,
        Example: "12 layers drawn in ±1/√fan_in with ReLU: gain 0.167 a layer, −3.9 decades in 10 layers, 2e-5 over the chain.",
        Remedy: """
            Initialise by the law of the activation: `torch.nn.init.kaiming_normal_(w, nonlinearity="relu")`, Keras `kernel_initializer="he_normal"`, `xavier_uniform_` for tanh, LeCun's for SELU; or put a normalisation
            behind each layer. Existing weights can be rescaled by 1/√gain a layer.
            """,
        WhenToIgnore: "Where a normalisation that the program does not see follows, and where the network trains as it is.",
        References: "LeCun, Bottou, Orr and Müller 1998, Efficient BackProp; Glorot and Bengio 2010; He et al. 2015, arXiv 1502.01852, section 2.2; Schoenholz et al. 2017, arXiv 1611.01232 (criticality)"),
        Find)
    { Thresholds = [DecadesPerTenLayers, TrainedDecades, MinLayers] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Canonical: { StructureOnly: false }, CanonicalView: { } view }) yield break;
        var layers = LayerChain.Layers(context);
        var steps = layers.Values.ToDictionary(w => w, w => LayerChain.Next(view, layers, w));
        var isFresh = NeverTrained.Rule.Find(context).Any();
        var limit = context.Limit(isFresh ? DecadesPerTenLayers : TrainedDecades);
        var followers = steps.Values.Where(s => !s.Pooled).Select(s => s.Next).OfType<Weight>().ToHashSet();
        foreach (var first in layers.Values.Where(w => !followers.Contains(w)))
        {
            var chain = Chain(view, steps, first);
            if (chain.Count < context.Limit(MinLayers)) continue;
            var change = chain.Sum(Log) / 2;
            var slope = 10 * change / chain.Count;
            if (Math.Abs(slope) <= limit || Math.Abs(change) < Math.Log10(3)) continue;
            var worst = chain.MaxBy(l => Math.Sign(slope) * Log(l));
            yield return new Observation(
                worst.Weight.Name, $"Over a chain of {NumberFormat.Count(chain.Count, "layer")} without normalisation the weights' gain makes signals {(slope < 0 ? "shrink" : "grow")} by a factor of {NumberFormat.Value(Math.Pow(10, Math.Abs(change)))}, as far as they are independent.",
                $"{NumberFormat.Value(slope)} decades in 10 layers, gain {NumberFormat.Value(Math.Pow(10, 2 * change / chain.Count))} a layer", $"within ±{NumberFormat.Value(limit)}", Math.Abs(change))
            {
                Severity = isFresh ? Severity.Warning : Severity.Info,
                Confidence = isFresh ? Confidence.Likely : Confidence.Hint,
                Value = worst.Weight.Value,
                Count = chain.Count,
                Remedy = "Initialise by the law of the activation (He for ReLU, Glorot for tanh), rescale the weights by 1/√gain, or put a normalisation behind the layers.",
            };
        }
    }

    /// <summary>The layers from one on; a chain ends where pooling, a branch or a normalisation comes.</summary>
    static List<(Weight Weight, Node? Activation)> Chain(ModelView view, Dictionary<Weight, LayerStep> steps, Weight first)
    {
        var chain = new List<(Weight, Node?)>();
        for (var at = first; at is not null;)
        {
            if (at.Use.Node.OutputAt(0) is { } output && ActivationScaleDrift.GoesIntoNorm(view, output)) break;
            var step = steps[at];
            // The last layer's scale is the loss's business.
            if (step.Next is null) break;
            chain.Add((at, step.Activation));
            at = step.Pooled ? null : step.Next;
        }
        return chain;
    }

    static double Log((Weight Weight, Node? Activation) layer) => Math.Log10(Gain(layer.Weight, layer.Activation));

    /// <summary>fan_in·mean(w²) over what the activation needs.</summary>
    internal static double Gain(Weight weight, Node? activation)
    {
        var s = weight.Statistics;
        var needed = activation?.OpType switch
        {
            "Relu" or "PRelu" or "Clip" or "Gelu" or "HardSwish" or "Mish" or "ThresholdedRelu" => 2,
            "LeakyRelu" => 2 / (1 + Math.Pow(activation.Float("alpha", 0.01f), 2)),
            _ => 1,
        };
        return weight.FanIn!.Value * s.Rms * s.Rms / needed;
    }
}
