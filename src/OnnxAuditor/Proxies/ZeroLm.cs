using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Proxies;

/// <summary>zerolm: the mean squared singular values of a language model's matrices, without any pass.</summary>
static class ZeroLm
{
    static readonly HashSet<string> Passes = new(StringComparer.Ordinal) { "Add", "Mul", "Div", "Reshape", "Transpose", "Split", "Slice", "Squeeze", "Unsqueeze", "Identity", "Cast", "Gather" };

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "zerolm", "ZeroLM", HigherIsBetter: true, ProxyCost.None, _ => [], x => Score(x.Model),
        new ProxyText(
            Summary: "The size of a transformer's matrices as a sum of mean squared singular values, attention and feed-forward parts apart: no pass, no data.",
            Definition: """
                For each weight matrix m × n of a linear layer, s = ‖W‖²_F / min(m, n), the mean squared singular value, in expectation at Xavier normal initialisation: 2 max(m, n) / (m + n). Matrices that lead to a product of two computed
                tensors (queries, keys, values) count once a head, cut to the head's width; the projection after it counts as attention too, all others as feed-forward. The score is
                S_ffn + α S_attention with α = 1. Components: `feedForward`, `attention`, `matrices`.
                """,
            ForTrainedModels: "The same as for a new model: only shapes count.",
            WhenNotToUse: "Anything but transformers; models without attention have no value. It says nothing beyond the shapes.",
            Source: "ZeroLM, arXiv 2503.18646; published Spearman 0.76 on FlexiBERT. The normalisation of single modules is a reconstruction from a re-implementation, and α, which the source fits on a sample of a benchmark, is 1."));

    static Score Score(CanonicalModel model)
    {
        var consumers = model.Model.Graph.Consumers();
        double feedForward = 0, attention = 0;
        var matrices = 0;
        foreach (var layer in FindLayers.In(model).Where(l => l.Kind == LayerKind.Linear && l.Node.OpType is "MatMul" or "Gemm"))
        {
            var weight = layer.Node.Inputs.FirstOrDefault(i => i?.Data is not null && i.Shape?.Rank == 2) ?? layer.Node.Input(1);
            if (weight?.Shape is not { Rank: 2, IsStatic: true } shape) continue;
            var output = (double)layer.Output.Shape![layer.ChannelAxis].Size;
            var input = shape.ElementCount / output;
            matrices++;
            if (HeadWidth(layer.Output, consumers) is { } width && width > 0 && output % width == 0) attention += output / width * Expected(input, width);
            else if (FollowsAttention(layer.Node)) attention += Expected(input, output);
            else feedForward += Expected(input, output);
        }
        return attention > 0 ? Proxies.Score.Of(feedForward + attention, ("feedForward", feedForward), ("attention", attention), ("matrices", matrices)) : Proxies.Score.NotAvailable("the model has no attention (a product of two computed tensors behind linear layers)");
    }

    static double Expected(double m, double n) => 2 * Math.Max(m, n) / (m + n);

    /// <summary>The width of a head, where a layer's output leads to a product of two computed tensors without another layer between; null where it does not.</summary>
    static long? HeadWidth(Value output, Dictionary<Value, List<Node>> consumers)
    {
        var open = new Stack<Value>([output]);
        var seen = new HashSet<Value>();
        while (open.TryPop(out var value))
        {
            if (!seen.Add(value)) continue;
            foreach (var node in consumers.GetValueOrDefault(value, []))
            {
                if (IsProduct(node) && node.Inputs[0]!.Shape is { Rank: > 2, IsStatic: true } left && node.Inputs[1]!.Shape is { Rank: > 2, IsStatic: true } right) return HeadOf(left, right, value == node.Inputs[0]);
                if (node.Domain.Length == 0 && Passes.Contains(node.OpType)) foreach (var next in node.Outputs) if (next is not null) open.Push(next);
            }
        }
        return null;
    }

    /// <summary>Scores are queries [T, d] times keys [d, T]; the mix is weights [T, T] times values [T, d].</summary>
    static long HeadOf(Shape left, Shape right, bool isLeft) => isLeft ? left[-1].Size : left[-1].Size == left[-2].Size && right[-1].Size != right[-2].Size ? right[-1].Size : Math.Min(right[-1].Size, right[-2].Size);

    static bool IsProduct(Node node) => node.Is("MatMul") && node.Inputs.All(i => i is { Data: null, Constant: null });

    static bool FollowsAttention(Node layer)
    {
        var value = layer.Inputs.FirstOrDefault(i => i?.Data is null);
        while (value?.Producer is { Domain: "" } node && node.OpType is "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Identity" or "Cast") value = node!.Input(0);
        return value?.Producer is { } producer && IsProduct(producer);
    }
}
