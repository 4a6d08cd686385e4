using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN027.</summary>
static class PlaceholderWeights
{
    static readonly Threshold Share = new("TRN027.share", 0.5, "", "the share of kernels from which on the model counts as one of placeholders");
    static readonly Threshold MinElements = new("TRN027.elements", 16, "elements", "smaller kernels are left alone");

    public static readonly Rule Rule = new("TRN027", "PlaceholderWeights", "The weights are placeholders", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "Models whose kernels are made by ConstantOfShape, or consist of one number each.",
        WhyItMatters: """
            Such files are made to test runtimes: the architecture is real, the weights are not. Equal weights make all units of a layer compute the same, and gradient descent keeps them equal, so
            that the network cannot be trained from here either.
            """,
        HowItIsComputed: """
            Among kernels, matrices and tables of at least 16 elements, the share that are outputs of ConstantOfShape or whose elements are all equal.
            """,
        Threshold: "Half of the kernels.",
        Example: "`light_resnet50.onnx`: 54 kernels, all written by ConstantOfShape.",
        Remedy: "Get the real artefact. To train the architecture from scratch: re-initialise it (this program's re-initialised runs do so for its proxies).",
        WhenToIgnore: "Where only the architecture matters.",
        References: "ONNX operator ConstantOfShape, https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html"),
        Find)
    { Thresholds = [Share, MinElements] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var made = context.View.Nodes
            .Where(n => n.Is("ConstantOfShape") && n.OutputAt(0) is { } output && WeightSlots.Reached(context.View, output) is { } slot && WeightSlots.IsKernel(slot.Role) && FillsFloats(n))
            .Select(n => (n.Output.Name, Value: (Value?)n.Output)).ToList();
        var names = made.Select(m => m.Name).ToHashSet(StringComparer.Ordinal);
        var kernels = context.Weights.Where(w => w.IsKernel && w.Data.Count >= context.Limit(MinElements) && !names.Contains(w.Name)).ToList();
        var equal = kernels.Where(w => w.Statistics is { NonFinite: 0, Variance: 0 }).ToList();
        List<(string Name, Value? Value)> found = [.. made, .. equal.Select(w => (w.Name, (Value?)w.Value))];
        var all = kernels.Count + made.Count;
        if (found.Count == 0 || found.Count < context.Limit(Share) * all) yield break;
        yield return new Observation(
            found[0].Name, $"{found.Count} of {all} kernels consist of one repeated number.", NumberFormat.Percent((double)found.Count / all) + " of the kernels", $"< {NumberFormat.Percent(context.Limit(Share))}")
        {
            Value = found[0].Value,
            Count = found.Count,
            OtherPlaces = [.. found.Skip(1).Select(f => f.Name)],
            Remedy = "Get the real artefact, or re-initialise the weights to train the architecture from scratch.",
        };
    }

    /// <summary>ConstantOfShape fills with float 0 where it is not told otherwise.</summary>
    static bool FillsFloats(Node node) => node.Tensor("value") is not { } fill || fill.Type.IsFloat;
}
