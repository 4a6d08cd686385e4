using System.Numerics;
using System.Runtime.Intrinsics;

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
        var first = new FirstLook();
        first.Add(values);
        var finite = values.Length - first.NotANumber - first.Infinite;
        if (finite == 0) return new(values.Length, first.NotANumber, first.Infinite, first.FirstNonFinite, 0, 0, 0, 0, 0, 0, double.NaN);
        var mean = first.Sum / finite;
        var (second, fourth) = CentralMoments(values, mean);
        var variance = first.Minimum == first.Maximum ? 0 : second / finite;
        return new(
            values.Length, first.NotANumber, first.Infinite, first.FirstNonFinite, first.Zeros, first.Subnormal, first.Minimum, first.Maximum, mean, variance,
            variance > 0 ? fourth / finite / (variance * variance) : double.NaN);
    }

    /// <summary>Sums of second and fourth powers. Eight sums side by side, whatever the processor has, so that the result is the same on all.</summary>
    static (double Second, double Fourth) CentralMoments(ReadOnlySpan<float> values, double mean)
    {
        var (second, fourth) = (0.0, 0.0);
        Vector256<double> low2 = default, high2 = default, low4 = default, high4 = default;
        var center = Vector256.Create(mean);
        var at = 0;
        for (; at <= values.Length - Vector256<float>.Count; at += Vector256<float>.Count)
        {
            var v = Vector256.Create(values[at..]);
            if (!AreFinite(v))
            {
                Slowly(values.Slice(at, Vector256<float>.Count));
                continue;
            }
            var (low, high) = Vector256.Widen(v);
            low -= center;
            high -= center;
            low *= low;
            high *= high;
            low2 += low;
            high2 += high;
            low4 += low * low;
            high4 += high * high;
        }
        Slowly(values[at..]);
        return (second + Total(low2, high2), fourth + Total(low4, high4));

        void Slowly(ReadOnlySpan<float> some)
        {
            foreach (var v in some)
            {
                if (!float.IsFinite(v)) continue;
                var square = (v - mean) * (v - mean);
                second += square;
                fourth += square * square;
            }
        }
    }

    static bool AreFinite(Vector256<float> v) => Vector256.LessThanAll(Vector256.Abs(v), Vector256.Create(float.PositiveInfinity));

    static double Total(Vector256<double> low, Vector256<double> high)
    {
        var sum = low + high;
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }

    /// <summary>Counts, extremes and sum.</summary>
    ref struct FirstLook()
    {
        public long NotANumber, Infinite, FirstNonFinite = -1, Zeros, Subnormal;
        public float Minimum = float.PositiveInfinity, Maximum = float.NegativeInfinity;
        public double Sum;

        public void Add(ReadOnlySpan<float> values)
        {
            Vector256<double> lowSum = default, highSum = default;
            var (least, most) = (Vector256.Create(float.PositiveInfinity), Vector256.Create(float.NegativeInfinity));
            var at = 0;
            for (; at <= values.Length - Vector256<float>.Count; at += Vector256<float>.Count)
            {
                var v = Vector256.Create(values[at..]);
                if (!AreFinite(v))
                {
                    Slowly(values.Slice(at, Vector256<float>.Count), at);
                    continue;
                }
                var zeros = BitOperations.PopCount(Vector256.Equals(v, Vector256<float>.Zero).ExtractMostSignificantBits());
                Zeros += zeros;
                Subnormal += BitOperations.PopCount(Vector256.LessThan(Vector256.Abs(v), Vector256.Create(SmallestNormal)).ExtractMostSignificantBits()) - zeros;
                least = Vector256.ConditionalSelect(Vector256.LessThan(v, least), v, least);
                most = Vector256.ConditionalSelect(Vector256.GreaterThan(v, most), v, most);
                var (low, high) = Vector256.Widen(v);
                lowSum += low;
                highSum += high;
            }
            Slowly(values[at..], at);
            for (var i = 0; i < Vector256<float>.Count; i++)
            {
                Minimum = least[i] < Minimum ? least[i] : Minimum;
                Maximum = most[i] > Maximum ? most[i] : Maximum;
            }
            Sum += Total(lowSum, highSum);
        }

        void Slowly(ReadOnlySpan<float> values, int offset)
        {
            for (var i = 0; i < values.Length; i++)
            {
                var v = values[i];
                if (!float.IsFinite(v))
                {
                    if (float.IsNaN(v)) NotANumber++; else Infinite++;
                    if (FirstNonFinite < 0) FirstNonFinite = offset + i;
                    continue;
                }
                if (v == 0) Zeros++;
                else if (MathF.Abs(v) < SmallestNormal) Subnormal++;
                if (v < Minimum) Minimum = v;
                if (v > Maximum) Maximum = v;
                Sum += v;
            }
        }
    }
}
