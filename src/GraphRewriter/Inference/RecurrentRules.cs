using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Recurrent layers: [steps, batch, features], or batch first in layout 1.</summary>
static class RecurrentRules
{
    internal static readonly ShapeRule[] All =
    [
        new("GRU", (in x) => Recurrent(x, gates: 3)),
        new("LSTM", (in x) => Recurrent(x, gates: 4)),
        new("RNN", (in x) => Recurrent(x, gates: 1)),
    ];

    static void Recurrent(in InferenceContext x, int gates)
    {
        var (input, w, r) = (x.ShapeOf(0), x.ShapeOf(1), x.ShapeOf(2));
        if (input is { Rank: not 3 } || w is { Rank: not 3 } || r is { Rank: not 3 }) throw x.Conflict("input and weights have rank 3");
        if (input is not null && w is not null && !DimArithmetic.TryUnify(input[2], w[2], out _))
            throw x.Conflict("the weight has another number of features than the input");
        var hidden = x.Node.Has("hidden_size") ? x.Node.Int("hidden_size") : x.DimOf(2, 2);
        if (w is not null && hidden.IsKnown && w[1].IsKnown && w[1].Size != gates * hidden.Size)
            throw x.Conflict($"the weight does not hold {gates} gates of {hidden}");
        Dim directions = x.Node.String("direction", "forward") is "bidirectional" ? 2 : 1;
        var batchFirst = x.Node.Int("layout") != 0;
        var steps = x.DimOf(0, batchFirst ? 1 : 0);
        var batch = x.DimOf(0, batchFirst ? 0 : 1);
        var state = batchFirst ? new Shape(batch, directions, hidden) : new Shape(directions, batch, hidden);
        x.Out(0, x.TypeOf(0), batchFirst ? new Shape(batch, steps, directions, hidden) : new Shape(steps, directions, batch, hidden));
        x.Out(1, x.TypeOf(0), state);
        x.Out(2, x.TypeOf(0), state);
    }
}
