using System.Collections.Frozen;

namespace OnnxAuditor.Proxies;

/// <summary>All proxies, in the order of the report.</summary>
static class ProxyRegistry
{
    /// <summary>The proxies.</summary>
    public static readonly Proxy[] All =
    [
        InTrain.Proxy,
        GradAlign.Proxy,
        Epsilon.Proxy,
        GradNorm.Proxy,
        Size.Parameters,
        Size.Macs,
    ];

    /// <summary>The proxies by id.</summary>
    public static FrozenDictionary<string, Proxy> ById { get; } = All.ToFrozenDictionary(p => p.Id, StringComparer.Ordinal);
}
