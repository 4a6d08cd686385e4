namespace OnnxAuditor.Numerics;

/// <summary>
/// The program's only source of randomness: xoshiro256** (Blackman and Vigna 2018) seeded by SplitMix64 from (seed, key), where the key is a name.
/// The same seed and key give the same numbers on every machine, and no stream depends on how many numbers another drew.
/// </summary>
sealed class SeededRandom
{
    ulong s0, s1, s2, s3;
    double spare;
    bool hasSpare;

    /// <summary>Makes the stream of a seed and a key.</summary>
    public SeededRandom(long seed, string key)
    {
        // FNV-1a over the UTF-16 code units; any spreading hash would do, this one is written down everywhere.
        var state = 14695981039346656037UL ^ (ulong)seed;
        foreach (var c in key) state = (state ^ c) * 1099511628211UL;
        s0 = SplitMix(ref state);
        s1 = SplitMix(ref state);
        s2 = SplitMix(ref state);
        s3 = SplitMix(ref state);
    }

    /// <summary>Uniform in [0, 1), 53 random bits.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + (high - low) * Uniform();

    /// <summary>A whole number in [0, bound), by rejection.</summary>
    public long Integer(long bound)
    {
        var limit = ulong.MaxValue - ulong.MaxValue % (ulong)bound;
        ulong x;
        do x = Next();
        while (x >= limit);
        return (long)(x % (ulong)bound);
    }

    /// <summary>Standard normal, by the polar method of Marsaglia.</summary>
    public double Normal()
    {
        if (hasSpare)
        {
            hasSpare = false;
            return spare;
        }
        double u, v, r;
        do
        {
            u = 2 * Uniform() - 1;
            v = 2 * Uniform() - 1;
            r = u * u + v * v;
        }
        while (r is >= 1 or 0);
        var factor = Math.Sqrt(-2 * Math.Log(r) / r);
        spare = v * factor;
        hasSpare = true;
        return u * factor;
    }

    /// <summary>Fills with standard normals.</summary>
    public void FillNormal(Span<float> destination, double scale = 1)
    {
        for (var i = 0; i < destination.Length; i++) destination[i] = (float)(scale * Normal());
    }

    /// <summary>Fills with uniforms in [-bound, bound).</summary>
    public void FillUniform(Span<float> destination, double bound)
    {
        for (var i = 0; i < destination.Length; i++) destination[i] = (float)Uniform(-bound, bound);
    }

    ulong Next()
    {
        var result = ulong.RotateLeft(s1 * 5, 7) * 9;
        var t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = ulong.RotateLeft(s3, 45);
        return result;
    }

    static ulong SplitMix(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15UL;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
