using System.Collections.Frozen;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>A verdict and why, one sentence.</summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Reason">Why.</param>
sealed record VerdictResult(Verdict Verdict, string Reason);

/// <summary>
/// Derives the verdict from findings and coverage; no proxy's score has a part in it. The rows, tried in this order (docs/verdict.md says the same):
/// 1. a finding says that the file or its weights could not be had: undetermined;
/// 2. a finding says that there is nothing to train or nothing trained in it: not trainable;
/// 3. there are no trainable parameters: not trainable;
/// 4. no backward pass was run: undetermined;
/// 5. less than 95 % of the trainable elements is reached, and this program lacks a gradient rule on the way: undetermined;
/// 6. nothing is reached: not trainable;
/// 7. less than 95 % is reached, or a finding asks for a fix: trainable with fixes;
/// 8. else: trainable.
/// A finding of confidence hint has no part in it; a suppressed one has, for a baseline hides a fact from the exit code but does not change it.
/// </summary>
static class Verdicts
{
    /// <summary>The share of trainable elements that gradients must reach, below which the rest counts.</summary>
    public const double EnoughCoverage = 0.95;

    /// <summary>What a finding means for the verdict.</summary>
    internal enum Effect
    {
        /// <summary>Nothing.</summary>
        None,
        /// <summary>Training is possible after a fix.</summary>
        Fix,
        /// <summary>There is nothing to train, or nothing trained in it.</summary>
        Blocks,
        /// <summary>The file or its weights could not be had.</summary>
        Hides,
    }

    /// <summary>By rule, what a finding means from the given severity on. A rule that is not here: an error asks for a fix, anything less means nothing.</summary>
    internal static readonly (string Rule, Severity From, Effect Effect)[] Effects =
    [
        ("ONX001", Severity.Error, Effect.Hides),
        ("ONX002", Severity.Error, Effect.Hides),
        ("ONX003", Severity.Error, Effect.Hides),
        ("ONX008", Severity.Error, Effect.Hides),
        ("SEC001", Severity.Error, Effect.Hides),
        ("SEC002", Severity.Error, Effect.Hides),
        ("TRN009", Severity.Error, Effect.Blocks),
        ("TRN027", Severity.Error, Effect.Blocks),
        ("TRN028", Severity.Info, Effect.Blocks),
        ("TRN029", Severity.Error, Effect.Blocks),
        ("WGT001", Severity.Error, Effect.Blocks),
        ("TRN001", Severity.Warning, Effect.Fix),
        ("TRN005", Severity.Warning, Effect.Fix),
        ("TRN006", Severity.Warning, Effect.Fix),
        ("TRN008", Severity.Warning, Effect.Fix),
        ("TRN010", Severity.Warning, Effect.Fix),
        ("TRN012", Severity.Warning, Effect.Fix),
        ("TRN019", Severity.Warning, Effect.Fix),
        ("TRN021", Severity.Warning, Effect.Fix),
        ("TRN030", Severity.Warning, Effect.Fix),
        ("ACT003", Severity.Warning, Effect.Fix),
        ("GRD001", Severity.Warning, Effect.Fix),
        ("GRD002", Severity.Warning, Effect.Fix),
        ("GRD016", Severity.Warning, Effect.Fix),
    ];

    static readonly FrozenDictionary<string, (Severity From, Effect Effect)> ByRule =
        Effects.ToFrozenDictionary(e => e.Rule, e => (e.From, e.Effect), StringComparer.Ordinal);

    /// <summary>The verdict.</summary>
    /// <param name="findings">The findings of all rules.</param>
    /// <param name="coverage">What the gradients reach.</param>
    /// <param name="shipped">The run on the shipped weights; null where none was made.</param>
    /// <param name="trials">Trial trainings: one that fails counts by its finding (GRD016), one that succeeds is told.</param>
    public static VerdictResult Of(IReadOnlyList<Finding> findings, Coverage coverage, ModelMeasurement? shipped, IReadOnlyList<TrialReport>? trials = null)
    {
        if (Strongest(findings, Effect.Hides) is { } hidden) return new(Verdict.Undetermined, Because(hidden));
        if (Strongest(findings, Effect.Blocks) is { } blocking) return new(Verdict.NotTrainable, Because(blocking));
        if (coverage.ParameterShare is not { } share) return new(Verdict.NotTrainable, "The model has no trainable parameters.");
        if (shipped?.Failure is { } failure) return new(Verdict.Undetermined, $"The model could not be run: {Phrase.Line(failure)}");
        if (shipped?.Differentiation is not { } sweep) return new(Verdict.Undetermined, "No backward pass was run, so nothing is known of the gradients.");
        var missing = sweep.Blocked.Where(b => b.IsMissingRule).Select(b => b.Node.OpType).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var reached = $"gradients reach {NumberFormat.Percent(share)} of the trainable elements";
        if (share < EnoughCoverage && missing.Count > 0)
            return new(Verdict.Undetermined, $"Too little could be measured: {reached}; this program has no gradient for {Phrase.List(missing)}.");
        if (coverage.ParametersReached == 0) return new(Verdict.NotTrainable, "No gradient reaches any trainable parameter.");
        var fixes = findings.Where(f => EffectOf(f) == Effect.Fix).Select(f => f.RuleId).Distinct(StringComparer.Ordinal).ToList();
        if (fixes.Count > 0)
            return new(Verdict.TrainableWithFixes, $"{char.ToUpperInvariant(reached[0])}{reached[1..]}; {NumberFormat.Count(fixes.Count, "finding asks", "findings ask")} for a fix first ({Phrase.List(fixes, 6)}).");
        return share < EnoughCoverage
            ? new(Verdict.TrainableWithFixes, $"Only part of the model would be trained: {reached}.")
            : new(Verdict.Trainable, $"{char.ToUpperInvariant(reached[0])}{reached[1..]} and no finding stands against training{Proved(trials ?? [])}.");
    }

    /// <summary>What a trial from the shipped weights adds, as a clause; empty where none was made.</summary>
    static string Proved(IReadOnlyList<TrialReport> trials)
    {
        var best = trials.Where(t => t.Outcome is not null && t.Weights.Equals("shipped", StringComparison.Ordinal)).MinBy(t => t.Outcome);
        return best switch
        {
            { Outcome: TrialOutcome.Overfits } => $"; a trial learned one batch by heart in {NumberFormat.Count(best.Steps, "step")}",
            { Outcome: TrialOutcome.Slow } => $"; a trial of {NumberFormat.Count(best.Steps, "step")} learned from one batch, slowly",
            _ => "",
        };
    }

    static Finding? Strongest(IReadOnlyList<Finding> findings, Effect effect) => findings.FirstOrDefault(f => EffectOf(f) == effect);

    static string Because(Finding finding) => $"{finding.RuleId}: {finding.Message.TrimEnd('.')}.";

    static Effect EffectOf(Finding finding)
    {
        if (finding.Confidence == Confidence.Hint) return Effect.None;
        var (from, effect) = ByRule.TryGetValue(finding.RuleId, out var row) ? row : (Severity.Error, Effect.Fix);
        return finding.Severity >= from ? effect : Effect.None;
    }
}
