using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of the normalisations. In formulas r is the reciprocal standard deviation, Z = (X - mean) * r the normalised input, G = dY * Scale the gradient
/// by Z, and mean(·) runs over the elements that share their statistics; dScale and dB sum over all but the axes those have.
/// </summary>
static class NormalizationRules
{
    const string ByStatistics = "dX = r * (G - mean G - Z * mean(G * Z)), dScale = sum(dY * Z), dB = sum dY";

    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        new("BatchNormalization", 1, "given statistics: dX = r * G, dScale = sum(dY * Z), dB = sum dY, dMean = -r * sum G, dVar = -r^2/2 * sum(G * Z); "
            + "training_mode: dX = r * (G - mean G - Z * mean(G * Z))", BatchNormalization),
        new("LayerNormalization", 17, ByStatistics, LayerNormalization),
        new("InstanceNormalization", 1, ByStatistics, InstanceNormalization),
        new("GroupNormalization", 18, ByStatistics, GroupNormalization),
        new("LpNormalization", 1, "dX = (dY - D * sum(dY * Y)) / norm, D = Y for p = 2, sign X for p = 1 (0 where the norm is 0)", LpNormalization),
        new("MeanVarianceNormalization", 9, "dX = r * (dY - mean dY - Y * mean(dY * Y))", MeanVarianceNormalization),
        new("LRN", 1, "dX = dY * s^-beta - 2 alpha beta X * windowMean'(dY * Y / s), s = bias + alpha windowMean(X^2)", LocalResponse),
    ];

    static Value?[] BatchNormalization(Tape t, Node n, IReadOnlyList<Value?> dy) =>
        n.Int("training_mode") == 1 ? BatchStatistics(t, n, dy)
        : dy[0] is { } first ? GivenStatistics(t, n, first)
        : new Value?[n.Inputs.Count];

    static Value?[] GivenStatistics(Tape t, Node n, Value dy)
    {
        var (x, scale, mean, variance) = (n.Inputs[0]!, n.Inputs[1]!, n.Inputs[3]!, n.Inputs[4]!);
        var r = t.Reciprocal(t.Sqrt(t.Add(variance, n.Float("epsilon", 1e-5f))));
        var factor = t.Mul(t.CastLike(scale, r), r);
        var sumOfDy = SumToChannels(t, dy);
        var deviation = t.Sub(x, PerChannel(t, t.CastLike(mean, x), x));
        // The sum of dY * (X - mean), not of dY * X less a product of sums, which cancels where the mean is large.
        var sumOfProducts = t.Mul(t.CastLike(SumToChannels(t, t.Mul(dy, deviation)), r), r);
        return
        [
            t.Mul(dy, PerChannel(t, t.CastLike(factor, x), x)),
            t.CastLike(sumOfProducts, scale),
            t.CastLike(sumOfDy, n.Inputs[2]!),
            t.CastLike(t.Neg(t.Mul(factor, t.CastLike(sumOfDy, r))), mean),
            t.Mul(t.Mul(t.Mul(factor, r), sumOfProducts), -0.5),
        ];
    }

    /// <summary>Outputs 1 and 2 are the running statistics: momentum times the given plus (1 - momentum) times the batch's (variance of the population).</summary>
    static Value?[] BatchStatistics(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, scale) = (n.Inputs[0]!, n.Inputs[1]!);
        var axes = AllButChannels(x);
        var s = Statistics.Of(t, x, axes, n.Float("epsilon", 1e-5f));
        var momentum = (double)n.Float("momentum", 0.9f);
        var result = new Value?[5];
        if (dy[0] is { } first)
        {
            result[0] = s.Backward(t, t.Mul(first, PerChannel(t, t.CastLike(scale, x), x)));
            result[1] = t.CastLike(SumToChannels(t, t.Mul(first, s.Normalized)), scale);
            result[2] = t.CastLike(SumToChannels(t, first), n.Inputs[2]!);
        }
        var count = t.CountOf(x, axes, x);
        if (dy.Count > 1 && dy[1] is { } byMean)
        {
            result[3] = t.CastLike(t.Mul(byMean, momentum), n.Inputs[3]!);
            var each = t.Div(PerChannel(t, t.Mul(t.CastLike(byMean, x), 1 - momentum), x), count);
            result[0] = result[0] is { } sum ? t.Add(sum, each) : t.ExpandLike(each, x);
        }
        if (dy.Count > 2 && dy[2] is { } byVariance)
        {
            result[4] = t.CastLike(t.Mul(byVariance, momentum), n.Inputs[4]!);
            var each = t.Mul(t.Div(PerChannel(t, t.Mul(t.CastLike(byVariance, x), 2 * (1 - momentum)), x), count), s.Deviation);
            result[0] = result[0] is { } sum ? t.Add(sum, each) : each;
        }
        return result;
    }

    /// <summary>Outputs 1 and 2 are the mean and r, with kept axes.</summary>
    static Value?[] LayerNormalization(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, scale) = (n.Inputs[0]!, n.Inputs[1]!);
        var wide = t.Operand(x);
        var first = (int)n.Int("axis", -1);
        if (first < 0) first += x.Rank;
        long[] axes = [.. Enumerable.Range(first, x.Rank - first).Select(a => (long)a)];
        var s = LayerStatistics(t, n, wide, axes);
        var result = new Value?[n.Inputs.Count];
        Value? dx = null;
        if (dy[0] is { } given)
        {
            dx = s.Backward(t, t.Mul(given, scale));
            result[1] = t.Mul(given, s.Normalized);
            if (n.Input(2) is not null) result[2] = given;
        }
        var count = t.CountOf(x, axes, wide);
        if (dy.Count > 1 && dy[1] is { } byMean)
        {
            var each = t.Div(t.CastLike(byMean, wide), count);
            dx = dx is null ? t.ExpandLike(each, wide) : t.Add(dx, each);
        }
        if (dy.Count > 2 && dy[2] is { } byR)
        {
            var each = t.Mul(t.Div(t.Mul(t.CastLike(byR, wide), t.Square(s.R)), count), s.Normalized);
            dx = dx is null ? t.Neg(each) : t.Sub(dx, each);
        }
        result[0] = dx;
        return result;
    }

    /// <summary>The node's own statistics outputs spare two passes over X; they are float32, so a float64 node's are computed anew.</summary>
    static Statistics LayerStatistics(Tape t, Node n, Value x, long[] axes)
    {
        if (x.Type != ElementType.Float32) return Statistics.Of(t, x, axes, n.Float("epsilon", 1e-5f));
        var kept = new Shape(x.Shape!.Select((d, i) => axes.Contains(i) ? (Dim)1 : d));
        var mean = ElementwiseRules.OutputOf(t, n, 1, ElementType.Float32, kept);
        var r = ElementwiseRules.OutputOf(t, n, 2, ElementType.Float32, kept);
        return Statistics.From(t, x, mean, r, axes);
    }

    static Value?[] InstanceNormalization(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, scale, given) = (n.Inputs[0]!, n.Inputs[1]!, dy[0]!);
        long[] axes = [.. Enumerable.Range(2, x.Rank - 2).Select(a => (long)a)];
        var s = Statistics.Of(t, x, axes, n.Float("epsilon", 1e-5f));
        return
        [
            s.Backward(t, t.Mul(given, PerChannel(t, scale, x))),
            SumToChannels(t, t.Mul(given, s.Normalized)),
            SumToChannels(t, given),
        ];
    }

    static Value?[] GroupNormalization(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, scale, given) = (n.Inputs[0]!, n.Inputs[1]!, dy[0]!);
        var grouped = t.Reshape(x, 0, n.Int("num_groups"), -1);
        var s = Statistics.Of(t, grouped, [2], n.Float("epsilon", 1e-5f));
        var dz = t.Mul(given, PerChannel(t, scale, x));
        return
        [
            t.ReshapeLike(s.Backward(t, t.Reshape(dz, 0, n.Int("num_groups"), -1)), x),
            SumToChannels(t, t.Mul(given, t.ReshapeLike(s.Normalized, x))),
            SumToChannels(t, given),
        ];
    }

    static Value?[] LpNormalization(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, y, given, axis) = (n.Inputs[0]!, n.Output, dy[0]!, n.Int("axis", -1));
        var p = n.Int("p", 2);
        var norm = t.Reduce(p == 1 ? "ReduceL1" : "ReduceL2", x, [axis], keepDims: true);
        var isZero = t.Equal(norm, t.ScalarLike(0, norm));
        var reciprocal = t.Where(isZero, t.ScalarLike(0, norm), t.Reciprocal(t.Where(isZero, t.ScalarLike(1, norm), norm)));
        var along = t.ReduceSum(t.Mul(given, y), [axis]);
        return [t.Mul(t.Sub(given, t.Mul(p == 1 ? t.Sign(x) : y, along)), reciprocal)];
    }

    static Value?[] MeanVarianceNormalization(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, y, given) = (n.Inputs[0]!, n.Output, dy[0]!);
        var axes = n.Ints("axes") ?? [0, 2, 3];
        // The operator's function adds 1e-9 to the standard deviation.
        var deviation = t.Sub(x, t.ReduceMean(x, axes));
        var r = t.Reciprocal(t.Add(t.Sqrt(t.ReduceMean(t.Square(deviation), axes)), 1e-9));
        var centred = t.Sub(given, t.ReduceMean(given, axes));
        return [t.Mul(r, t.Sub(centred, t.Mul(y, t.ReduceMean(t.Mul(given, y), axes))))];
    }

    static Value?[] LocalResponse(Tape t, Node n, IReadOnlyList<Value?> dy)
    {
        var (x, y, given) = (n.Inputs[0]!, n.Output, dy[0]!);
        var (alpha, beta) = (n.Float("alpha", 1e-4f), n.Float("beta", 0.75f));
        var s = t.Add(t.Mul(ChannelWindowMean(t, n, t.Square(x), mirrored: false), alpha), n.Float("bias", 1));
        var spread = ChannelWindowMean(t, n, t.Mul(given, t.Div(y, s)), mirrored: true);
        return [t.Sub(t.Mul(given, t.Pow(s, -beta)), t.Mul(t.Mul(x, spread), 2.0 * alpha * beta))];
    }

    /// <summary>
    /// The mean over the window of channels around each (missing ones count as zero): average pooling over a channel axis made spatial.
    /// Mirrored is the transpose: over the channels in whose windows this one lies.
    /// </summary>
    static Value ChannelWindowMean(Tape t, Node n, Value x, bool mirrored)
    {
        var size = n.Int("size");
        var spatial = x.Rank - 1;
        long before = (size - 1) / 2, after = size - 1 - before;
        if (mirrored) (before, after) = (after, before);
        var kernel = Enumerable.Repeat(1L, spatial).ToArray();
        var pads = new long[2 * spatial];
        (kernel[0], pads[0], pads[spatial]) = (size, before, after);
        var pooled = t.Op("AveragePool", [Attribute.Of("kernel_shape", kernel), Attribute.Of("pads", pads), Attribute.Of("count_include_pad", 1L)], t.Unsqueeze(x, 1));
        return t.Squeeze(pooled, 1);
    }

    static long[] AllButChannels(Value x) => [0, .. Enumerable.Range(2, Math.Max(0, x.Rank - 2)).Select(a => (long)a)];

    /// <summary>Sums all axes but the channel axis: [N, C, …] to [C].</summary>
    static Value SumToChannels(Tape t, Value x) => t.ReduceSum(x, AllButChannels(x), keepDims: false);

    /// <summary>Shapes a vector [C] so that it broadcasts along axis 1 of x.</summary>
    static Value PerChannel(Tape t, Value vector, Value x) => t.Unsqueeze(vector, [.. Enumerable.Range(1, x.Rank - 2).Select(a => (long)a)]);

    /// <summary>What a normalisation by its own mean and variance computes on the way.</summary>
    /// <param name="Deviation">X - mean.</param>
    /// <param name="R">The reciprocal standard deviation, axes kept.</param>
    /// <param name="Normalized">Deviation * R.</param>
    /// <param name="Axes">The axes of the elements that share statistics.</param>
    sealed record Statistics(Value Deviation, Value R, Value Normalized, long[] Axes)
    {
        public static Statistics Of(Tape t, Value x, long[] axes, double epsilon)
        {
            var deviation = t.Sub(x, t.ReduceMean(x, axes));
            var variance = t.ReduceMean(t.Square(deviation), axes);
            var r = t.Reciprocal(t.Sqrt(t.Add(variance, epsilon)));
            return new Statistics(deviation, r, t.Mul(deviation, r), axes);
        }

        public static Statistics From(Tape t, Value x, Value mean, Value r, long[] axes)
        {
            var deviation = t.Sub(x, mean);
            return new Statistics(deviation, r, t.Mul(deviation, r), axes);
        }

        /// <summary>The gradient by X from the one by the normalised input.</summary>
        public Value Backward(Tape t, Value dz)
        {
            var centred = t.Sub(dz, t.ReduceMean(dz, Axes));
            return t.Mul(R, t.Sub(centred, t.Mul(Normalized, t.ReduceMean(t.Mul(dz, Normalized), Axes))));
        }
    }
}
