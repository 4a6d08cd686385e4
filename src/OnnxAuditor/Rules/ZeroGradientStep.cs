using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN013.</summary>
static class ZeroGradientStep
{
    public static readonly Rule Rule = new("TRN013", "ZeroGradientStep", "A piecewise constant function stands where a gradient should pass", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Steps written as a comparison whose result is used as a number (binary activations, spikes, hard masks), and Clip or HardSigmoid layers all of whose inputs lie beyond their bounds.",
        WhyItMatters: """
            The derivative of a step is zero wherever it exists. What lies in front gets no gradient through it, while the forward pass looks as it should; where another path leads around the step (a skip connection) the network trains, but not
            through the step. A straight-through estimator does not survive the export: `x + (step(x) − x).detach()` becomes a graph whose gradient is exactly zero.
            """,
        HowItIsComputed: """
            1. In the canonical graph: a comparison or Sign of something that depends on a trainable parameter, whose result, cast to a float or choosing between two constants by Where, is used otherwise than as a factor of something that
               depends on parameters too (a factor is a gate, as in x·(x > 0), and passes the gradient of what it gates). Where the step cuts all paths, TRN012 says so instead.
            2. In the run on the shipped weights, where there is one: a Clip, HardSigmoid or ThresholdedRelu at whose output a gradient arrives, while that at the layer in front of it is exactly zero at all samples. Activations that are zero
               throughout are ACT001's.
            """,
        Threshold: "Exact zero.",
        Example: "`y = Where(x > 0, 1, -1)` in front of a convolution whose input also goes around it.",
        Remedy: """
            A soft surrogate: sigmoid((x − t)/τ) for a step, softmax for an argmax, a surrogate derivative for spikes (`snntorch.surrogate`). A straight-through estimator must be a custom autograd function of the training code, not part of the exported
            graph; attach it again after importing. A saturated Clip: rescale what goes into it, widen its bounds, or check the input scale (`--data`).
            """,
        WhenToIgnore: "Where nothing in front of the step is to be trained, or the mask is meant to be hard.",
        References: "Bengio, Léonard and Courville 2013, arXiv 1308.3432; Neftci, Mostafa and Zenke 2019, arXiv 1901.09948 (surrogate gradients); Hubara et al. 2016, arXiv 1602.02830"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => context is { Canonical.StructureOnly: false, CanonicalView: { } view } ? [.. Steps(context, view), .. Saturated(context, view)] : [];

    static IEnumerable<Observation> Steps(RuleContext context, ModelView view)
    {
        bool Passes(Node n) => GradientPaths.CarriesData(n) && GradientPaths.StopReason(context, n) is null;
        var touched = view.Downstream(context.Canonical!.Parameters.Where(p => p.Trainable).Select(p => p.Value), Passes);
        var smooth = GradientPaths.Upstream(view, view.Graph.Outputs.Where(o => o.IsFloat), Passes);
        foreach (var node in view.Graph.Nodes.Where(n => n.Domain.Length == 0 && n.OpType is "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "Sign"))
        {
            if (!node.Inputs.Any(i => i is not null && touched.Contains(i))) continue;
            var step = Numbers(view, node).FirstOrDefault(v => smooth.Contains(v) && !view.UsesOf(v).All(u => IsGate(u, touched)));
            if (step is null) continue;
            yield return new Observation(view.NameOf(node), $"The result of {node.OpType} is used as a number ({step.Producer!.OpType}): its derivative is zero, and what lies in front learns nothing through it.", "derivative 0", "a derivative other than 0")
            {
                Node = node,
                Remedy = "Replace the step by a soft surrogate such as sigmoid((x − t)/τ), or give it a surrogate derivative in the training code.",
            };
        }
    }

    /// <summary>The numbers made of a comparison's result: by Cast, by Where between two constants; what Sign gives is one itself.</summary>
    static IEnumerable<Value> Numbers(ModelView view, Node comparison)
    {
        if (comparison.Is("Sign")) return [comparison.Output];
        return view.UsesOf(comparison.Output).SelectMany(u => u.Node.OpType switch
        {
            "Not" or "And" or "Or" => Numbers(view, u.Node),
            "Cast" when u.Node.Output.IsFloat => [u.Node.Output],
            "Where" when u.Input == 0 && ModelView.ConstantOf(u.Node.Input(1)) is not null && ModelView.ConstantOf(u.Node.Input(2)) is not null => [u.Node.Output],
            _ => Enumerable.Empty<Value>(),
        });
    }

    static bool IsGate(Use use, HashSet<Value> touched) => use.Node.OpType is "Mul" or "Div" && use.Node.Inputs[1 - use.Input] is { } other && touched.Contains(other);

    static IEnumerable<Observation> Saturated(RuleContext context, ModelView view)
    {
        if (context.Run is not { Differentiation: not null } run) yield break;
        var byOutput = run.Layers.GroupBy(l => l.Layer.Output.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        foreach (var measured in run.Layers.Where(l => l is { Layer.Kind: LayerKind.Activation, Gradient.Norm: > 0 } && l.Layer.Node.OpType is "Clip" or "HardSigmoid" or "ThresholdedRelu" && l.Moments?.DeadFraction is not 1))
        {
            if (InFront(view, byOutput, measured.Layer.Node) is not { Gradient.Norm: 0 } before) continue;
            yield return new Observation(
                measured.Layer.Name, $"A gradient arrives at the output of {measured.Layer.Node.OpType}, and none at {before.Layer.Name} in front of it: all of its inputs lie beyond its bounds.", "gradient 0 in front, not behind", "a gradient other than 0")
            {
                Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
                Node = measured.Layer.Node,
                Remedy = "Rescale what goes into the activation or widen its bounds; confirm with --data where inputs are synthetic.",
            };
        }
    }

    /// <summary>The measured layer whose output goes into the activation alone, but for biases on the way.</summary>
    static LayerMeasurement? InFront(ModelView view, Dictionary<string, LayerMeasurement> byOutput, Node activation)
    {
        for (var at = view.Own(activation)?.Input(0); at is not null && view.UsesOf(at).Count == 1;)
        {
            if (byOutput.TryGetValue(at.Name, out var found)) return found;
            if (at.Producer is not { OpType: "Add" } add || add.Inputs.Count(i => ModelView.ConstantOf(i) is null) != 1) return null;
            at = add.Inputs.First(i => ModelView.ConstantOf(i) is null);
        }
        return null;
    }
}
