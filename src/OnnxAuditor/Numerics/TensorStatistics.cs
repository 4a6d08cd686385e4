namespace OnnxAuditor.Numerics;

/// <summary>What one look at a tensor's numbers tells. Sums are accumulated in double; moments are over the finite elements.</summary>
/// <param name="Count">The number of elements.</param>
/// <param name="NotANumber">Elements that are NaN.</param>
/// <param name="Infinite">Elements that are infinite.</param>
/// <param name="FirstNonFinite">The row-major index of the first element that is NaN or infinite; -1 for none.</param>
/// <param name="Zeros">Elements that are exactly zero.</param>
/// <param name="Subnormal">Elements below the smallest normal float32 (2^-126) that are not zero.</param>
/// <param name="Minimum">The smallest finite element; 0 where there is none.</param>
/// <param name="Maximum">The largest finite element; 0 where there is none.</param>
/// <param name="Mean">The mean.</param>
/// <param name="Variance">The population variance.</param>
/// <param name="Kurtosis">The fourth standardised moment: 3 for a Gaussian, 1.8 for a uniform law; NaN for a constant tensor.</param>
sealed record TensorStatistics(
    long Count, long NotANumber, long Infinite, long FirstNonFinite, long Zeros, long Subnormal,
    double Minimum, double Maximum, double Mean, double Variance, double Kurtosis)
{
    const float SmallestNormal = 1.17549435e-38f;

    /// <summary>Elements that are NaN or infinite.</summary>
    public long NonFinite => NotANumber + Infinite;

    /// <summary>The population standard deviation.</summary>
    public double Std => Math.Sqrt(Variance);

    /// <summary>The root mean square.</summary>
    public double Rms => Math.Sqrt(Variance + Mean * Mean);

    /// <summary>The largest absolute value.</summary>
    public double MaxAbs => Math.Max(Math.Abs(Minimum), Math.Abs(Maximum));

    /// <summary>The share of exact zeros; 0 for an empty tensor.</summary>
    public double ZeroShare => Count == 0 ? 0 : (double)Zeros / Count;

    /// <summary>Looks at the elements twice: once for counts and the mean, once for the central moments.</summary>
    public static TensorStatistics Of(ReadOnlySpan<float> values)
    {
        long nan = 0, infinite = 0, first = -1, zeros = 0, subnormal = 0;
        var (minimum, maximum, sum) = (float.PositiveInfinity, float.NegativeInfinity, 0.0);
        for (var i = 0; i < values.Length; i++)
        {
            var v = values[i];
            if (!float.IsFinite(v))
            {
                if (float.IsNaN(v)) nan++; else infinite++;
                if (first < 0) first = i;
                continue;
            }
            if (v == 0) zeros++;
            else if (MathF.Abs(v) < SmallestNormal) subnormal++;
            if (v < minimum) minimum = v;
            if (v > maximum) maximum = v;
            sum += v;
        }
        var finite = values.Length - nan - infinite;
        if (finite == 0) return new(values.Length, nan, infinite, first, 0, 0, 0, 0, 0, 0, double.NaN);
        var mean = sum / finite;
        var (second, fourth) = CentralMoments(values, mean);
        var variance = minimum == maximum ? 0 : second / finite;
        return new(values.Length, nan, infinite, first, zeros, subnormal, minimum, maximum, mean, variance, variance > 0 ? fourth / finite / (variance * variance) : double.NaN);
    }

    static (double Second, double Fourth) CentralMoments(ReadOnlySpan<float> values, double mean)
    {
        var (second, fourth) = (0.0, 0.0);
        foreach (var v in values)
        {
            if (!float.IsFinite(v)) continue;
            var square = (v - mean) * (v - mean);
            second += square;
            fourth += square * square;
        }
        return (second, fourth);
    }
}
