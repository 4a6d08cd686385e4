using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Two orthonormal directions spanned by Gaussian ones, by Gram and Schmidt in double.</summary>
static class OrthonormalPair
{
    /// <summary>The pair of a seed and an input.</summary>
    /// <param name="length">The number of coordinates; one has no second direction, which then is zero.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="name">The input's name.</param>
    public static (double[] First, double[] Second) Of(int length, long seed, string name)
    {
        var random = new SeededRandom(seed, "circle/" + name);
        var u = new double[length];
        var v = new double[length];
        for (var i = 0; i < length; i++) (u[i], v[i]) = (random.Normal(), random.Normal());
        Normalize(u);
        var along = 0.0;
        for (var i = 0; i < length; i++) along += u[i] * v[i];
        for (var i = 0; i < length; i++) v[i] = length == 1 ? 0 : v[i] - along * u[i];
        Normalize(v);
        return (u, v);
    }

    static void Normalize(double[] x)
    {
        var norm = Math.Sqrt(x.Sum(a => a * a));
        for (var i = 0; norm > 0 && i < x.Length; i++) x[i] /= norm;
    }
}
