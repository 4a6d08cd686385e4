namespace OnnxAuditor.Numerics;

/// <summary>A fitted power law, density proportional to x^−α from x_min on.</summary>
/// <param name="Alpha">α, by maximum likelihood.</param>
/// <param name="Minimum">x_min: where the tail begins.</param>
/// <param name="Tail">Values in the tail.</param>
/// <param name="Distance">The Kolmogorov–Smirnov distance between the tail and the fit.</param>
sealed record PowerLaw(double Alpha, double Minimum, int Tail, double Distance)
{
    /// <summary>
    /// Fits the tail of positive numbers by the method of Clauset, Shalizi and Newman (2009, arXiv 0706.1062, section 3): for each value as x_min, α = 1 + n / Σ ln(x/x_min) over the n values from it on;
    /// of these fits the one nearest to its own tail.
    /// </summary>
    /// <param name="values">Ascending, positive.</param>
    /// <param name="smallestTail">Fewer values are no tail.</param>
    /// <returns>The fit; null for fewer values than a tail, or values that are all equal.</returns>
    public static PowerLaw? Fit(IReadOnlyList<double> values, int smallestTail)
    {
        PowerLaw? best = null;
        var logs = new double[values.Count];
        for (var i = 0; i < logs.Length; i++) logs[i] = Math.Log(values[i]);
        var above = 0.0;
        for (var i = logs.Length - 1; i >= 0; i--)
        {
            above += logs[i];
            var tail = logs.Length - i;
            if (tail < smallestTail || (i > 0 && values[i] == values[i - 1])) continue;
            var spread = above - tail * logs[i];
            if (spread <= 0) continue;
            var alpha = 1 + tail / spread;
            var distance = 0.0;
            for (var k = 0; k < tail; k++)
            {
                var fitted = 1 - Math.Exp((1 - alpha) * (logs[i + k] - logs[i]));
                distance = Math.Max(distance, Math.Max(Math.Abs(fitted - (double)k / tail), Math.Abs(fitted - (k + 1.0) / tail)));
            }
            if (best is null || distance < best.Distance) best = new PowerLaw(alpha, values[i], tail, distance);
        }
        return best;
    }
}
