using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>What the rules said of a model.</summary>
/// <param name="Findings">The findings: worst first, then in registry order, then by place.</param>
/// <param name="Notes">What was not measured, and what was left out as the consequence of something else; one line each.</param>
sealed record RuleResult(IReadOnlyList<Finding> Findings, IReadOnlyList<string> Notes);

/// <summary>Runs rules on a model and makes findings of what they observe.</summary>
static class RuleEngine
{
    /// <summary>Further places that a finding names.</summary>
    const int OtherPlaces = 5;

    /// <summary>Runs rules and groups what they observe, one finding for each rule and severity.</summary>
    /// <param name="context">What they look at.</param>
    /// <param name="rules">The rules, in registry order.</param>
    /// <param name="severities">Severities that a configuration changes, by rule id; null for none.</param>
    public static RuleResult Run(RuleContext context, IReadOnlyList<Rule> rules, IReadOnlyDictionary<string, Severity>? severities = null)
    {
        var notes = NotMeasured(context, rules).ToList();
        var observed = rules.Select(r => (Rule: r, Observations: Observe(context, r, severities))).Where(r => r.Observations.Count > 0).ToList();
        Suppress(observed, notes);
        var findings = observed
            .SelectMany((r, order) => r.Observations.GroupBy(o => o.Severity!.Value).Select(g => (Order: order, Finding: Group(context, r.Rule, g.Key, g))))
            .OrderByDescending(f => f.Finding.Severity).ThenBy(f => f.Order).ThenBy(f => f.Finding.Where, StringComparer.Ordinal)
            .Select(f => f.Finding);
        return new RuleResult([.. findings], notes);
    }

    /// <summary>The finding of a file that could not be read at all; it has no model that rules could look at.</summary>
    /// <param name="path">The file as given.</param>
    /// <param name="problem">Why.</param>
    public static Finding Unreadable(string path, ModelException problem)
    {
        var (id, remedy) = problem.Problem switch
        {
            ModelProblem.Budget => (AllocationBomb.Rule.Id, "Raise --max-memory if the model is trusted; a small file that declares huge tensors is not one to trust."),
            ModelProblem.InvalidGraph => (InvalidGraph.Rule.Id, "Export the model again; onnx.checker.check_model(model, full_check=True) shows the same errors."),
            ModelProblem.ExternalData => (ExternalDataMissing.Rule.Id, "Put the external data file beside the model, as the exporter wrote it."),
            _ when !File.Exists(path) => (UnreadableFile.Rule.Id, "Check the path: it is taken from the current folder."),
            _ => (UnreadableFile.Rule.Id, "Fetch the file again (git lfs pull, or a direct download) and check that its first bytes are no text."),
        };
        var where = new Observation(path, problem.Message, "not readable", "a readable ONNX model") { Remedy = remedy };
        return new Finding(id, Severity.Error, Confidence.Certain, path, where.Message, where.Measured, where.Threshold, remedy, Fingerprints.OfFile(id, path));
    }

    static List<Observation> Observe(RuleContext context, Rule rule, IReadOnlyDictionary<string, Severity>? severities)
    {
        var own = severities is not null && severities.TryGetValue(rule.Id, out var chosen) ? chosen : (Severity?)null;
        return [.. rule.Find(context).Select(o => o with { Severity = own ?? o.Severity ?? rule.Severity })];
    }

    static void Suppress(List<(Rule Rule, List<Observation> Observations)> observed, List<string> notes)
    {
        foreach (var suppression in Suppression.All)
        {
            // A milder observation of the same rule (one constant output of several, say) explains nothing else.
            var found = observed.FirstOrDefault(r => string.Equals(r.Rule.Id, suppression.Cause, StringComparison.Ordinal));
            var cause = found.Observations?.Where(o => o.Severity >= found.Rule.Severity).ToList();
            if (cause is not { Count: > 0 }) continue;
            var places = suppression.SamePlace ? cause.Select(o => o.Where).ToHashSet(StringComparer.Ordinal) : null;
            var left = new List<string>();
            foreach (var (rule, observations) in observed)
            {
                if (string.Equals(rule.Id, suppression.Cause, StringComparison.Ordinal)) continue;
                // A trial that fails is a fact beside its cause, and names that itself.
                if (rule.Cost == RuleCost.Trial) continue;
                if (!suppression.Consequences.Any(p => rule.Id.StartsWith(p, StringComparison.Ordinal))) continue;
                if (observations.RemoveAll(o => places is null || places.Contains(o.Where)) > 0) left.Add(rule.Id);
            }
            if (left.Count > 0) notes.Add($"{string.Join(", ", left)}: left out where {suppression.Cause} says it ({suppression.Why}).");
        }
    }

    static Finding Group(RuleContext context, Rule rule, Severity severity, IEnumerable<Observation> observations)
    {
        // Ties in badness are broken by the fingerprint, not by the name: the name may be numbered anew by the next export.
        var ranked = observations
            .Select(o => (Observation: o, Fingerprint: Fingerprints.Of(rule.Id, context, o)))
            .OrderByDescending(o => o.Observation.Badness).ThenBy(o => o.Fingerprint, StringComparer.Ordinal).ThenBy(o => o.Observation.Where, StringComparer.Ordinal)
            .ToList();
        var (worst, fingerprint) = ranked[0];
        var others = worst.OtherPlaces.Concat(ranked.Skip(1).Select(o => o.Observation.Where)).Where(w => !string.Equals(w, worst.Where, StringComparison.Ordinal)).Distinct(StringComparer.Ordinal);
        return new Finding(rule.Id, severity, worst.Confidence, worst.Where, worst.Message, worst.Measured, worst.Threshold, worst.Remedy, fingerprint)
        {
            Count = ranked.Sum(o => o.Observation.Count),
            OtherPlaces = [.. others.Take(OtherPlaces)],
        };
    }

    static IEnumerable<string> NotMeasured(RuleContext context, IReadOnlyList<Rule> rules)
    {
        var forward = rules.Where(r => r.Cost == RuleCost.Forward).Select(r => r.Id).ToList();
        var backward = rules.Where(r => r.Cost == RuleCost.Backward).Select(r => r.Id).ToList();
        if (context.Run is null)
        {
            List<string> all = [.. forward, .. backward];
            var why = context.Shipped?.Failure is not null ? "the run on the shipped weights failed" : "no pass was run on the shipped weights";
            if (all.Count > 0) yield return $"{string.Join(", ", all)}: not measured, {why}.";
        }
        else if (context.Run.Differentiation is null && backward.Count > 0)
        {
            yield return $"{string.Join(", ", backward)}: not measured, no backward pass was run.";
        }
        var spectral = rules.Where(r => r.Cost == RuleCost.Spectral).Select(r => r.Id).ToList();
        if (spectral.Count > 0 && context.Spectra.LeftOut is { Count: > 0 } leftOut)
            yield return $"{string.Join(", ", spectral)}: not measured for {Phrase.List(leftOut)}, whose decomposition would take too long.";
        var thorough = rules.Where(r => r.Cost == RuleCost.Thorough).Select(r => r.Id).ToList();
        if (context.Run is not null && context.Thorough is null && thorough.Count > 0) yield return $"{string.Join(", ", thorough)}: not measured, --profile full has their passes.";
        if (context.Device is { Failure: { } failure } compared && rules.Any(r => r == DeviceMismatch.Rule)) yield return $"{DeviceMismatch.Rule.Id}: not measured, {compared.Device} and the processor could not be compared: {failure}.";
        if (context.Canonical is null) yield return "Rules that need the canonical model looked at the model as read, or said nothing.";
    }
}
