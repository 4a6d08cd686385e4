using GraphRewriter.Canonicalization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Proxies;

/// <summary>Which proxies an audit computes, under which protocols, and their results.</summary>
static class ProxySelection
{
    static readonly string[] FastIds = ["parameters", "macs"];

    /// <summary>The proxies the options ask for, in registry order; the baselines are always among them.</summary>
    public static IReadOnlyList<Proxy> Of(AuditOptions options)
    {
        if (options.Proxies is { } ids) return [.. ProxyRegistry.All.Where(p => ids.Contains(p.Id, StringComparer.Ordinal) || (ids.Count > 0 && FastIds.Contains(p.Id, StringComparer.Ordinal)))];
        return options.Profile == Profile.Fast ? [.. ProxyRegistry.All.Where(p => FastIds.Contains(p.Id, StringComparer.Ordinal))] : ProxyRegistry.All;
    }

    /// <summary>The protocols of a proxy over all seeds, seed by seed.</summary>
    public static IEnumerable<Protocol> Protocols(Proxy proxy, AuditOptions options) => Seeds(options).SelectMany(seed => Protocols(proxy, options, seed));

    /// <summary>A proxy's result over all seeds.</summary>
    public static ProxyResult Result(Proxy proxy, AuditOptions options, CanonicalModel model, Func<Protocol, ModelMeasurement> run)
    {
        var scores = new List<Score>();
        var text = "";
        foreach (var seed in Seeds(options))
        {
            Protocol[] protocols = [.. Protocols(proxy, options, seed)];
            ModelMeasurement[] runs = [.. protocols.Select(run)];
            if (text.Length == 0) text = protocols.Length == 0 ? "from the graph" : ProtocolText.Of(protocols[0]);
            var failed = Array.Find(runs, r => r.Failure is not null);
            var bad = Array.Find(runs, r => r.FirstNonFinite is not null || r.FirstNonFiniteGradient is not null);
            scores.Add(failed is not null ? Score.NotAvailable(failed.Failure!)
                : bad is not null ? Score.NotAvailable($"the run is not finite from {bad.FirstNonFinite ?? bad.FirstNonFiniteGradient} on")
                : proxy.Score(new ProxyInputs(model, runs)));
            if (protocols.Length == 0) break;
        }
        // With several seeds the score is the median; one seed without value leaves the proxy without one, as a median over fewer would hide it.
        var missing = scores.Find(s => s.Value is null);
        var values = scores.Where(s => s.Value is not null).Select(s => s.Value!.Value).ToList();
        return new ProxyResult(proxy.Id, missing is null ? Median(values) : null, proxy.HigherIsBetter, missing?.Reason, scores[0].Components, values.Count > 1 ? values : [], text);
    }

    /// <summary>The proxies the options ask for, none of them computed.</summary>
    public static IReadOnlyList<ProxyResult> Unavailable(AuditOptions options, string reason) =>
        [.. Of(options).Select(p => new ProxyResult(p.Id, null, p.HigherIsBetter, reason.TrimEnd('.'), new Dictionary<string, double>(StringComparer.Ordinal), [], "not run"))];

    static IEnumerable<Protocol> Protocols(Proxy proxy, AuditOptions options, long seed)
    {
        foreach (var protocol in proxy.Runs(new ProtocolOptions(options.Batch, seed, options.Init, options.Loss)))
            yield return options.Weights == WeightChoice.Shipped && protocol.Weights == WeightSource.Reinitialized ? protocol with { Weights = WeightSource.Shipped } : protocol;
    }

    static IEnumerable<long> Seeds(AuditOptions options) => Enumerable.Range(0, Math.Max(1, options.Seeds)).Select(i => options.Seed + i);

    static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
