using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients;

/// <summary>One call of one operator on which its gradient rule is checked.</summary>
/// <param name="Op">The operator, with its domain in front where that is not the standard one: <c>com.microsoft::Attention</c>.</param>
/// <param name="Name">What is special about the sample; unique within the operator.</param>
/// <param name="Inputs">The inputs; null where an optional one is left out.</param>
/// <param name="Attributes">The attributes.</param>
/// <param name="Domain">From where the float inputs are drawn that state no domain of their own; any number of [-2, 2] by default.</param>
/// <param name="Outputs">How many outputs the node has.</param>
sealed record OpSample(string Op, string Name, SampleInput?[] Inputs, Attribute[]? Attributes = null, Domain? Domain = null, int Outputs = 1)
{
    /// <summary>
    /// The version of the operator, where it is none of the canonical opset. The operator is then put into its canonical form first, and its values and differences are those
    /// of the kernel that ONNX Runtime has for the operator itself.
    /// </summary>
    public long? Opset { get; init; }

    /// <summary>Emits what computes the same, for ONNX Runtime to run in the operator's place where it has no kernel for it; null where it has one.</summary>
    public Func<Tape, Value?[], Value[]>? Reference { get; init; }

    /// <summary>The outputs that the node leaves out.</summary>
    public int[] LeftOut { get; init; } = [];

    /// <summary>Whether the operator has to be put into canonical form first.</summary>
    public bool IsLowered => Opset is not null || OpDomain.Length > 0;

    /// <summary>The operator's domain.</summary>
    public string OpDomain => Op.Contains("::", StringComparison.Ordinal) ? Op.Split("::")[0] : "";

    /// <summary>The operator's name without its domain.</summary>
    public string OpType => Op.Split("::")[^1];

    /// <summary>The operator is linear in each input while the others are fixed: a difference over a step of one is exact, which helps where only float32 kernels exist.</summary>
    public bool Linear { get; init; }

    /// <summary>
    /// The gradients of the sum of all outputs by the inputs with gradient, one array each. Given where differences do not tell them: at kinks and ties, where a
    /// subgradient was chosen. Finite differences are not taken then.
    /// </summary>
    public double[][]? Expected { get; init; }

    /// <summary>Relative tolerance in place of the usual one, with its reason.</summary>
    public (double Value, string Reason)? Tolerance { get; init; }

    /// <summary>Why differences are taken in float32, though ONNX Runtime runs the operator in float64; null where they are not.</summary>
    public string? InFloat32 { get; init; }

    /// <summary>Why the gradient is not differentiated once more; null where it is.</summary>
    public string? NotTwice { get; init; }

    /// <summary>Why the sample needs static shapes; null where unknown dimensions are tried as well.</summary>
    public string? StaticOnly { get; init; }

    /// <summary>The operator draws at random from a seed that each session starts anew: every evaluation gets its own session.</summary>
    public bool IsRandom { get; init; }

    /// <summary>Operator and name.</summary>
    public string Id => $"{Op}/{Name}";
}

/// <summary>An input of a sample.</summary>
/// <param name="Dims">The dimensions.</param>
/// <param name="Type">The element type; Undefined for the float type that the check is made in.</param>
/// <param name="Domain">From where the values are drawn; null for the sample's domain.</param>
/// <param name="Values">The values, where they are not drawn.</param>
/// <param name="IsConstant">Whether the input is an initializer rather than fed.</param>
/// <param name="HasGradient">Whether a gradient is expected.</param>
sealed record SampleInput(long[] Dims, ElementType Type = ElementType.Undefined, Domain? Domain = null, double[]? Values = null, bool IsConstant = false, bool HasGradient = true)
{
    /// <summary>A float tensor that gets a gradient.</summary>
    public static SampleInput F(params long[] dims) => new(dims);

    /// <summary>A float tensor of given values that gets a gradient.</summary>
    public static SampleInput V(long[] dims, params double[] values) => new(dims, Values: values);

    /// <summary>A float vector of given values that gets a gradient.</summary>
    public static SampleInput V(params double[] values) => new([values.Length], Values: values);

    /// <summary>A constant int64 vector.</summary>
    public static SampleInput I(params long[] values) => I([values.Length], values);

    /// <summary>A constant int64 tensor.</summary>
    public static SampleInput I(long[] dims, params long[] values) =>
        new(dims, ElementType.Int64, Values: [.. values.Select(v => (double)v)], IsConstant: true, HasGradient: false);

