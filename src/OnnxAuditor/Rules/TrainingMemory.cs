using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>PRF001.</summary>
static class TrainingMemory
{
    /// <summary>Bytes a parameter: its gradient, and both moments of Adam, in float32.</summary>
    const long GradientBytes = 4, AdamBytes = 8;

    static readonly Threshold Limit = new("PRF001.memory", 8, "GiB", "a larger need at the audit's batch size is reported");

    public static readonly Rule Rule = new("PRF001", "TrainingMemory", "Training needs much memory", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "Models whose training step, at the audit's batch size, needs more memory than a small accelerator has.",
        WhyItMatters: "A training step keeps the activations of the whole forward pass until the backward pass has used them, and an optimiser keeps two more numbers a parameter: a model that runs in 1 GiB may need 20 to be trained.",
        HowItIsComputed: """
            The graph of forward and backward pass that this audit ran is walked in order, and each value freed after its last use; the largest sum of bytes alive is the peak. Of that, what does not belong to the parameters is
            taken to grow with the batch, and brought to the batch size asked for where the run was split. Added are the parameters' gradients (4 bytes each) and the state of Adam (8 bytes), all in float32. It is an estimate: frameworks keep buffers of their own
            (workspaces of convolutions, caches), and fuse operators whose intermediate values are counted here.
            """,
        Threshold: "8 GiB at the batch size of the audit (`--batch`), the memory of a small accelerator.",
        Example: "Batch 16: 14.2 GiB, of which activations 13.9 GiB (889 MiB a sample).",
        Remedy: """
            Smaller batches with gradient accumulation; recomputing activations (`torch.utils.checkpoint`); mixed precision, which halves the activations; an optimiser with less state (Adafactor, 8-bit Adam) where parameters prevail.
            """,
        WhenToIgnore: "Where the machine has the memory.",
        References: "Chen, Xu, Zhang and Guestrin 2016, arXiv 1604.06174 (recomputation); Rajbhandari et al. 2020, arXiv 1910.02054, section 3 (what training keeps in memory)"),
        Find)
    { Thresholds = [Limit] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { Differentiation: not null, Need: { } need } run, Canonical: { } canonical }) yield break;
        var parameters = canonical.Parameters.Where(p => p.Trainable).Sum(p => p.Count);
        var activations = Math.Max(0, need.PeakBytes - need.FixedBytes) / Math.Max(1, need.Samples);
        var batch = run.Protocol.Batch;
        var total = need.FixedBytes + parameters * (GradientBytes + AdamBytes) + activations * batch;
        if (total <= context.Limit(Limit) * (1L << 30)) yield break;
        yield return new Observation(
            context.LossPlace, $"A training step with Adam at batch {batch} needs about {NumberFormat.Bytes(total)}: {NumberFormat.Bytes(activations * batch)} for activations ({NumberFormat.Bytes(activations)} a sample), {NumberFormat.Bytes(total - activations * batch)} for parameters, gradients and Adam's state.",
            NumberFormat.Bytes(total), $"≤ {NumberFormat.Value(context.Limit(Limit), "GiB")}", total)
        {
            Confidence = Confidence.Likely,
            Remedy = "Take smaller batches with gradient accumulation, recompute activations (torch.utils.checkpoint), or train in mixed precision.",
        };
    }
}
