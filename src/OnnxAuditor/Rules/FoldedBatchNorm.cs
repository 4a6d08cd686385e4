using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN001.</summary>
static class FoldedBatchNorm
{
    static readonly Threshold MinConvolutions = new("TRN001.convolutions", 8, "convolutions", "fewer convolutions than this are left alone: shallow networks often have no normalisation by design");
    static readonly Threshold NormShare = new("TRN001.norms", 0.2, "", "normalisations for one convolution from which on the network counts as normalised");
    static readonly Threshold BiasShare = new("TRN001.bias-share", 0.8, "", "the share of convolutions with a bias from which on folding is plausible");
    static readonly Threshold Dispersion = new("TRN001.dispersion", 0.25, "", "the median over layers of std(ln ‖filter‖) from which on folding is likely; below, it is a hint at most");

    public static readonly Rule Rule = new("TRN001", "FoldedBatchNorm", "BatchNormalization was folded into the convolutions", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            A deep convolutional network with no or hardly any normalisation, whose convolutions have a bias and filters of widely differing norm: the trace that the exporter's
            constant folding leaves when it multiplies BatchNormalization into the convolution in front of it.
            """,
        WhyItMatters: """
            For inference folding is right. For training the network has lost what made it trainable: no batch statistics, no scale invariance, filters whose norms differ by
            orders of magnitude, so that one learning rate fits none of them. Fine-tuning such a file at the original learning rate usually diverges.
            """,
        HowItIsComputed: """
            There must be at least the given number of convolutions with constant filters, and fewer than one normalisation (batch, instance, group or layer, also written in elementary
            operators) for five of them. The evidence is paired: (a) the share of these convolutions with a bias, counting an Add of a constant right behind; (b) for each, the population standard deviation of the natural
            logarithm of its filters' L2 norms, and the median of that over the layers. Folding multiplies each filter by γ/√(var + ε), which spreads the norms.
            """,
        Threshold: """
            8 convolutions, 80 % with bias, median dispersion 0.25. The dispersion was set on published networks: folded ones were measured at 0.32 to 0.6, the same network before folding at 0.13, and
            networks trained without normalisation at 0.11 to 0.20. Less dispersion says nothing.
            """,
        Example: "The exported detector has 56 convolutions, all with bias, no BatchNormalization; the filters' norms of a layer differ by a factor of 20.",
        Remedy: """
            Export again from the checkpoint. PyTorch: `torch.onnx.export(model, args, path, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, dynamo=False)`.
            tf2onnx: convert a model saved in training mode, and do not run `tf_optimize`. Paddle2ONNX: keep `ir_optim` off before converting. Do not pass the file through onnxsim or
            onnxoptimizer (`fuse_bn_into_conv`). Where no checkpoint is left: insert BatchNormalization with γ = filter norm, rescale the filters, re-estimate the statistics on data.
            """,
        WhenToIgnore: """
            Where the model is meant for inference alone, where it is fine-tuned with all convolutions frozen, or where it was trained without normalisation (early detectors,
            SqueezeNet, super-resolution networks).
            """,
        References: "Ioffe and Szegedy 2015, arXiv 1502.03167; Jacob et al. 2018, arXiv 1712.05877, section 3.2 (folding); PyTorch, torch.onnx.TrainingMode"),
        Find)
    { Thresholds = [MinConvolutions, NormShare, BiasShare, Dispersion] };

    static readonly string[] Norms =
    [
        "BatchNormalization", "InstanceNormalization", "GroupNormalization", "GroupNorm", "LayerNormalization", "SkipLayerNormalization", "MeanVarianceNormalization",
        "RMSNormalization", "SimplifiedLayerNormalization",
    ];

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var kernels = context.Weights.Where(w => w is { Role: ParameterRole.ConvolutionWeight, Trainable: true } && w.UnitAxis is not null).ToList();
        if (kernels.Count < context.Limit(MinConvolutions)) yield break;
        var norms = view.Nodes.Count(n => IsNorm(view, n));
        if (norms >= context.Limit(NormShare) * kernels.Count) yield break;
        var uses = context.CanonicalView ?? view;
        var biased = kernels.Count(k => HasBias(uses, k.Use.Node));
        if (biased < context.Limit(BiasShare) * kernels.Count) yield break;
        var dispersions = kernels.Select(DispersionOf).OfType<double>().Order().ToList();
        if (dispersions.Count == 0) yield break;
        var median = dispersions[dispersions.Count / 2];
        if (median < context.Limit(Dispersion)) yield break;
        var first = kernels[0];
        yield return new Observation(
            uses.NameOf(first.Use.Node),
            $"{biased} of {NumberFormat.Count(kernels.Count, "convolution")} have a bias, {(norms == 0 ? "there is no normalisation" : $"{NumberFormat.Count(norms, "normalisation is", "normalisations are")} left")}, and filter norms vary as they do after folding BatchNormalization.",
            $"dispersion of filter norms {NumberFormat.Value(median)}", $"< {NumberFormat.Value(context.Limit(Dispersion))}, or normalisation in the graph")
        {
            Confidence = Confidence.Likely,
            Node = first.Use.Node,
            Count = kernels.Count,
            Remedy = "Export again with BatchNormalization kept: torch.onnx.export(..., training=TrainingMode.PRESERVE, do_constant_folding=False); or re-insert it and re-estimate its statistics.",
        };
    }

    /// <summary>A normalisation as one operator, or the mean that is subtracted where one is written in elementary operators.</summary>
    static bool IsNorm(ModelView view, Node node) => Norms.Contains(node.OpType, StringComparer.Ordinal)
        || (node.Is("ReduceMean") && node.OutputAt(0) is { } mean && view.UsesOf(mean).Any(u => u.Node.Is("Sub")));

    static bool HasBias(ModelView view, Node convolution) => convolution.Input(2) is not null
        || view.UsesOf(convolution.Output) is [{ Node: { OpType: "Add" } add }] && add.Inputs.Any(i => ModelView.ConstantOf(i) is { Count: > 1 });

    static double? DispersionOf(Weight kernel)
    {
        var logs = kernel.UnitNorms()!.Where(n => n > 0).Select(n => Math.Log(n)).ToList();
        if (logs.Count < 8) return null;
        var mean = logs.Average();
        return Math.Sqrt(logs.Sum(l => (l - mean) * (l - mean)) / logs.Count);
    }
}
