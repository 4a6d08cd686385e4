using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of the reductions, cumulative sums and TopK. In formulas dY and Y of a reduction stand for themselves with the reduced axes kept at length one,
/// and n for the number of elements that one result is made of.
/// </summary>
static class ReductionRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Reduction("ReduceSum", "dX = dY",                        (t, r) => r.Spread(r.Dy)),
        Reduction("ReduceMean", "dX = dY / n",                   (t, r) => r.Spread(t.Div(r.Dy, r.CountOfReduced()))),
        // Ties share the gradient equally, as in PyTorch's amax and amin.
        Reduction("ReduceMax", "dX = dY * [X = Y] / sum [X = Y]", Extremum),
        Reduction("ReduceMin", "dX = dY * [X = Y] / sum [X = Y]", Extremum),
        Reduction("ReduceProd", "dX = dY * (product of the other elements)", Product),
        // 0 at 0, as in PyTorch.
        Reduction("ReduceL1", "dX = dY * sign X",                (t, r) => t.Mul(r.Dy, t.Sign(r.X))),
        Reduction("ReduceL2", "dX = dY * X / Y (0 where Y = 0)", EuclideanNorm),
        Reduction("ReduceSumSquare", "dX = 2 dY * X",            (t, r) => t.Mul(t.Mul(r.Dy, 2), r.X)),
        Reduction("ReduceLogSum", "dX = dY / exp Y",             (t, r) => r.Spread(t.Div(r.Dy, t.Exp(r.Y)))),
        Reduction("ReduceLogSumExp", "dX = dY * exp(X - Y)",     LogSumExp),
        Rule.LinearInData("CumSum", 11, "dX = CumSum of dY in the opposite direction", CumSum),
        new("TopK", 1, "dX = dY scattered to the indices", TopK),
    ];

    static GradientRule Reduction(string opType, string formula, Func<Tape, Reduced, Value> gradient) =>
        new(opType, 1, formula, (t, n, dy) =>
        {
            var result = new Value?[n.Inputs.Count];
            result[0] = gradient(t, new Reduced(t, n, dy));
            return result;
        });

    static Value Extremum(Tape t, Reduced r)
    {
        var hits = t.CastLike(t.Equal(r.X, r.Y), r.Dy);
        return t.Mul(hits, t.Div(r.Dy, r.Sum(hits)));
    }

    /// <summary>
    /// Exact with zeros: where one factor is zero, it alone has a gradient, the product of the others; where two are, none has. The gradient of the gradient
    /// is right only where no factor is zero.
    /// </summary>
    static Value Product(Tape t, Reduced r)
    {
        var zero = t.ScalarLike(0, r.X);
        var one = t.ScalarLike(1, r.X);
        var isZero = t.Equal(r.X, zero);
        var others = t.Where(isZero, one, r.X);
        var zeros = t.CastLike(isZero, r.X);
        var noOtherZero = t.Equal(r.Sum(zeros), zeros);
        return t.Mask(noOtherZero, t.Div(t.Mul(r.Dy, r.Again("ReduceProd", others)), others));
    }

    static Value EuclideanNorm(Tape t, Reduced r)
    {
        var norm = t.Where(t.Equal(r.Y, t.ScalarLike(0, r.Y)), t.ScalarLike(1, r.Y), r.Y);
        return t.Mul(r.X, t.Div(r.Dy, norm));
    }

    static Value LogSumExp(Tape t, Reduced r)
    {
        // Where every element is -infinity (a row masked out), so is Y; the difference would be NaN, the gradient is 0.
        var finite = t.Where(t.Op("IsInf", r.Y), t.ScalarLike(0, r.Y), r.Y);
        return t.Mul(r.Dy, t.Exp(t.Sub(r.X, finite)));
    }

    static Value CumSum(Tape t, Node n, Value dy) =>
        t.Op("CumSum", [Attribute.Of("exclusive", n.Int("exclusive")), Attribute.Of("reverse", 1 - n.Int("reverse"))], dy, n.Inputs[1]);

    static Value?[] TopK(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var indices = ElementwiseRules.OutputOf(t, n, 1, ElementType.Int64, n.Output.Shape);
        return [t.Op("ScatterElements", [Attribute.Of("axis", n.Int("axis", -1))], t.ZerosLike(x), indices, dy), null];
    }

    /// <summary>A reduction with its output and the output's gradient brought to the rank of the input.</summary>
    sealed class Reduced
    {
        readonly Tape t;
        readonly Node node;
        readonly Value? dynamicAxes;
        readonly long[] axes = [];
        readonly Value? keptShape;

        public Reduced(Tape t, Node node, Value dy)
        {
            this.t = t;
            this.node = node;
            X = node.Inputs[0]!;
            if (node.Input(1) is { Constant: null } unknown) dynamicAxes = unknown;
            else axes = StaticAxes();
            // Axes known at run time only: a reduction that keeps them tells the shape.
            if (dynamicAxes is not null && node.Int("keepdims", 1) == 0) keptShape = t.ShapeOf(Again("ReduceMax", X));
            Dy = Keep(dy);
        }

        public Value X { get; }

        public Value Y => field ??= Keep(node.Output);

        public Value Dy { get; }

        /// <summary>Broadcasts a value of the reduced shape to the shape of X.</summary>
        public Value Spread(Value reduced) => t.ExpandLike(reduced, X);

        /// <summary>Sums a value of the shape of X as the node does, axes kept.</summary>
        public Value Sum(Value value) => Again("ReduceSum", value);

        /// <summary>Reduces a value of the shape of X over the node's axes, axes kept.</summary>
        public Value Again(string opType, Value value) => dynamicAxes is null
            ? t.Reduce(opType, value, axes, keepDims: true)
            : t.Op(opType, [Attribute.Of("keepdims", 1L), Attribute.Of("noop_with_empty_axes", node.Int("noop_with_empty_axes"))], value, dynamicAxes);

        /// <summary>The number of elements that one result is made of, as a float.</summary>
        public Value CountOfReduced() => dynamicAxes is null
            ? t.CountOf(X, axes, X)
            : t.Div(t.CastLike(t.SizeOf(X), X), t.CastLike(t.SizeOf(node.Output), X));

        Value Keep(Value value) => keptShape is not null ? t.Reshape(value, keptShape)
            : node.Int("keepdims", 1) == 1 ? value
            : t.Unsqueeze(value, axes);

        long[] StaticAxes()
        {
            var rank = X.Rank;
            if (node.Input(1)?.Constant is { Count: > 0 } given) return [.. given.ToInt64s().Select(a => a < 0 ? a + rank : a).Order()];
            return node.Int("noop_with_empty_axes") == 1 ? [] : [.. Enumerable.Range(0, rank).Select(a => (long)a)];
        }
    }
}
