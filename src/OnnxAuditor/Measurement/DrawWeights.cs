using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>
/// Contents of the parameters under a protocol. Draws are keyed by (seed, parameter name), so that no parameter's values depend on another's.
/// Front-end tables, and learned elementwise factors and summands without a framework default, keep their shipped values.
/// </summary>
static class DrawWeights
{
    /// <summary>The contents that differ from the shipped ones, by parameter; empty for <see cref="WeightSource.Shipped"/>.</summary>
    public static IReadOnlyDictionary<Parameter, TensorData> Under(Protocol protocol, IReadOnlyList<Parameter> parameters)
    {
        var drawn = new Dictionary<Parameter, TensorData>();
        if (protocol.Weights == WeightSource.Shipped) return drawn;
        foreach (var parameter in parameters)
        {
            var values = protocol.Weights switch
            {
                WeightSource.Constant => Constant(parameter, protocol),
                WeightSource.Absolute => Array.ConvertAll(Initial(parameter, protocol) ?? parameter.Value.Data!.ToFloats(), Math.Abs),
                WeightSource.AbsoluteShipped => Array.ConvertAll(parameter.Value.Data!.ToFloats(), Math.Abs),
                _ => Initial(parameter, protocol),
            };
            if (values is not null) drawn[parameter] = TensorData.FromFloats([.. parameter.Value.Shape!.ToArray()], values);
        }
        return drawn;
    }

    static float[]? Constant(Parameter p, Protocol protocol) => p.Role switch
    {
        ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight
            or ParameterRole.RecurrentPeephole or ParameterRole.NormalizationScale or ParameterRole.Slope => Filled(p, protocol.ConstantWeight),
        ParameterRole.Bias or ParameterRole.RecurrentBias or ParameterRole.NormalizationShift or ParameterRole.RunningMean => Filled(p, 0),
        ParameterRole.RunningVariance => Filled(p, 1),
        // A constant table would make every token the same; the source draws it anew.
        ParameterRole.Embedding => Drawn(p, protocol, (r, v) => { for (var i = 0; i < v.Length; i++) v[i] = (float)r.Uniform(); }),
        _ => null,
    };

    static float[]? Initial(Parameter p, Protocol protocol)
    {
        var law = protocol.Init;
        switch (p.Role)
        {
            case ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight:
                var (fanIn, fanOut) = Fans(p.Uses[0]);
                return law == Initialization.Orthogonal ? Orthogonal(p, protocol) : Drawn(p, protocol, (r, v) => FillWeight(r, v, law, fanIn, fanOut));
            case ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight:
                var hidden = Math.Max(1, p.Uses[0].Node.Int("hidden_size", p.Value.Shape![-1].Size));
                return Drawn(p, protocol, (r, v) => FillRecurrent(r, v, law, hidden, p.Value.Shape![-1].Size));
            case ParameterRole.RecurrentBias when law == Initialization.PyTorch:
                return Drawn(p, protocol, (r, v) => r.FillUniform(v, 1 / Math.Sqrt(Math.Max(1, p.Uses[0].Node.Int("hidden_size", 1)))));
            case ParameterRole.Bias when law == Initialization.PyTorch && BiasFanIn(p.Uses[0]) is { } fan:
                return Drawn(p, protocol, (r, v) => r.FillUniform(v, 1 / Math.Sqrt(fan)));
            case ParameterRole.Embedding:
                return Drawn(p, protocol, (r, v) => r.FillNormal(v));
            case ParameterRole.Slope:
                return Filled(p, 0.25);
            case ParameterRole.NormalizationScale or ParameterRole.RunningVariance:
                return Filled(p, 1);
            case ParameterRole.Bias or ParameterRole.RecurrentBias or ParameterRole.RecurrentPeephole or ParameterRole.NormalizationShift or ParameterRole.RunningMean:
                return Filled(p, 0);
            default:
                return null;
        }
    }

