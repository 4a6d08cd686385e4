using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>
/// Gradients of resampling. Resize is linear and works axis by axis, so that along each axis it is a matrix: what the same Resize makes of the unit
/// matrix. The gradient is the product with that matrix, whatever the mode, coordinate transformation and rounding: the runtime's own are used.
/// </summary>
static class ResampleRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.LinearInData("Resize", 10, "dX = dY · M along each axis, M = resize(unit matrix)ᵀ", (t, n, dy) => t.ShapedLike(Resize(t, n, dy), n.Inputs[0]!)),
    ];

    static readonly string[] KeptAttributes =
        ["antialias", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "mode", "nearest_mode"];

    static Value Resize(Tape t, Node n, Value dy)
    {
        var x = n.Inputs[0]!;
        if (n.String("keep_aspect_ratio_policy", "stretch") is not "stretch") throw new ModelException(ModelProblem.Unsupported, $"The gradient of {n} is known for keep_aspect_ratio_policy 'stretch' only.");
        var axes = (n.Ints("axes") ?? [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)]).Select(a => AxisOps.Normalized(a, x.Rank)).ToArray();
        if (n.Input(2)?.Constant?.ToFloats() is { Length: > 0 } scales && WholeRepeats(n, x, axes, scales) is { } window)
            return t.Mul(t.Op("AveragePool", [Attribute.Of("kernel_shape", window), Attribute.Of("strides", window)], dy), window.Aggregate(1.0, (a, b) => a * b));
        for (var i = 0; i < axes.Length; i++)
            if (!IsKept(n, x, axes[i], i)) dy = Along(t, dy, axes[i], Matrix(t, n, x, axes[i], i, axes.Length));
        return dy;
    }

    /// <summary>The repeats of each spatial axis where Resize copies each element a whole number of times; null where it does anything else.</summary>
    static long[]? WholeRepeats(Node n, Value x, int[] axes, float[] scales)
    {
        if (n.String("mode", "nearest") is not "nearest" || x.Rank is < 3 or > 5) return null;
        var repeats = Enumerable.Repeat(1L, x.Rank).ToArray();
        for (var i = 0; i < axes.Length; i++)
        {
            if (scales[i] < 1 || scales[i] > 64 || scales[i] != MathF.Floor(scales[i])) return null;
            repeats[axes[i]] = (long)scales[i];
        }
        if (repeats[0] != 1 || repeats[1] != 1 || Array.TrueForAll(repeats, r => r == 1)) return null;
        var rounding = n.String("nearest_mode", "round_prefer_floor");
        var isWhole = n.String("coordinate_transformation_mode", "half_pixel") switch
        {
            "asymmetric" => rounding is "floor" || (rounding is "round_prefer_floor" && Array.TrueForAll(repeats, r => r <= 2)),
            "half_pixel" => rounding is "round_prefer_floor" or "round_prefer_ceil",
            _ => false,
        };
        return isWhole ? repeats[2..] : null;
    }

    /// <summary>Whether an axis certainly stays as it is.</summary>
    static bool IsKept(Node n, Value x, int axis, int index)
    {
        if (n.String("coordinate_transformation_mode", "half_pixel") is "tf_crop_and_resize") return false;
        if (n.Input(2)?.Constant?.ToFloats() is { Length: > 0 } scales) return scales[index] == 1;
        return Dim.SurelyEqual(x.Shape![axis], n.Output.Shape![axis]);
    }

    /// <summary>The matrix [input size, output size] that an axis is multiplied with.</summary>
    static Value Matrix(Tape t, Node n, Value x, int axis, int index, int count)
    {
        var size = t.DimOf(x, axis);
        var unit = t.Op("EyeLike", t.Full(t.Concat(0, size, size), 0, x.Type));
        var attributes = n.Attributes.Values.Where(a => KeptAttributes.Contains(a.Name, StringComparer.Ordinal)).ToArray();
        var region = n.Input(1) is { } roi && roi.Shape is not [{ Size: 0 }] && n.String("coordinate_transformation_mode", "half_pixel") is "tf_crop_and_resize" ? Region(t, roi, index, count) : null;
        if (n.Input(3) is { } sizes) return t.Op("Resize", attributes, unit, region, null, t.Concat(0, size, t.Slice(t.Cast(sizes, ElementType.Int64), 0, index, index + 1L)));
        var scale = t.Slice(n.Input(2)!, 0, index, index + 1L);
        return t.Op("Resize", attributes, unit, region, t.Concat(0, t.Const(TensorData.FromFloats([1], [1])), scale));
    }

    /// <summary>The part of an axis that is looked at, beside the whole of the unit matrix's rows: starts, then ends.</summary>
    static Value Region(Tape t, Value roi, int index, int count)
    {
        var whole = t.Numbers(roi.Type, [2], [0, 1]);
        return t.Concat(0, t.Slice(whole, 0, 0, 1), t.Slice(roi, 0, index, index + 1L), t.Slice(whole, 0, 1, 2), t.Slice(roi, 0, index + count, index + count + 1L));
    }

    /// <summary>x with an axis multiplied by the transposed matrix [new size, size].</summary>
    static Value Along(Tape t, Value x, int axis, Value matrix)
    {
        if (axis == x.Rank - 1) return t.MatMul(x, t.TransposeLast(matrix));
        if (axis == x.Rank - 2) return t.MatMul(matrix, x);
        var front = t.DimsOf(x, 0, axis);
        var back = t.DimsOf(x, axis + 1, x.Rank);
        var product = t.MatMul(matrix, t.Reshape(x, t.Concat(0, t.Product(front), t.DimOf(x, axis), t.Product(back))));
        return t.Reshape(product, t.Concat(0, [.. new[] { front, t.DimOf(matrix, 0), back }.Where(v => v.Shape![0].Size > 0)]));
    }
}
