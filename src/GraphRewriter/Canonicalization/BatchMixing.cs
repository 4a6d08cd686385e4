using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Tells operators that may mix samples from those that treat each on its own. What is not known to be safe by its shapes or listed here is objected to.</summary>
static class BatchMixing
{
    /// <summary>Operators whose output shape is the broadcast of their inputs' shapes.</summary>
    static readonly FrozenSet<string> Broadcasting = (
        "Add Sub Mul Div Pow Mod Min Max Sum Mean And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual Where PRelu BitShift BitwiseAnd BitwiseOr BitwiseXor Expand")
        .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Operators that take samples on axis 0 and channels on axis 1.</summary>
    static readonly FrozenSet<string> ChannelsOnAxis1 = (
        "Conv ConvTranspose DeformConv BatchNormalization InstanceNormalization GroupNormalization LRN MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool " +
        "DepthToSpace SpaceToDepth GridSample MaxUnpool Col2Im").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>What a node that takes samples does to them; null where it keeps them apart, or takes none.</summary>
    public static string? Objection(Node node)
    {
        if (node.OpType is "Shape" or "Size" || !node.Inputs.Any(i => BatchPlace.Of(i) is not null)) return null;
        if (node.Subgraphs.Any()) return "takes them into a subgraph";
        if (node.Domain.Length > 0) return "is an operator of another domain";
        foreach (var output in node.Outputs)
        {
            if (output is null) continue;
            if (BatchPlace.Of(output) is not { } place) return "does not keep samples apart";
            if (node.OpType is "RNN" or "GRU" or "LSTM" && node.Inputs.Skip(5).Take(2).Any(state => state is not null && BatchPlace.Of(state) is not { Axis: 1, Share: 1 })) return "starts from states of the file's batch size";
            if (MovesSamples(node, place, output.Rank)) return "moves samples to another axis";
            if (WorksAlong(node, place.Axis, output.Rank)) return "works along the axis of the samples";
        }
        return null;
    }

    /// <summary>Whether the shapes count samples where the elements do not lie that way.</summary>
    static bool MovesSamples(Node node, BatchPlace place, int rank)
    {
        if (Broadcasting.Contains(node.OpType)) return node.Inputs.Any(i => BatchPlace.Of(i) is { } p && i!.Rank - p.Axis != rank - place.Axis);
        return node.OpType switch
        {
            "Concat" => node.Inputs.Any(i => BatchPlace.Of(i) != place),
            "Reshape" or "Flatten" => BatchPlace.Of(node.Inputs[0]) is not { } from || !KeepsOrder(node.Inputs[0]!.Shape!, from, node.Output.Shape!, place),
            _ => false,
        };
    }

    /// <summary>Elements keep their order: the samples stay whole where as much lies before them, and within one, as did.</summary>
    static bool KeepsOrder(Shape from, BatchPlace a, Shape to, BatchPlace b)
    {
        if (a.Axis == 0 && b.Axis == 0 && a.PerSample == b.PerSample && a.Outer == b.Outer) return true;
        var (before, after) = (new Shape(from.Take(a.Axis)).ElementCount, new Shape(from.Skip(a.Axis + 1)).ElementCount);
        var (newBefore, newAfter) = (new Shape(to.Take(b.Axis)).ElementCount, new Shape(to.Skip(b.Axis + 1)).ElementCount);
        return before > 0 && after > 0 && before * a.Outer == newBefore * b.Outer && a.PerSample * after == b.PerSample * newAfter;
    }

    static bool WorksAlong(Node node, int axis, int rank)
    {
        var data = BatchPlace.Of(node.Input(0));
        if (ChannelsOnAxis1.Contains(node.OpType)) return data is not { Axis: 0 };
        long Normal(long a) => a < 0 ? a + rank : a;
        switch (node.OpType)
        {
            case "Softmax" or "LogSoftmax" or "Hardmax" or "LpNormalization":
                return Normal(node.Int("axis", -1)) == axis;
            case "LayerNormalization":
                return Normal(node.Int("axis", -1)) <= axis;
            case "MeanVarianceNormalization":
                return (node.Ints("axes") ?? [0, 2, 3]).Any(a => Normal(a) == axis);
            case "CumSum":
                return node.Input(1)?.Constant is not { Count: 1 } along || Normal(along.ToInt64s()[0]) == axis;
            case "DFT":
                return node.Input(2)?.Constant is not { Count: 1 } transformed || Normal(transformed.ToInt64s()[0]) == axis;
            case "Slice":
                return node.Input(4) is { } steps && (steps.Constant is not { } known || Array.Exists(known.ToInt64s(), s => s < 0));
            case "Gather" or "GatherElements":
                return data is { } gathered && (node.Int("axis") < 0 ? node.Int("axis") + node.Inputs[0]!.Rank : node.Int("axis")) == gathered.Axis;
            case "RNN" or "GRU" or "LSTM":
                return data is not { Axis: 1 };
            case "Trilu":
                return axis >= rank - 2;
            case "GatherND" or "ScatterElements" or "ScatterND" or "ReverseSequence" or "Compress" or "Unique" or "NonMaxSuppression" or "RoiAlign" or "MaxRoiPool":
                return true;
            default:
                return false;
        }
    }
}
