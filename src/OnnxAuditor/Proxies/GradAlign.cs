using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Proxies;

/// <summary>gradalign: how much the gradients of single samples conflict.</summary>
static class GradAlign
{
    const double Regularization = 1e-6;

    /// <summary>The proxy.</summary>
    internal static readonly Proxy Proxy = new(
        "gradalign", "GradAlign", HigherIsBetter: true, ProxyCost.PerSample,
        o => [new Protocol(WeightSource.Reinitialized, NormStatistics.Alone, InputLaw.Auto, o.Batch, o.Seed, Probes.None) { Init = o.Init, Loss = o.Loss, Instruments = [SampleGrams.OfLoss] }],
        x => Score(x.Runs[0]),
        new ProxyText(
            Summary: "The log-determinant of the cosines between the gradients of single samples: how many different directions the samples of a batch ask the weights to go.",
            Definition: """
                gᵢ is the gradient of the loss of sample i by all convolution and linear weights, each sample normalised by its own statistics, as if it went forward alone in training mode.
                K_ij = ⟨gᵢ, gⱼ⟩ / (‖gᵢ‖ ‖gⱼ‖), with a row of zeros for a sample whose gradient is zero. The score is GradAlign-ii, ln det(K + 1e-6 I).
                Components: `alignment` (GradAlign-i: the mean cosine of gᵢ to the mean direction), `meanCosine` and `conflict` (mean over pairs of K_ij and of min(0, K_ij)), `negativeFraction` (the
                share of pairs with K_ij < 0), `minEigenvalue` (the smallest eigenvalue of K), `samples` (the number n of samples). Re-initialised weights; the given data and labels, else N(0, 1) and random labels.
                """,
            ForTrainedModels: "Of a trained model it tells whether the samples of a batch still disagree; where they are fitted, gradients are small and their directions mostly noise.",
            WhenNotToUse: "Compare only values of equal n: the determinant falls with every sample. With synthetic inputs all samples are drawn from one law, and the value says less than with real ones.",
            Source: """
                Li and Guo, GradAlign, arXiv 2411.19819. No code was released, and the definition here is a reconstruction from the abstract: normalised gradients, Gram matrix, determinant. The paper
                says that conflict slows convergence; whether a large determinant is then good or bad it does not say where we could read it. The sign was chosen on NAS-Bench-201: over 600
                architectures, 24 CIFAR-10 images with their labels, higher ranks better (Spearman +0.72, Kendall +0.53), less conflict too (+0.55, +0.41), while the mean alignment
                ranks the other way (-0.33, -0.23).
                """))
    { InStandardProfile = true };

    static Score Score(ModelMeasurement run)
    {
        var (measured, failure) = run.Read(SampleGrams.OfLoss);
        if (measured is null || measured.Uncounted is not null) return Proxies.Score.NotAvailable(failure ?? measured!.Uncounted!);
        var (gram, n) = (measured.Matrix, measured.Samples);
        if (n < 2) return Proxies.Score.NotAvailable("a single sample has nothing to agree with");
        var cosines = Cosines(gram, n);
        var alive = Enumerable.Range(0, n).Where(i => cosines[i, i] > 0).ToList();
        if (alive.Count == 0) return Proxies.Score.NotAvailable("the gradient of every sample is zero");
        double sum = 0, pairs = 0, conflict = 0;
        var negative = 0;
        foreach (var i in alive)
            foreach (var j in alive)
            {
                sum += cosines[i, j];
                if (i == j) continue;
                pairs++;
                conflict += Math.Min(0, cosines[i, j]);
                if (cosines[i, j] < 0) negative++;
            }
        var eigenvalues = SymmetricEigenvalues.Of(cosines.ToRowMajorArray(), n);
        // K has no negative eigenvalue; what rounding makes of a zero one must not reach beyond the regularisation.
        var determinant = eigenvalues.Sum(e => Math.Log(Math.Max(e, 0) + Regularization));
        return Proxies.Score.Of(
            determinant, ("alignment", Math.Sqrt(Math.Max(sum, 0)) / alive.Count), ("meanCosine", (sum - alive.Count) / pairs), ("conflict", conflict / pairs),
            ("negativeFraction", negative / pairs), ("minEigenvalue", Math.Max(eigenvalues.Min(), 0)), ("samples", n));
    }

    static Matrix<double> Cosines(double[] gram, int n) =>
        Matrix<double>.Build.Dense(n, n, (i, j) => gram[i * n + i] > 0 && gram[j * n + j] > 0 ? i == j ? 1 : gram[i * n + j] / Math.Sqrt(gram[i * n + i]) / Math.Sqrt(gram[j * n + j]) : 0);
}
