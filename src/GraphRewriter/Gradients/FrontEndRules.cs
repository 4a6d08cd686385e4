using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>Gradients of transforms and of the determinant.</summary>
static class FrontEndRules
{
    /// <summary>The rules. F is the matrix of the transform, Fᴴ its conjugate transpose.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.LinearInData("DFT",  17, "dX = Fᴴ · dY, cut or padded to the length of X; its real part where X is real", Dft),
        Rule.ByDefinition("STFT", 17, "through the transform of the windowed frames",                               Stft),
        new("Det",                11, "dX = dY * cofactors of X",                                                   (t, n, dy) => [Det(t, n.Inputs[0]!, dy)]),
    ];

    static Value Dft(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        var (inverse, onesided) = (n.Int("inverse") != 0, n.Int("onesided") != 0);
        if (inverse && onesided) throw new ModelException(ModelProblem.Unsupported, $"The gradient of the one-sided inverse transform {n} is not known.");
        var axis = AxisOps.Normalized(n.Input(2) is null ? -2 : AxisOps.Known(n, 2, "axis")[0], x.Rank);
        var size = t.DimOf(x, axis);
        var length = n.Input(1) is { } given ? t.Reshape(t.Cast(given, ElementType.Int64), 1) : size;
        // What the one-sided transform leaves out has no gradient.
        var whole = onesided ? t.PadAxis(dy, axis, t.Ints(0), t.Sub(length, t.DimOf(dy, axis))) : dy;
        var back = t.Op("DFT", [Attribute.Of("inverse", inverse ? 0L : 1L)], whole, null, t.Const(TensorData.Scalar((long)axis)));
        // The inverse transform divides by the length, its adjoint does not.
        var count = t.Cast(length, x.Type);
        var gradient = t.PadAxis(inverse ? t.Div(back, count) : t.Mul(back, count), axis, t.Ints(0), t.Sub(size, length));
        // One number per element where X is real, two where it is complex.
        var parts = t.DimOf(x, -1);
        return t.ShapedLike(parts.Constant is { } known && known.ToInt64s()[0] == 2 ? gradient : t.Op("Slice", gradient, t.Ints(0), parts, t.Ints(x.Rank - 1)), x);
    }

    static Value Stft(Tape t, Node n)
    {
        var (signal, window) = (n.Inputs[0]!, n.Input(2));
        var step = t.Reshape(t.Cast(n.Inputs[1]!, ElementType.Int64), 1);
        var length = n.Input(3) is { } given ? t.Reshape(t.Cast(given, ElementType.Int64), 1) : window is not null ? t.DimOf(window, 0)
            : throw new ModelException(ModelProblem.Unsupported, $"{n} has neither a frame length nor a window.");
        var starts = t.Mul(t.Counting(t.DimOf(n.Output, 1)), step);
        var frames = t.Gather(signal, t.Add(t.Unsqueeze(starts, 1), t.Counting(length)), 1);
        if (window is not null) frames = t.Mul(frames, t.Unsqueeze(window, 1));
        return t.Op("DFT", [Attribute.Of("onesided", n.Int("onesided", 1))], frames, null, t.Const(TensorData.Scalar(2L)));
    }

    /// <summary>Cofactors rather than det(X) * X⁻ᵀ: there is no operator for the inverse, and a singular matrix has a gradient too.</summary>
    static Value Det(Tape t, Value x, Value dy)
    {
        if (!x.Shape![^1].IsKnown) throw new ModelException(ModelProblem.Unsupported, $"The size of the matrices '{x.Name}' is not known.");
        var (size, rank) = ((int)x.Shape[^1].Size, x.Rank);
        var scale = t.Unsqueeze(dy, -2, -1);
        if (size == 1) return t.ShapedLike(scale, x);
        var signs = new double[size * size];
        var others = new List<long>();
        for (var i = 0; i < size; i++)
        {
            for (var j = 0; j < size; j++) signs[i * size + j] = (i + j) % 2 == 0 ? 1 : -1;
            others.AddRange(Enumerable.Range(0, size).Where(k => k != i).Select(k => (long)k));
        }
        var indices = t.Const(TensorData.FromInt64s([size, size - 1], [.. others]));
        // [… i, rows without i, j, columns without j] with i and j brought together.
        var minors = t.Gather(t.Gather(x, indices, rank - 2), indices, rank);
        long[] lead = [.. Enumerable.Range(0, rank - 2).Select(i => (long)i)];
        var determinants = t.Op("Det", t.Transpose(minors, [.. lead, rank - 2, rank, rank - 1, rank + 1]));
        return t.ShapedLike(t.Mul(t.Mul(determinants, t.Numbers(x.Type, [size, size], signs)), scale), x);
    }
}
