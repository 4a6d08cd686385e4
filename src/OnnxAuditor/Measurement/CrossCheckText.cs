using System.Globalization;

namespace OnnxAuditor.Measurement;

/// <summary>What a cross-check found, in words.</summary>
static class CrossCheckText
{
    /// <summary>What was compared and how far it differs, and what was not compared; one line each.</summary>
    public static IEnumerable<string> Notes(CrossChecked found)
    {
        if (found.Failure is { } failure)
        {
            yield return $"Cross-check: not available: {failure}";
            yield break;
        }
        yield return $"Cross-check: {Of("layers' outputs", found.Layers)}; {Of("parameters' gradients", found.Gradients)}; {Of("outputs against the file as it was read", found.Outputs)}.";
        if (found.GradientsSkipped is { } gradients) yield return $"Cross-check: gradients are not compared: {gradients}";
        if (found.OutputsSkipped is { } outputs) yield return $"Cross-check: the rewritten model is not compared with the file as it was read: {outputs}";
    }

    static string Of(string what, IReadOnlyList<ComparedTensor> tensors) => tensors.Count == 0 ? $"no {what}" : string.Create(CultureInfo.InvariantCulture,
        $"{tensors.Count} {what} differ by at most {tensors.Max(t => t.Difference):0.##e-0} of the largest entry ({tensors.Count(t => t.Agreement == Agreement.Kink)} at kinks, {tensors.Count(t => t.Agreement == Agreement.Differs)} in error)");
}
