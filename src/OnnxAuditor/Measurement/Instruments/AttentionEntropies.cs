using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>How evenly the heads of one attention layer look at what they may look at.</summary>
/// <param name="Node">The Softmax.</param>
/// <param name="Heads">By head: the mean over rows of the entropy, relative to that of the uniform distribution over the entries that no mask takes. NaN where no row has two entries.</param>
/// <param name="Keys">The length of a row.</param>
sealed record AttentionEntropy(Node Node, IReadOnlyList<double> Heads, long Keys)
{
    /// <summary>The mean over heads.</summary>
    public double Mean => Heads.Average();
}

/// <summary>The entropies of all attention layers, in graph order.</summary>
/// <param name="Layers">The layers.</param>
sealed record AttentionEntropySet(IReadOnlyList<AttentionEntropy> Layers);

/// <summary>
/// Entropies −Σ p ln p of rows of attention, made in the graph. Attention is a Softmax over the last axis whose result a matrix product takes as its first factor, through operators that only re-lay it. Entries that a mask
/// takes away are not counted, and rows with one entry left are left out.
/// </summary>
static class AttentionEntropies
{
    const long FewestKeys = 4;

    /// <summary>
    /// A score this far below the row's largest is a mask's: exporters add −10000 (BERT), −65504, −1e9 or −∞. That an entry is zero does not tell: so is one of a row that looks at one place only.
    /// </summary>
    const double Masked = 5000;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<AttentionEntropySet> Instrument = new("attention-entropies", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var consumers = site.Source.Model.Graph.Consumers();
        var nodes = new List<Node>();
        foreach (var node in site.Source.Model.Graph.Nodes.Where(n => n is { Domain: "", OpType: "Softmax" } && IsAttention(n, consumers)))
        {
            var p = site.Image(node.Output);
            if (site.Operand(node) is not { } scores || p.Type != ElementType.Float32 || p.Shape is not { IsStatic: true, Rank: >= 2 } shape || shape.ElementCount == 0) continue;
            t.Origin = node.LogicalName;
            long last = p.Rank - 1;
            var entropy = t.Neg(t.ReduceSum(t.Mul(p, t.Log(t.Max(p, t.ScalarLike(1e-37, p)))), [last], keepDims: false));
            var open = t.Greater(scores, t.Add(t.ReduceMax(scores, [last]), -Masked));
            var entries = t.ReduceSum(t.Cast(open, ElementType.Float32), [last], keepDims: false);
            var several = t.Greater(entries, 1.5);
            var relative = t.Gate(several, t.Div(entropy, t.Log(t.Max(entries, t.ScalarLike(2, entries)))));
            site.Show($"sum/{nodes.Count}", ByHead(site, relative));
            site.Show($"rows/{nodes.Count}", ByHead(site, t.Cast(several, ElementType.Float32)));
            nodes.Add(node);
        }
        if (nodes.Count == 0) throw new ModelException(ModelProblem.Unsupported, "the graph has no attention");
        site.Kept = nodes;
    }

    /// <summary>Sums over samples and rows: [samples, heads, rows] to [heads], others to one number.</summary>
    static Value ByHead(InstrumentSite site, Value x) => x.Rank == 3 ? site.Tape.ReduceSum(x, [0, 2], keepDims: false) : site.Tape.Reshape(site.Tape.ReduceAll("ReduceSum", x), 1);

    static bool IsAttention(Node node, Dictionary<Value, List<Node>> consumers)
    {
        if (node.Output.Shape is not { Rank: >= 2 } shape || shape[^1].Size < FewestKeys) return false;
        var axis = node.Int("axis", -1);
        if (axis != -1 && axis != shape.Rank - 1) return false;
        var value = node.Output;
        while (consumers.GetValueOrDefault(value, []) is [{ Domain: "", OpType: "Cast" or "Dropout" or "Reshape" or "Transpose" or "Identity" or "Where" or "Squeeze" or "Unsqueeze" } next]) value = next.Output;
        return consumers.GetValueOrDefault(value, []).Any(n => n.OpType is "MatMul" or "Einsum" && n.Input(0) == value && n.Input(1) is { Data: null, Constant: null });
    }

    static AttentionEntropySet Read(InstrumentOutputs outputs)
    {
        var nodes = outputs.Kept<List<Node>>();
        return new AttentionEntropySet([.. outputs.Numbered("sum").Select(s =>
            new AttentionEntropy(nodes[s.Index], [.. outputs.Sum(s.Key).Zip(outputs.Sum($"rows/{s.Index}"), (sum, rows) => sum / rows)], nodes[s.Index].Output.Shape![^1].Size))]);
    }
}
