using System.Globalization;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Operators that make data: constants, ranges and random numbers. Random numbers have the shape, type and distribution that is asked for and are the same in each run
/// and on every device, but they are others than those of ONNX Runtime.
/// </summary>
static class GeneratorOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Of("Constant", Constant),
        TorchOp.Of("ConstantOfShape", c => c.Constant(c.Node.Tensor("value") ?? TensorData.Scalar(0.0)).reshape([]).expand(c.Ints(0)!)),
        TorchOp.Of("Range", Range),
        TorchOp.Of("EyeLike", EyeLike),
        TorchOp.Of("RandomNormal", c => RandomNormal(c, c.Node.Ints("shape")!, ElementType.Float32)),
        TorchOp.Of("RandomNormalLike", c => RandomNormal(c, c[0].shape, c.TypeOf(0))),
        TorchOp.Of("RandomUniform", c => RandomUniform(c, c.Node.Ints("shape")!, ElementType.Float32)),
        TorchOp.Of("RandomUniformLike", c => RandomUniform(c, c[0].shape, c.TypeOf(0))),
        TorchOp.Of("Bernoulli", c => (Draw(c, c[0].shape, r => r.Uniform()) < c[0]).to(Held(c, c.TypeOf(0)))),
        TorchOp.Of("Multinomial", Multinomial),
        new("Dropout", Dropout),
    ];

    static Tensor Constant(TorchCall c)
    {
        var n = c.Node;
        if (n.Tensor("value") is { } data) return c.Constant(data);
        if (n.Has("value_float")) return c.Constant(TensorData.Scalar((double)n.Float("value_float")));
        if (n.Has("value_int")) return c.Constant(TensorData.Scalar(n.Int("value_int")));
        if (n.Floats("value_floats") is { } floats) return c.Constant(TensorData.FromFloats([floats.Length], floats));
        if (n.Ints("value_ints") is { } ints) return c.Constant(TensorData.Vector(ints));
        throw c.Refuse("its content is no dense tensor of numbers");
    }

    /// <summary>start + i · delta. The bounds are numbers to it, through which no gradient flows.</summary>
    static Tensor Range(TorchCall c)
    {
        var (start, delta) = (c[0].detach().reshape([]), c[2].detach().reshape([]));
        var count = Math.Max((long)Math.Ceiling((c.Number(1)!.Value - c.Number(0)!.Value) / c.Number(2)!.Value), 0);
        return c[0].Counting(count).to(start.dtype) * delta + start;
    }

    static Tensor EyeLike(TorchCall c)
    {
        var (rows, columns, k) = (c[0].shape[0], c[0].shape[1], c.Node.Int("k"));
        var diagonal = c[0].Counting(columns) - c[0].Counting(rows).unsqueeze(1) == k;
        return diagonal.to(Held(c, c.TypeOf(0)));
    }

    static Tensor RandomNormal(TorchCall c, long[] shape, ElementType fallback)
    {
        var (mean, scale) = (c.Node.Float("mean", 0), c.Node.Float("scale", 1));
        return Draw(c, shape, r => mean + scale * r.Normal()).to(Held(c, fallback));
    }

    static Tensor RandomUniform(TorchCall c, long[] shape, ElementType fallback)
    {
        var (low, high) = (c.Node.Float("low", 0), c.Node.Float("high", 1));
        return Draw(c, shape, r => r.Uniform(low, high)).to(Held(c, fallback));
    }

    /// <summary>Classes drawn by their unnormalised log-probabilities: the first class whose share of the total reaches a uniform number.</summary>
    static Tensor Multinomial(TorchCall c)
    {
        var shares = c[0].detach().to(ScalarType.Float64).softmax(1).cumsum(1);
        var uniform = Draw(c, [c[0].shape[0], c.Node.Int("sample_size", 1)], r => r.Uniform());
        return searchsorted(shares, uniform, right: true).clamp(0, c[0].shape[1] - 1).to(TorchTensors.ScalarTypeOf((ElementType)c.Node.Int("dtype", (long)ElementType.Int32)));
    }

    /// <summary>Numbers in float64, from the generator that the node's seed and name decide.</summary>
    static Tensor Draw(TorchCall c, long[] shape, Func<SeededRandom, double> next)
    {
        var random = new SeededRandom(0, string.Create(CultureInfo.InvariantCulture, $"{c.Node.Name} {c.Node.Float("seed", 0)}"));
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++) values[i] = next(random);
        return tensor(values, shape, ScalarType.Float64, c.Scope.Device);
    }

    /// <summary>The type that the attribute dtype names.</summary>
    static ScalarType Held(TorchCall c, ElementType fallback) => TorchTensors.ScalarTypeOf((ElementType)c.Node.Int("dtype", (long)fallback));

    /// <summary>Draws are refused: they would differ from those that a gradient is compared with.</summary>
    static Tensor[] Dropout(TorchCall c)
    {
        var trains = c.Number(2) is not (null or 0);
        if (trains && c.Number(1) is not 0) throw c.Refuse("it draws at random in training mode");
        return [c[0], ones_like(c[0], ScalarType.Bool)];
    }
}
