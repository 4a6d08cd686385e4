using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN028.</summary>
static class NotANetwork
{
    static readonly string[] Estimators =
    [
        "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "SVMClassifier", "SVMRegressor", "LinearClassifier", "LinearRegressor",
    ];

    public static readonly Rule Rule = new("TRN028", "NotANetwork", "The model is no neural network", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Tree ensembles, support vector machines and other estimators of the ai.onnx.ml domain, and tree ensembles written in tensor operators.",
        WhyItMatters: """
            There is nothing here that gradient descent trains: trees are fitted by other means. Findings about missing gradients would be true and useless, so they are left out.
            """,
        HowItIsComputed: """
            By operator, where the model has no kernel or matrix of a layer beside them; or by the producer's name, for converters that write trees in tensor operators (Hummingbird).
            """,
        Threshold: "None.",
        Example: "A gradient-boosted classifier exported by skl2onnx: one TreeEnsembleClassifier and a ZipMap.",
        Remedy: "None here. Train such a model with the library it comes from.",
        WhenToIgnore: "Always, where the model is meant to be what it is.",
        References: "ONNX-ML operators, https://onnx.ai/onnx/operators/#ai-onnx-ml"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        var estimator = view.Nodes.FirstOrDefault(n => string.Equals(n.Domain, "ai.onnx.ml", StringComparison.Ordinal) && Estimators.Contains(n.OpType, StringComparer.Ordinal));
        var isTensorTrees = context.Model.ProducerName.Contains("hummingbird", StringComparison.OrdinalIgnoreCase);
        if (!isTensorTrees && (estimator is null || context.Weights.Any(w => w.IsKernel))) yield break;
        var node = estimator ?? (view.Nodes.Count > 0 ? view.Nodes[0] : null);
        var what = estimator?.OpType ?? "a tree ensemble in tensor operators";
        yield return new Observation(node is null ? "model" : view.NameOf(node), $"The model is {(estimator is null ? what : $"an estimator ({what})")}, no neural network: there is nothing that gradients train.", what, "layers with weights")
        {
            Node = node,
            Remedy = "None: such a model is trained by the library it comes from.",
        };
    }
}
