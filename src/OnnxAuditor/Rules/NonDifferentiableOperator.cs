using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN012.</summary>
static class NonDifferentiableOperator
{
    public static readonly Rule Rule = new("TRN012", "NonDifferentiableOperator", "An operator without gradient stands between parameters and outputs", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Operators that have no gradient by their nature (ArgMax, NonMaxSuppression, Round, Floor, Sign, comparisons, casts to integers, …) on a path from a trainable
            parameter to an output.
            """,
        WhyItMatters: """
            The gradient ends there. A parameter of which every path is cut never changes, whatever the loss. Where other paths remain, the parameter is trained by those
            alone, which may be what the author meant (a label beside the scores) or not (a learned threshold).
            """,
        HowItIsComputed: """
            In the canonical graph, over paths that carry data (reading a tensor's shape does not count). S is the set of values from which a float output can be reached without
            passing an operator that stops gradients, A the set from which any output can be reached.
            1. A weight, bias, scale or table in A but not in S is cut off: error, named at the first operators that cut it.
            2. An operator that stops a value outside S, while the parameters behind it have other paths: warning.
            3. An operator that stops a value which also goes on smoothly, or whose result only reaches outputs that are no floats (labels, indices, box selection): info. A
               comparison that gates such a value (x > 0 beside x) is how activations are written and is not reported.

            Integer kernels are reported by TRN009, quantisation pairs by TRN008, operators for which this program lacks a rule as coverage.
            """,
        Threshold: "None: the path is cut or it is not. Elementwise factors and summands of unclear purpose are never more than a warning.",
        Example: "A detector whose only outputs are the boxes that NonMaxSuppression selected and an ArgMax of the scores.",
        Remedy: """
            Train on the tensor in front of the operator: export the model without its post-processing, or cut it with `onnx.utils.extract_model(in, out, inputs, [tensor])`. Where the
            operator is meant to learn: a soft surrogate (softmax for argmax, sigmoid((x − t)/τ) for x > t), or a straight-through estimator for rounding (`--straight-through` measures with one).
            """,
        WhenToIgnore: "Where the operator only post-processes and the loss is attached in front of it (`--target`).",
        References: "Bengio, Léonard and Courville 2013, arXiv 1308.3432 (straight-through estimator); Jang, Gu and Poole 2017, arXiv 1611.01144 (soft surrogates of argmax)"),
        Find);

    /// <summary>More stops than this say nothing that the first ones do not.</summary>
    const int MaxStops = 100;

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Canonical: { StructureOnly: false } canonical, CanonicalView: { } view }) yield break;
        var trainable = canonical.Parameters.Where(p => p.Trainable).ToList();
        var smooth = GradientPaths.Upstream(view, view.Graph.Outputs.Where(o => o.IsFloat), n => GradientPaths.CarriesData(n) && GradientPaths.StopReason(context, n) is null);
        var any = GradientPaths.Upstream(view, view.Graph.Outputs, GradientPaths.CarriesData);
        var anyFloat = GradientPaths.Upstream(view, view.Graph.Outputs.Where(o => o.IsFloat), GradientPaths.CarriesData);
        var cut = trainable.Where(p => any.Contains(p.Value) && !smooth.Contains(p.Value)).ToList();
        var touched = view.Downstream(trainable.Select(p => p.Value), n => GradientPaths.CarriesData(n) && GradientPaths.StopReason(context, n) is null);

        foreach (var node in view.Graph.Nodes.Where(n => GradientPaths.StopReason(context, n) is not null && n.Outputs.Any(o => o is not null && any.Contains(o))).Take(MaxStops))
        {
            var stopped = node.Inputs.OfType<Value>().Where(v => v.IsFloat && touched.Contains(v)).ToList();
            if (stopped.Count == 0) continue;
            var behind = GradientPaths.Upstream(view, stopped, n => GradientPaths.CarriesData(n) && GradientPaths.StopReason(context, n) is null);
            var lost = cut.Where(p => behind.Contains(p.Value)).ToList();
            if (Judge(node, stopped, lost, smooth, anyFloat) is { } severity) yield return Describe(node, GradientPaths.StopReason(context, node)!, severity, lost);
        }
    }

    static Severity? Judge(Node node, List<Value> stopped, List<Parameter> lost, HashSet<Value> smooth, HashSet<Value> anyFloat)
    {
        if (lost.Any(p => IsSurelyLearned(p.Role))) return Severity.Error;
        if (lost.Count > 0) return Severity.Warning;
        var goesOn = stopped.TrueForAll(smooth.Contains);
        if (goesOn && IsComparison(node)) return null;
        return goesOn || !node.Outputs.Any(o => o is not null && anyFloat.Contains(o)) ? Severity.Info : Severity.Warning;
    }

    static Observation Describe(Node node, string reason, Severity severity, List<Parameter> lost)
    {
        var elements = lost.Sum(p => p.Count);
        var message = lost.Count > 0
            ? $"No gradient passes {node.OpType} ({reason}), and {NumberFormat.Count(lost.Count, "parameter has", "parameters have")} no other path to an output: {Phrase.List([.. lost.Select(p => p.Name)])}."
            : severity == Severity.Warning
                ? $"No gradient passes {node.OpType} ({reason}); the parameters behind it are trained by other paths alone."
                : $"No gradient passes {node.OpType} ({reason}); it only selects or labels, and the gradient takes the path beside it.";
        return new Observation(node.LogicalName, message, lost.Count > 0 ? $"{NumberFormat.Count(elements, "element")} cut off" : "one of several paths cut", "no cut path", elements)
        {
            Severity = severity,
            Node = node,
            Remedy = $"Attach the loss in front of {node.OpType} (--target, or export without post-processing), or replace it by a differentiable surrogate.",
        };
    }

    static bool IsSurelyLearned(ParameterRole role) => WeightSlots.IsKernel(role) || role is ParameterRole.Bias or ParameterRole.NormalizationScale or ParameterRole.NormalizationShift
        or ParameterRole.Slope or ParameterRole.RecurrentBias or ParameterRole.RecurrentPeephole;

    static bool IsComparison(Node node) => node.OpType is "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "Not" or "And" or "Or" or "Xor" or "IsNaN" or "IsInf" or "Sign"
        || node.OpType is "Cast" or "CastLike" && node.Output.Type == ElementType.Bool;
}