    static void FillWeight(SeededRandom random, Span<float> values, Initialization law, double fanIn, double fanOut)
    {
        switch (law)
        {
            // Kaiming uniform with a = sqrt(5): bound sqrt(6 / ((1 + 5) fan_in)).
            case Initialization.PyTorch: random.FillUniform(values, 1 / Math.Sqrt(fanIn)); break;
            case Initialization.Kaiming: random.FillNormal(values, Math.Sqrt(2 / fanIn)); break;
            case Initialization.Xavier: random.FillUniform(values, Math.Sqrt(6 / (fanIn + fanOut))); break;
            default: random.FillNormal(values); break;
        }
    }

    static void FillRecurrent(SeededRandom random, Span<float> values, Initialization law, double hidden, double columns)
    {
        if (law == Initialization.PyTorch) random.FillUniform(values, 1 / Math.Sqrt(hidden));
        else FillWeight(random, values, law == Initialization.Orthogonal ? Initialization.Xavier : law, columns, hidden);
    }

    /// <summary>Fan-in and fan-out of the slot a weight reaches, as PyTorch counts them.</summary>
    static (double In, double Out) Fans(ParameterUse use)
    {
        var shape = use.Node.Inputs[use.Input]?.Shape ?? throw new ModelException(ModelProblem.Unsupported, $"The weight of {use.Node} has no known shape.");
        if (use.Node.OpType is "Conv" or "ConvTranspose" or "DeformConv")
        {
            var receptive = 1.0;
            for (var i = 2; i < shape.Rank; i++) receptive *= shape[i].Size;
            return (Math.Max(1, shape[1].Size * receptive), Math.Max(1, shape[0].Size * receptive));
        }
        if (shape.Rank < 2) return (Math.Max(1, shape.Rank == 0 ? 1 : shape[0].Size), 1);
        var rowsAreInputs = use.Node.OpType == "Gemm" && use.Node.Int(use.Input == 1 ? "transB" : "transA") != 0 ? use.Input == 0 : use.Input == 1;
        var (rows, columns) = ((double)shape[-2].Size, (double)shape[-1].Size);
        return rowsAreInputs ? (Math.Max(1, rows), Math.Max(1, columns)) : (Math.Max(1, columns), Math.Max(1, rows));
    }

    /// <summary>The fan-in of the layer a bias belongs to; null where it cannot be told.</summary>
    static double? BiasFanIn(ParameterUse use)
    {
        var layer = use.Node;
        if (layer.Is("Add"))
        {
            var other = layer.Inputs[1 - use.Input]?.Producer;
            while (other is not null && other.OpType is "Reshape" or "Squeeze" or "Unsqueeze") other = other!.Input(0)?.Producer;
            if (other is null) return null;
            layer = other;
        }
        if (layer.OpType is not ("Conv" or "ConvTranspose" or "Gemm" or "MatMul") || layer.Input(1)?.Shape is null) return null;
        return Fans(new ParameterUse(layer, 1, ParameterRole.LinearWeight, Direct: true)).In;
    }

    /// <summary>Rows or columns orthonormal, by the QR decomposition of a Gaussian matrix with R's diagonal made positive (Saxe et al. 2014).</summary>
    static float[] Orthogonal(Parameter p, Protocol protocol)
    {
        var dims = p.Value.Shape!.ToArray();
        var rows = (int)dims[0];
        var columns = (int)(p.Count / Math.Max(1, rows));
        var random = new SeededRandom(protocol.Seed, p.Name);
        var gaussian = Matrix<double>.Build.Dense(Math.Max(rows, columns), Math.Min(rows, columns), (_, _) => random.Normal());
        var qr = gaussian.QR(QRMethod.Thin);
        var values = new float[p.Count];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                var (tall, wide) = rows >= columns ? (i, j) : (j, i);
                values[i * columns + j] = (float)(qr.Q[tall, wide] * Math.Sign(qr.R[wide, wide]));
            }
        }
        return values;
    }

    static float[] Filled(Parameter p, double value)
    {
        var values = new float[p.Count];
        Array.Fill(values, (float)value);
        return values;
    }

    static float[] Drawn(Parameter p, Protocol protocol, Action<SeededRandom, float[]> fill)
    {
        var values = new float[p.Count];
        fill(new SeededRandom(protocol.Seed, p.Name), values);
        return values;
    }
}
