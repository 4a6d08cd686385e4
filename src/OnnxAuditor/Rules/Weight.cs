using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Rules;

/// <summary>A parameter with contents that can be read.</summary>
/// <param name="Name">The name the model gives it.</param>
/// <param name="Data">The contents.</param>
/// <param name="Role">Its role.</param>
/// <param name="Trainable">Whether training changes it.</param>
/// <param name="Value">The value in the graph.</param>
/// <param name="Use">The operator's input that takes it, the first of several.</param>
/// <param name="Direct">Whether it is that input itself, not handed on by a Transpose or Reshape.</param>
sealed record Weight(string Name, TensorData Data, ParameterRole Role, bool Trainable, Value Value, Use Use, bool Direct)
{
    /// <summary>Whether it is one of the large tensors that do a layer's work.</summary>
    public bool IsKernel => Trainable && WeightSlots.IsKernel(Role);

    /// <summary>The contents as float32.</summary>
    public ReadOnlySpan<float> Floats => Data.Type == ElementType.Float32 ? Data.Float32Span : Widened;

    /// <summary>What one look at the numbers tells; made once.</summary>
    public TensorStatistics Statistics => field ??= TensorStatistics.Of(Floats);

    /// <summary>The axis of output units in the stored tensor; null where the layout does not show it.</summary>
    public int? UnitAxis => (Role, Use.Node.OpType) switch
    {
        _ when !Direct || Data.Dims.Count < 2 => null,
        (ParameterRole.ConvolutionWeight, "Conv" or "FusedConv") => 0,
        (ParameterRole.ConvolutionWeight, "ConvTranspose") when Use.Node.Int("group", 1) == 1 => 1,
        (ParameterRole.LinearWeight, "Gemm") when Use.Input == 1 => Use.Node.Int("transB") != 0 ? 0 : 1,
        (ParameterRole.LinearWeight, "MatMul") when Data.Dims.Count == 2 => Use.Input == 1 ? 1 : 0,
        _ => null,
    };

    /// <summary>The number of inputs that one output unit sums over; null where the layout does not show it.</summary>
    public long? FanIn => UnitAxis is { } axis && Data.Dims[axis] > 0 ? Data.Count / Data.Dims[axis] : null;

    double[]? norms;

    float[] Widened => field ??= Data.ToFloats();

    /// <summary>The L2 norm of each output unit's weights; null where the layout does not show the units.</summary>
    public double[]? UnitNorms() => norms ??= UnitAxis is { } axis ? NormsAlong(axis) : null;

    double[] NormsAlong(int axis)
    {
        var squares = new double[(int)Data.Dims[axis]];
        var run = Run(axis);
        var values = Floats;
        for (var (at, unit) = (0, 0); at < values.Length; at += run, unit = unit + 1 < squares.Length ? unit + 1 : 0)
        {
            var sum = squares[unit];
            foreach (var v in values.Slice(at, run)) sum += (double)v * v;
            squares[unit] = sum;
        }
        for (var u = 0; u < squares.Length; u++) squares[u] = Math.Sqrt(squares[u]);
        return squares;
    }

    /// <summary>How many numbers of one unit lie side by side, where units lie along the axis.</summary>
    public int Run(int axis)
    {
        var run = 1L;
        for (var i = axis + 1; i < Data.Dims.Count; i++) run *= Data.Dims[i];
        return (int)run;
    }

    /// <summary>The parameters of the model whose contents can be read, in graph order.</summary>
    public static IReadOnlyList<Weight> Find(RuleContext context) => context.Canonical is { StructureOnly: false } canonical
        ? [.. canonical.Parameters
            .Where(p => p.Value.Data is { Unavailable: null } data && data.Type.IsFloat && data.Count is > 0 and <= int.MaxValue && p.Uses.Count > 0)
            .Select(p => new Weight(p.Name, p.Value.Data!, p.Role, p.Trainable, p.Value, new Use(p.Uses[0].Node, p.Uses[0].Input), p.Uses[0].Direct))]
        : [.. FindAsRead(context.View)];

    static IEnumerable<Weight> FindAsRead(ModelView view)
    {
        foreach (var constant in view.Constants)
        {
            if (constant.Data is not { Unavailable: null } data || !data.Type.IsFloat || data.Count is 0 or > int.MaxValue) continue;
            if (WeightSlots.Reached(view, constant.Value) is not { } slot) continue;
            var trainable = slot.Role is not (ParameterRole.RunningMean or ParameterRole.RunningVariance);
            yield return new Weight(constant.Value.Name, data, slot.Role, trainable, constant.Value, slot.Use, slot.Use.Node.Input(slot.Use.Input) == constant.Value);
        }
    }
}