    /// <summary>A constant int64 scalar.</summary>
    public static SampleInput Scalar(long value) => I([], value);

    /// <summary>A constant float scalar without gradient.</summary>
    public static SampleInput Scalar(double value) => new([], Values: [value], IsConstant: true, HasGradient: false);

    /// <summary>A truth value tensor that is fed.</summary>
    public static SampleInput B(long[] dims, params long[] values) => new(dims, ElementType.Bool, Values: [.. values.Select(v => (double)v)], HasGradient: false);

    /// <summary>The same input drawn from a domain.</summary>
    public SampleInput In(Domain domain) => this with { Domain = domain };

    /// <summary>The same input fed at run time.</summary>
    public SampleInput Fed() => this with { IsConstant = false };

    /// <summary>The same input as an initializer.</summary>
    public SampleInput Constant() => this with { IsConstant = true };

    /// <summary>The same input, of which no gradient is expected.</summary>
    public SampleInput NoGradient() => this with { HasGradient = false };

    /// <summary>The same input in another element type.</summary>
    public SampleInput As(ElementType type) => this with { Type = type };

    /// <summary>Whether the input's dimensions are stated even where those of the others are hidden, as those of weights always are.</summary>
    public bool IsShaped { get; init; }

    /// <summary>The same input, its dimensions never hidden.</summary>
    public SampleInput Shaped() => this with { IsShaped = true };

    /// <summary>Whether the input is no input of the node: its subgraphs use it by its name, x and its number.</summary>
    public bool IsCaptured { get; init; }

    /// <summary>The same value, captured by the subgraphs of the node.</summary>
    public SampleInput Captured() => this with { IsCaptured = true };

    /// <summary>Whether the input is of the float type that the check is made in.</summary>
    public bool IsFloat => Type == ElementType.Undefined;
}

/// <summary>From where the values of an input are drawn. All are multiples of 2^-10, so that steps of finite differences are exact in float32 too.</summary>
/// <param name="Low">The least value.</param>
/// <param name="High">The greatest value.</param>
/// <param name="Kinks">Points from which every value keeps a distance of 1/4, far more than the steps of the differences.</param>
/// <param name="IsDistinct">Whether any two values of the tensor differ by at least 1/4 (the range is widened as needed).</param>
/// <param name="IsWhole">Whether the values are whole numbers.</param>
sealed record Domain(double Low, double High, double[]? Kinks = null, bool IsDistinct = false, bool IsWhole = false)
{
    const double Grid = 1024;
    const double Margin = 0.25;

    /// <summary>Any number of [-2, 2].</summary>
    public static Domain Any { get; } = new(-2, 2);

    /// <summary>Numbers of [1/2, 2].</summary>
    public static Domain Positive { get; } = new(0.5, 2);

    /// <summary>Numbers of magnitude 1/2 to 2.</summary>
    public static Domain NotSmall { get; } = new(-2, 2, [-0.25, 0, 0.25]);

    /// <summary>Numbers that keep away from 0, where most kinks are.</summary>
    public static Domain AwayFromKinks { get; } = new(-2, 2, [0]);

    /// <summary>Numbers no two of which are close to each other.</summary>
    public static Domain Distinct { get; } = new(-2, 2, IsDistinct: true);

    /// <summary>Numbers of [-4, 4] that keep away from the given points.</summary>
    public static Domain AwayFrom(params double[] kinks) => new(-4, 4, kinks);

    /// <summary>Numbers of a range.</summary>
    public static Domain Between(double low, double high) => new(low, high);

    /// <summary>Whole numbers of a range, both ends included.</summary>
    public static Domain Integers(long low, long high) => new(low, high, IsWhole: true);

    /// <summary>Draws values.</summary>
    public double[] Draw(int count, Random random)
    {
        if (IsDistinct) return DrawDistinct(count, random);
        var values = new double[count];
        for (var i = 0; i < count; i++)
        {
            do values[i] = IsWhole ? random.NextInt64((long)Low, (long)High + 1) : Math.Round((Low + random.NextDouble() * (High - Low)) * Grid) / Grid;
            while (Kinks is not null && Kinks.Any(k => Math.Abs(values[i] - k) < Margin));
        }
        return values;
    }

    static double[] DrawDistinct(int count, Random random)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = Math.Round(((i - count / 2.0) * 1.5 * Margin + random.NextDouble() * 0.4 * Margin) * Grid) / Grid;
        random.Shuffle(values);
        return values;
    }
}
