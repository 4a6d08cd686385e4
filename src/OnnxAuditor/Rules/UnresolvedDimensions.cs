using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX004.</summary>
static class UnresolvedDimensions
{
    public static readonly Rule Rule = new("ONX004", "UnresolvedDimensions", "An input's size is not known", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Inputs of unknown rank, inputs with a dimension of size zero, and inputs with free dimensions other than the batch, for which this program had to choose a size.",
        WhyItMatters: """
            Everything that depends on the size (MACs, activations, gradients, whether the graph runs at all) is then about the chosen size. Another choice may give other numbers.
            """,
        HowItIsComputed: """
            From the declared inputs and from how they were bound. Unknown rank, or a dimension of size 0: warning. A free dimension bound by default: info, naming the choice.
            """,
        Threshold: "None.",
        Example: "`x: float32[?, 3, ?, ?]`, bound to 1×3×64×64.",
        Remedy: "Say the size: `--shape x=1x3x480x640`. For a file that always sees one size, declare it at export (no `dynamic_axes` for that dimension).",
        WhenToIgnore: "Where the chosen size is typical of the model's use.",
        References: "ONNX IR specification, tensor shapes, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var bound = context.Canonical?.Inputs.ToDictionary(i => i.Name, StringComparer.Ordinal) ?? [];
        foreach (var input in context.Model.Graph.Inputs.Where(i => i is { Data: null, Other: null } && !context.Model.Graph.Initializers.Contains(i)))
        {
            bound.TryGetValue(input.Name, out var binding);
            if (binding is { Source: BindingSource.User } or { Content: not null }) continue;
            var batch = context.Canonical?.Batch.Axes.TryGetValue(input.Name, out var axis) == true ? axis : -1;
            if (Judge(input, binding, batch) is not var (severity, message)) continue;
            yield return new Observation(input.Name, message, input.Shape?.ToString() ?? "unknown rank", "known sizes")
            {
                Severity = severity,
                Value = input,
                Remedy = $"Say the size: --shape {input.Name}=1x….",
            };
        }
    }

    static (Severity Severity, string Message)? Judge(Value input, InputBinding? binding, int batch)
    {
        if (input.Shape is not { } shape) return (Severity.Warning, $"The rank of this input is not declared{(binding?.Bound is { } taken ? $"; {taken} was taken" : "")}.");
        if (shape.Any(d => d.Size == 0)) return (Severity.Warning, "A dimension of this input has size zero: it holds no elements.");
        var free = Enumerable.Range(0, shape.Rank).Where(i => !shape[i].IsKnown && i != batch).ToList();
        return free.Count > 0 && binding is { Source: BindingSource.Default, Bound: { } bound }
            ? (Severity.Info, $"{NumberFormat.Count(free.Count, "dimension is", "dimensions are")} free; {bound} was taken.")
            : null;
    }
}
