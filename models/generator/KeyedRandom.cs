using System.Text;

namespace ModelGenerator;

/// <summary>
/// The seeded generator all weights come from: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
/// Its start is the 64-bit FNV-1a hash of a key, so that a tensor's values depend on its model's and its own name alone, not on the order of building.
/// Only integer arithmetic and correctly rounded operations are used: the values are the same on every machine.
/// </summary>
sealed class KeyedRandom
{
    ulong state;

    /// <summary>Starts the sequence that belongs to a key.</summary>
    internal KeyedRandom(string key)
    {
        state = 14695981039346656037;
        foreach (var b in Encoding.UTF8.GetBytes(key)) state = unchecked((state ^ b) * 1099511628211);
    }

    /// <summary>The next number, uniform in [-bound, bound).</summary>
    internal float Uniform(double bound) => (float)((2 * ((Next() >> 40) * (1.0 / (1 << 24))) - 1) * bound);

    ulong Next()
    {
        unchecked
        {
            state += 0x9E3779B97F4A7C15;
            var z = state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
