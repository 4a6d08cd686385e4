using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD016.</summary>
static class TrialStalls
{
    static readonly Threshold Unmoved = new("GRD016.unmoved", 0.1, "", "a share of trainable elements in parameters that a trial left where they were, whole or by half, above this is an info");

    /// <summary>Rules of the file's form that explain why training fails, the most telling first; of the families of numbers every rule may.</summary>
    static readonly string[] Telling =
        ["WGT001", "ACT010", "GRD003", "TRN029", "TRN027", "WGT003", "WGT004", "TRN009", "TRN011", "TRN012", "TRN014", "TRN015", "ACT001", "ACT003", "GRD002", "GRD001", "ACT014", "WGT005", "TRN001"];

    static readonly string[] Families = ["WGT", "ACT", "GRD"];

    const int Shown = 3;

    public static readonly Rule Rule = new("GRD016", "TrialStalls", "A short training on one batch does not succeed", Severity.Warning, RuleCost.Trial, new RuleText(
        WhatItFinds: "Models that a short training on one batch does not move: the loss stalls or diverges at every learning rate, or a large part of the parameters stays where it is.",
        WhyItMatters: """
            A network that cannot learn one batch by heart will not learn a data set. What stops it may lie between what single rules measure: this is the fact itself, whatever the cause,
            and where the other rules say nothing it contradicts them.
            """,
        HowItIsComputed: """
            With `--trial`, or `--profile full`: a training step of the model, in the graph that `rewrite --train-step` writes, is run on ONNX Runtime on one fixed batch. A range test finds the learning
            rate; then up to 100 steps are made (docs/training.md). A trial **stalls** where the loss stays above 95 % of what outputs that ignore the inputs could reach, and **diverges** where no learning rate from 1e-5 on keeps it
            finite and lets it fall. Trials from the same weights with frozen and with batch statistics count as one: it is enough that one of them learns. The likely cause is that of the other rules that found something, the most telling first.
            """,
        Threshold: """
            From the shipped weights, every trial stalls or diverges: warning, and the verdict asks for a fix. Info where it stalls at targets that the trial made up at many places (an image, a list of boxes) and no other
            rule names a cause. From re-initialised weights only: info, as the artefact itself can be trained further. Parameters of which at
            least half the elements kept their bits, and which hold more than 10 % of the trainable elements: info.
            """,
        Example: "`deep_sigmoid_mlp`: the loss falls from 2.338 to 1.96 in 100 steps, and outputs that ignore the inputs reach 1.96. Likely cause: GRD001.",
        Remedy: "Mend what the rule named as the likely cause says; without one, look at the updates by layer in the report's section on the trial, and try another optimizer (`--optimizer adam`) and real data (`--data`, `--labels`).",
        WhenToIgnore: "Where the targets drawn at random cannot be learned by this kind of model (give `--labels`), or the trial had too few steps (`--trial=1000`).",
        References: "Karpathy 2019, A recipe for training neural networks (overfit one batch); Smith 2017, arXiv 1506.01186 (range test); Goodfellow, Bengio and Courville 2016, Deep Learning, section 11.5"),
        Find)
    { Thresholds = [Unmoved] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var group in context.Trials.Where(t => t.Outcome is not null).GroupBy(t => t.Weights, StringComparer.Ordinal))
        {
            var isShipped = group.Key.Equals("shipped", StringComparison.Ordinal);
            // The trial that went furthest speaks for its weights.
            var best = group.MinBy(t => t.Outcome)!;
            if (best.Outcome is TrialOutcome.Stalls or TrialOutcome.Diverges) yield return Failed(context, best, isShipped);
            else if (isShipped && Moved(context, best) is { } left) yield return left;
        }
    }

    static Observation Failed(RuleContext context, TrialReport trial, bool isShipped)
    {
        var word = trial.Outcome == TrialOutcome.Stalls ? "stalls" : "diverges";
        // A trial alone does not convict a model of failing at what the trial itself made up; nor does it together with a rule that speaks of something else.
        var needsTelling = trial is { HasMadeUpTargets: true, Outcome: TrialOutcome.Stalls };
        var cause = Cause(context, isShipped, needsTelling);
        var isDoubtful = needsTelling && cause is null;
        return new Observation(
            context.LossPlace, $"Trained with {trial.Optimizer} on one batch from {(isShipped ? "the shipped" : "re-initialised")} weights, the model {word}: {trial.Because}. {cause ?? NoCause}{(isDoubtful ? " The targets, made up at many places, may be out of reach in so few steps." : "")}",
            word, "overfits or slow", isShipped ? 2 : 1)
        {
            Severity = isShipped && !isDoubtful ? Severity.Warning : Severity.Info,
            Confidence = isDoubtful ? Confidence.Hint : Confidence.Likely,
            Remedy = isDoubtful ? "Run the trial on real data with their targets (--data, --labels), or for more steps." : "Mend the likely cause; then run the trial again.",
        };
    }

    static Observation? Moved(RuleContext context, TrialReport trial)
    {
        var sizes = context.Canonical?.Parameters.Where(p => p.Trainable).ToDictionary(p => p.Name, p => p.Count, StringComparer.Ordinal) ?? [];
        List<string> still = [.. trial.NeverMoved, .. trial.HalfMoved.Select(h => h.Name)];
        var unmoved = trial.NeverMoved.Sum(n => (double)sizes.GetValueOrDefault(n)) + trial.HalfMoved.Sum(h => h.Share * sizes.GetValueOrDefault(h.Name));
        var share = unmoved / Math.Max(1, sizes.Values.Sum());
        if (share <= context.Limit(Unmoved)) return null;
        return new Observation(
            still[0], $"In a training of {NumberFormat.Count(trial.Steps, "step")} on one batch from the shipped weights, {NumberFormat.Percent(share)} of the trainable elements did not move. {Cause(context, isShipped: true, tellingOnly: false) ?? NoCause}",
            NumberFormat.Percent(share), $"≤ {NumberFormat.Percent(context.Limit(Unmoved))}", share)
        {
            Severity = Severity.Info,
            Confidence = Confidence.Likely,
            Remedy = "Mend the likely cause; or freeze these parameters knowingly.",
            OtherPlaces = [.. still.Skip(1)],
        };
    }

    const string NoCause = "No other rule names a cause.";

    /// <summary>The likely cause: what other rules found on the shipped weights, as a sentence; null where they found nothing.</summary>
    static string? Cause(RuleContext context, bool isShipped, bool tellingOnly)
    {
        var found = RuleRegistry.All
            .Where(r => r.Id != Rule.Id && (Telling.Contains(r.Id, StringComparer.Ordinal) || !tellingOnly && Families.Contains(r.Family, StringComparer.Ordinal)))
            .OrderBy(r => Array.IndexOf(Telling, r.Id) is >= 0 and var at ? at : Telling.Length)
            .Select(r => (Rule: r, Worst: r.Find(context).Where(o => (o.Severity ?? r.Severity) >= Severity.Warning).MaxBy(o => o.Badness)))
            .Where(r => r.Worst is not null).Take(Shown)
            .Select(r => $"{r.Rule.Id} ({InSentence(r.Rule.Title)}: {r.Worst!.Where})").ToList();
        if (found.Count == 0) return null;
        return $"Likely cause: {string.Join(", ", found)}{(isShipped ? "" : ", as measured on the shipped weights")}.";
    }

    /// <summary>A title within a sentence: names such as BatchNormalization keep their capital.</summary>
    static string InSentence(string title) => title.Split(' ')[0].Skip(1).Any(char.IsUpper) ? title : char.ToLowerInvariant(title[0]) + title[1..];
}
