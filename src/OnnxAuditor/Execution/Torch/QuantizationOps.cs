using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Quantisation and arithmetic on quantised numbers. Numbers are rounded to nearest even and brought into the range of their type; whole numbers are multiplied in float64,
/// which holds all sums of products of 8 bits exactly.
/// </summary>
static class QuantizationOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("QuantizeLinear", QuantizeLinear),
        TorchOp.Of("DequantizeLinear", DequantizeLinear),
        new("DynamicQuantizeLinear", DynamicQuantizeLinear),
        TorchOp.Of("MatMulInteger", c => Rows(c[0], c.Optional(2)).matmul(Columns(c[1], c.Optional(3))).to(ScalarType.Int32)),
        TorchOp.Of("ConvInteger", c => c.As("Conv", Wide(c[0], c.Optional(2)), Filters(c[1], c.Optional(3))).to(ScalarType.Int32)),
        TorchOp.Of("QLinearMatMul", QLinearMatMul),
        TorchOp.Of("QLinearConv", QLinearConv),
    ];

    static Tensor QuantizeLinear(TorchCall c)
    {
        var (x, scale) = (c[0], c[1]);
        var y = (TypeOps.Real(x, c.TypeOf(0)) / Spread(c, scale)).round();
        if (c.Optional(2) is { } zero) y += Spread(c, zero);
        var asked = (ElementType)c.Node.Int("output_dtype");
        return Saturated(c, y, asked is not ElementType.Undefined ? asked : c.Optional(2) is null ? ElementType.UInt8 : c.TypeOf(2));
    }

    static Tensor DequantizeLinear(TorchCall c)
    {
        var scale = Spread(c, c[1]);
        // Narrow floats do not hold all numbers of 16 bits.
        var wide = scale.dtype == ScalarType.Float64 ? ScalarType.Float64 : ScalarType.Float32;
        var x = c[0].to(wide);
        return ((c.Optional(2) is { } zero ? x - Spread(c, zero).to(wide) : x) * scale.to(wide)).to(scale.dtype);
    }

    /// <summary>A scale or zero point for each element: one for all, one for each place of an axis, or one for each block of it.</summary>
    static Tensor Spread(TorchCall c, Tensor scale)
    {
        var x = c[0];
        if (scale.numel() == 1 && scale.dim() <= 1) return scale.reshape([]);
        var axis = c.Axis("axis", 1, x.dim());
        var block = c.Node.Int("block_size");
        return block == 0 ? scale.Along(axis, x.dim()) : scale.repeat_interleave(block, axis).narrow(axis, 0, x.Length(axis));
    }

    /// <summary>The scale, found with the rounded numbers, carries no more gradient than they do.</summary>
    static Tensor[] DynamicQuantizeLinear(TorchCall c)
    {
        var x = c[0].detach();
        var (least, greatest) = (x.min().clamp_max(0), x.max().clamp_min(0));
        var scale = (greatest - least) / 255;
        scale = scale.masked_fill(scale == 0, 1);
        var zero = (-least / scale).clamp(0, 255).round();
        return [Saturated(c, (x / scale).round() + zero, ElementType.UInt8), scale, zero.to(ScalarType.Byte)];
    }

    static Tensor QLinearMatMul(TorchCall c)
    {
        var product = Rows(c[0], c[2]).matmul(Columns(c[3], c[5])) * Trailing(c[1], c[0]) * c[4].to(ScalarType.Float64);
        return Saturated(c, (product / Trailing(c[6], c[0])).round() + Trailing(c[7], c[0]), c.TypeOf(7));
    }

    static Tensor QLinearConv(TorchCall c)
    {
        var rank = c[0].dim();
        var y = c.As("Conv", Wide(c[0], c[2]), Filters(c[3], c[5]));
        if (c.Optional(8) is { } bias) y += bias.to(ScalarType.Float64).Along(1, rank);
        var scale = c[1].to(ScalarType.Float64) * c[4].to(ScalarType.Float64) / c[6].to(ScalarType.Float64);
        return Saturated(c, (y * (scale.numel() == 1 ? scale.reshape([]) : scale.Along(1, rank))).round() + c[7], c.TypeOf(7));
    }

    static Tensor Saturated(TorchCall c, Tensor y, ElementType type)
    {
        if (Float8.Is(type)) return Float8.Round(y, type, TypeOps.Saturates(c));
        var (least, greatest) = type is ElementType.UInt4 or ElementType.UInt8 or ElementType.UInt16 ? (0.0, Math.Pow(2, type.Bits) - 1) : (-Math.Pow(2, type.Bits - 1), Math.Pow(2, type.Bits - 1) - 1);
        return y.clamp(least, greatest).to(TorchTensors.ScalarTypeOf(type));
    }

    /// <summary>Whole numbers less their zero point, as float64.</summary>
    static Tensor Wide(Tensor x, Tensor? zero) => zero is null ? x.to(ScalarType.Float64) : x.to(ScalarType.Float64) - zero.to(ScalarType.Float64);

    /// <summary>A left factor, whose zero points may be one for each row.</summary>
    static Tensor Rows(Tensor x, Tensor? zero) => Wide(x, zero is null ? null : Trailing(zero, x));

    /// <summary>A right factor, whose zero points may be one for each column.</summary>
    static Tensor Columns(Tensor x, Tensor? zero) => Wide(x, zero);

    /// <summary>Filters, whose zero points may be one for each.</summary>
    static Tensor Filters(Tensor x, Tensor? zero) => Wide(x, zero is { } z && z.numel() > 1 ? z.Along(0, x.dim()) : zero?.reshape([]));

    /// <summary>Numbers for each row of a left factor, in float64; one number for all as it is.</summary>
    static Tensor Trailing(Tensor perRow, Tensor x) =>
        perRow.dim() == 1 && perRow.numel() > 1 && x.dim() > 1 ? perRow.to(ScalarType.Float64).unsqueeze(-1) : perRow.to(ScalarType.Float64);
}
