using GraphRewriter.Canonicalization;
using MathNet.Numerics.Statistics;
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
        return options.Profile switch
        {
            Profile.Fast => [.. ProxyRegistry.All.Where(p => FastIds.Contains(p.Id, StringComparer.Ordinal))],
            Profile.Standard => [.. ProxyRegistry.All.Where(p => p.InStandardProfile)],
            _ => ProxyRegistry.All,
        };
    }

    /// <summary>The protocols of a proxy over all seeds, seed by seed.</summary>
    public static IEnumerable<Protocol> Protocols(Proxy proxy, AuditOptions options) => Seeds(options).SelectMany(seed => Protocols(proxy, options, seed));

    /// <summary>A proxy's score for one seed.</summary>
    /// <param name="proxy">The proxy.</param>
    /// <param name="options">The options.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="model">The canonical model.</param>
    /// <param name="run">The measurements of a protocol asked for.</param>
    public static Score ScoreOf(Proxy proxy, AuditOptions options, long seed, CanonicalModel model, Func<Protocol, ModelMeasurement> run)
    {
        ModelMeasurement[] runs = [.. Protocols(proxy, options, seed).Select(run)];
        var failed = Array.Find(runs, r => r.Failure is not null);
        var bad = proxy.TakesNonFinite ? null : Array.Find(runs, r => r.FirstNonFinite is not null || r.FirstNonFiniteGradient is not null);
        return failed is not null ? Score.NotAvailable(failed.Failure!.TrimEnd('.'))
            : bad is not null ? Score.NotAvailable($"the run is not finite from {bad.FirstNonFinite ?? bad.FirstNonFiniteGradient} on")
            : proxy.Score(new ProxyInputs(model, runs, Asked(options, seed)));
    }

    /// <summary>A proxy's result over all seeds.</summary>
    public static ProxyResult Result(Proxy proxy, AuditOptions options, IReadOnlyList<Score> scores)
    {
        var protocol = Protocols(proxy, options).FirstOrDefault();
        // With several seeds the score is the median; one seed without value leaves the proxy without one, as a median over fewer would hide it.
        var missing = scores.FirstOrDefault(s => s.Value is null);
        var values = scores.Where(s => s.Value is not null).Select(s => s.Value!.Value).ToList();
        return new ProxyResult(proxy.Id, missing is null ? values.Median() : null, proxy.HigherIsBetter, missing?.Reason, scores[0].Components, values.Count > 1 ? values : [], protocol is null ? proxy.DrawsWeights ? "weights as drawn, no run" : "from the graph" : ProtocolText.Of(protocol));
    }

    /// <summary>The seeds that a proxy is spread over; one that draws nothing has no use for several.</summary>
    public static IEnumerable<long> Seeds(Proxy proxy, AuditOptions options) => proxy.Runs(Asked(options, options.Seed)).Count == 0 && !proxy.DrawsWeights ? [options.Seed] : Seeds(options);

    /// <summary>The proxies the options ask for, none of them computed.</summary>
    public static IReadOnlyList<ProxyResult> Unavailable(AuditOptions options, string reason) =>
        [.. Of(options).Select(p => new ProxyResult(p.Id, null, p.HigherIsBetter, reason.TrimEnd('.'), new Dictionary<string, double>(StringComparer.Ordinal), [], "not run"))];

    /// <summary>The protocols of a proxy for one seed.</summary>
    public static IEnumerable<Protocol> Protocols(Proxy proxy, AuditOptions options, long seed)
    {
        foreach (var protocol in proxy.Runs(Asked(options, seed)))
        {
            // Without data the synthetic inputs are those that any run gets.
            var asked = protocol.Input == InputLaw.Normal && options.Data.Count == 0 ? protocol with { Input = InputLaw.Auto } : protocol;
            yield return options.Weights != WeightChoice.Shipped ? asked
                : asked.Weights == WeightSource.Reinitialized ? asked with { Weights = WeightSource.Shipped }
                : asked.Weights == WeightSource.Absolute ? asked with { Weights = WeightSource.AbsoluteShipped } : asked;
        }
    }

    static ProtocolOptions Asked(AuditOptions options, long seed) =>
        new(options.Batch, seed, options.Init, options.Loss) { Shipped = options.Weights == WeightChoice.Shipped, HasData = options.Data.Count > 0, RegSwap = options.RegSwap, Thorough = options.Profile == Profile.Full || options.Proxies is not null };

    static IEnumerable<long> Seeds(AuditOptions options) => Enumerable.Range(0, Math.Max(1, options.Seeds)).Select(i => options.Seed + i);
}
