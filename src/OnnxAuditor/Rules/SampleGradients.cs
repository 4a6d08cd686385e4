using OnnxAuditor.Measurement.Instruments;

namespace OnnxAuditor.Rules;

/// <summary>What the Gram matrix of the gradients of single samples says of them together, as GRD004 and GRD005 judge it.</summary>
/// <param name="Samples">The number n of samples with a gradient that is not zero.</param>
/// <param name="MeanCosine">The mean cosine of pairs.</param>
/// <param name="SmallestCosine">The smallest.</param>
/// <param name="Conflicting">The share of pairs with a negative product.</param>
/// <param name="Signal">The squared length of the mean gradient of all samples there are, by the unbiased estimate (n ‖ḡ‖² − mean ‖gᵢ‖²) / (n − 1); negative where noise hides it.</param>
/// <param name="Noise">The trace of the covariance of single samples' gradients, unbiased.</param>
sealed record SampleGradients(int Samples, double MeanCosine, double SmallestCosine, double Conflicting, double Signal, double Noise)
{
    /// <summary>Fewer samples than this say nothing.</summary>
    public const int Fewest = 8;

    /// <summary>
    /// The numbers of an audit whose targets and inputs are the user's; null where they are drawn, since gradients towards drawn targets conflict by construction, and where there are fewer than 8 samples.
    /// </summary>
    public static SampleGradients? Of(RuleContext context) =>
        context is { OwnTargets: true, SyntheticInputs: false, Thorough.LossGram.Value: { } gram } ? Of(gram) : null;

    /// <summary>The numbers of a matrix; null for fewer than 8 samples with a gradient, or one that is not finite.</summary>
    internal static SampleGradients? Of(SampleGram gram)
    {
        var (n, k) = (gram.Samples, gram.Matrix);
        int[] alive = [.. Enumerable.Range(0, n).Where(i => k[i * n + i] > 0)];
        if (alive.Length < Fewest || Array.Exists(k, v => !double.IsFinite(v))) return null;
        var (sum, squares, cosines, smallest, conflicts) = (0.0, 0.0, 0.0, 1.0, 0);
        for (var a = 0; a < alive.Length; a++)
        {
            var i = alive[a];
            squares += k[i * n + i];
            sum += k[i * n + i];
            for (var b = a + 1; b < alive.Length; b++)
            {
                var j = alive[b];
                var cosine = k[i * n + j] / Math.Sqrt(k[i * n + i]) / Math.Sqrt(k[j * n + j]);
                (sum, cosines, smallest) = (sum + 2 * k[i * n + j], cosines + cosine, Math.Min(smallest, cosine));
                if (cosine < 0) conflicts++;
            }
        }
        double count = alive.Length, pairs = count * (count - 1) / 2;
        var (mean, square) = (sum / count / count, squares / count);
        return new SampleGradients(alive.Length, cosines / pairs, smallest, conflicts / pairs, (count * mean - square) / (count - 1), (square - mean) * count / (count - 1));
    }
}
