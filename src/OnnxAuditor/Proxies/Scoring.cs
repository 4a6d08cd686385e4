using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Proxies;

/// <summary>
/// Scores proxies while runs are made: each as soon as its runs are there, so that gradients and activations kept for it can be let go.
/// </summary>
sealed class Scoring
{
    readonly IReadOnlyList<Proxy> wanted;
    readonly AuditOptions options;
    readonly CanonicalModel model;
    readonly Plan plan;
    readonly Dictionary<(Proxy Proxy, long Seed), HashSet<Protocol>> pending = [];
    readonly Dictionary<(Proxy, long), Score> scores = [];

    /// <summary>Prepares the scoring of proxies whose protocols are in the plan.</summary>
    public Scoring(IReadOnlyList<Proxy> wanted, AuditOptions options, CanonicalModel model, Plan plan)
    {
        (this.wanted, this.options, this.model, this.plan) = (wanted, options, model, plan);
        foreach (var proxy in wanted)
            foreach (var seed in ProxySelection.Seeds(proxy, options)) pending[(proxy, seed)] = [.. ProxySelection.Protocols(proxy, options, seed).Select(plan.RunOf)];
    }

    /// <summary>Scores what can be scored, and lets go of the readings that nothing waits for.</summary>
    /// <param name="results">The measurements made so far, by run.</param>
    public void After(Dictionary<Protocol, ModelMeasurement> results)
    {
        foreach (var ((proxy, seed), runs) in pending.Where(p => p.Value.All(results.ContainsKey)).ToList())
        {
            scores[(proxy, seed)] = ProxySelection.ScoreOf(proxy, options, seed, model, protocol => results[plan.RunOf(protocol)]);
            pending.Remove((proxy, seed));
        }
        foreach (var (run, result) in results.Where(r => r.Value.Readings.Count > 0 && !pending.Values.Any(p => p.Contains(r.Key))).ToList())
            results[run] = result with { Readings = new Dictionary<Instrument, (object?, string?)>(), Drawn = new Dictionary<Parameter, TensorData>() };
    }

    /// <summary>The results, in the order of the proxies.</summary>
    public IReadOnlyList<ProxyResult> Results() =>
        [.. wanted.Select(p => ProxySelection.Result(p, options, [.. ProxySelection.Seeds(p, options).Select(s => scores.TryGetValue((p, s), out var score) ? score : Score.NotAvailable("its runs were not made"))]))];
}
