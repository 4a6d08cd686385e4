using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN024.</summary>
static class ProbabilityHead
{
    public static readonly Rule Rule = new("TRN024", "ProbabilityHead", "An output is a probability, not a logit", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Outputs that come out of Softmax, LogSoftmax or Sigmoid, directly or through operators that only move numbers about.",
        WhyItMatters: """
            Losses are computed from logits: cross-entropy of a probability takes the logarithm of what Softmax has just rounded, loses every gradient where the probability
            underflows, and a framework's `CrossEntropyLoss` applied to probabilities applies Softmax twice, which trains slowly and without an error.
            """,
        HowItIsComputed: """
            From each float output backward through Identity, Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Cast and Dropout to the first other operator.
            """,
        Threshold: "None.",
        Example: "A classifier that ends in `Gemm → Softmax → output`.",
        Remedy: """
            Attach the loss to the tensor in front of that operator, named in the finding. This program does so by itself and says so under "How it was measured". In your own
            training: `onnx.utils.extract_model(in, out, inputs, [tensor])`; for LogSoftmax take `NLLLoss`, for Sigmoid `BCEWithLogitsLoss` on the tensor before it.
            """,
        WhenToIgnore: "Always, where the model is not trained, or where Softmax is the last layer by design (attention maps, gates that are read).",
        References: "Goodfellow, Bengio and Courville 2016, Deep Learning, section 6.2.2; PyTorch, torch.nn.CrossEntropyLoss"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        foreach (var output in context.Model.Graph.Outputs)
        {
            var value = output;
            while (value.Producer is { } step && step.Is(step.OpType) && step.OpType is "Identity" or "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze" or "Transpose" or "Cast" or "Dropout"
                && step.Input(0) is { } before) value = before;
            if (value.Producer is not { Domain: "", OpType: "Softmax" or "LogSoftmax" or "Sigmoid" } head || head.Input(0) is not { } logits) continue;
            yield return new Observation(
                context.View.NameOf(head), $"Output '{output.Name}' is the result of {head.OpType}; losses want what goes into it, '{logits.Name}'.", head.OpType, "logits")
            {
                Node = head,
                Remedy = $"Attach the loss to '{logits.Name}' (done by this program); in your own training cut the graph there.",
            };
        }
    }
}
