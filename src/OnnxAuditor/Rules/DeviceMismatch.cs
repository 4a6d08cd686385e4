using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>NUM002.</summary>
static class DeviceMismatch
{
    static readonly Threshold Tolerance = new("NUM002.tolerance", 1e-3, "", "a larger difference, relative to the output's largest entry, is reported");

    public static readonly Rule Rule = new("NUM002", "DeviceMismatch", "The device computes something else than the processor", Severity.Warning, RuleCost.Forward, new RuleText(
        WhatItFinds: "Outputs of the run on the chosen device that differ from those of the same run on the processor by more than rounding.",
        WhyItMatters: "Products in TF32 keep ten bits of a number, and some kernels of providers are wrong for rare attributes. What was validated on one device is then not what another computes, and measurements of both cannot be compared.",
        HowItIsComputed: """
            Where `--device` is not the processor: the run on the shipped weights once more on the processor, on the same engine, and for each float output the largest difference relative to its largest entry. With `--device cpu` there
            is nothing to compare and nothing is said. The rule was tested with made-up comparisons, not on a GPU.
            """,
        Threshold: "1e-3: TF32 rounds each factor to 2⁻¹¹ = 5e-4; sums in another order alone differ by some 1e-6.",
        Example: "`logits`: differs by 0.004 of its largest entry on cuda.",
        Remedy: "Switch TF32 off (`use_tf32=0` of the CUDA provider, `NVIDIA_TF32_OVERRIDE=0`) and compare again; if the difference stays, find the node with `--cross-check` or by cutting the graph, and report it.",
        WhenToIgnore: "Where the device is meant to compute in TF32 or half precision and the results are good enough; at outputs that jump (indices as floats, thresholds).",
        References: "NVIDIA, TensorFloat-32; ONNX Runtime, CUDA execution provider, use_tf32"),
        Find)
    { Thresholds = [Tolerance] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Device is not { Failure: null } compared) yield break;
        foreach (var (name, difference) in compared.Outputs)
        {
            if (difference <= context.Limit(Tolerance)) continue;
            yield return new Observation(name, $"On {compared.Device} the output differs from that of the processor by {NumberFormat.Value(difference)} of its largest entry.", $"difference {NumberFormat.Value(difference)}", $"≤ {NumberFormat.Value(context.Limit(Tolerance))}", difference)
            {
                Confidence = Confidence.Likely,
                Value = context.Model.Graph.Outputs.Find(o => string.Equals(o.Name, name, StringComparison.Ordinal)),
                Remedy = "Switch TF32 off and compare again; if the difference stays, find the node and report it.",
            };
        }
    }
}
