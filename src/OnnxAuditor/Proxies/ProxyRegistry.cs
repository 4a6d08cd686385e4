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
        Dextr.Proxy,
        Near.Proxy,
        ActivationPatterns.Naswot,
        GradientVariation.Zico,
        Saliency.SynFlow,
        Saliency.Snip,
        Saliency.GradNorm,
        MeCo.Proxy,
        AzNas.Proxy,
        SampleGradientProxies.GradSign,
        Swap.Proxy,
        Swap.Regularized,
        GradientVariation.LSwag,
        SampleGradientProxies.Ntk,
        ActivationPatterns.Regions,
        JacobianCorrelation.JacobCov,
        JacobianCorrelation.EpeNas,
        Zen.Proxy,
        Saliency.Grasp,
        Saliency.Fisher,
        Saliency.Plain,
        Saliency.L2Norm,
        ZeroLm.Proxy,
        Size.Parameters,
        Size.Macs,
    ];

    /// <summary>The proxies by id.</summary>
    public static FrozenDictionary<string, Proxy> ById { get; } = All.ToFrozenDictionary(p => p.Id, StringComparer.Ordinal);
}
