namespace ModelGenerator;

/// <summary>How a parameter's values are made: uniform in [-Bound, Bound), or Centre everywhere where Bound is 0.</summary>
/// <param name="Bound">Half the width of the interval.</param>
/// <param name="Centre">Added to every value.</param>
sealed record Init(double Bound, double Centre = 0)
{
    /// <summary>He initialisation for ReLU, its uniform form (He et al. 2015, arXiv 1502.01852): variance 2 / fanIn, times the square of a factor.</summary>
    internal static Init He(long fanIn, double factor = 1) => new(factor * Math.Sqrt(6.0 / fanIn));

    /// <summary>PyTorch's default for linear, convolution and recurrent layers: variance 1 / (3 fanIn).</summary>
    internal static Init PyTorch(long fanIn) => new(1 / Math.Sqrt(fanIn));

    /// <summary>One value everywhere.</summary>
    internal static Init Constant(double value) => new(0, value);

    /// <summary>The values of a tensor.</summary>
    internal float[] Fill(long count, string key)
    {
        var values = new float[count];
        var random = new KeyedRandom(key);
        for (var i = 0; i < values.Length; i++) values[i] = (float)(Centre + (Bound == 0 ? 0 : random.Uniform(Bound)));
        return values;
    }
}
