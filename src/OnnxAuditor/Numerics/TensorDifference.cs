using GraphRewriter.Ir;

namespace OnnxAuditor.Numerics;

/// <summary>How far two tensors are from each other.</summary>
/// <param name="Largest">The largest difference of two elements; infinite where shapes differ, or where one is NaN or infinite and the other is not the same.</param>
/// <param name="Scale">The largest finite magnitude in either.</param>
readonly record struct TensorDifference(double Largest, double Scale)
{
    /// <summary>The difference over the scale; 0 where there is no difference.</summary>
    public double Relative => Largest == 0 ? 0 : Scale > 0 ? Largest / Scale : double.PositiveInfinity;

    /// <summary>Compares two tensors of floats.</summary>
    public static TensorDifference Of(TensorData a, TensorData b)
    {
        if (!a.Dims.SequenceEqual(b.Dims)) return new(double.PositiveInfinity, 0);
        var (x, y) = (a.ToDoubles(), b.ToDoubles());
        var (largest, scale) = (0.0, 0.0);
        for (var i = 0; i < x.Length; i++)
        {
            if (double.IsFinite(x[i])) scale = Math.Max(scale, Math.Abs(x[i]));
            if (double.IsFinite(y[i])) scale = Math.Max(scale, Math.Abs(y[i]));
            if (x[i].Equals(y[i])) continue;
            var difference = Math.Abs(x[i] - y[i]);
            largest = Math.Max(largest, double.IsNaN(difference) ? double.PositiveInfinity : difference);
        }
        return new(largest, scale);
    }
}
