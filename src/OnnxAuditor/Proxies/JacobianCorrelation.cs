using System.Numerics.Tensors;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Proxies;

/// <summary>Proxies of the correlation of input gradients between samples: jacob_cov and epe_nas.</summary>
static class JacobianCorrelation
{
    const double K = 1e-5;
    const string Rows = "Jᵢ is the gradient of the sum of all logits by input i (where tokens go in, by its looked-up embeddings), flattened; re-initialised weights, batch statistics.";

    /// <summary>jacob_cov.</summary>
    internal static readonly Proxy JacobCov = new(
        "jacob_cov", "Jacobian covariance", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, InputJacobian.Instrument)],
        x =>
        {
            var (jacobian, failure) = x.Runs[0].Read(InputJacobian.Instrument);
            if (jacobian is null) return Score.NotAvailable(failure!);
            if (jacobian.Rows.Length < 2) return Score.NotAvailable("a single sample has nothing to be correlated with");
            if (Correlation(jacobian.Rows) is not { } correlation) return Score.NotAvailable("the outputs' gradient by an input is constant or not finite, which has no correlation");
            var eigenvalues = SymmetricEigenvalues.Of(correlation, jacobian.Rows.Length);
            return Score.Of(-eigenvalues.Sum(v => Math.Log(Math.Max(v, 0) + K) + 1 / (Math.Max(v, 0) + K)), ("minEigenvalue", eigenvalues[0]), ("maxEigenvalue", eigenvalues[^1]), ("samples", jacobian.Rows.Length));
        },
        new ProxyText(
            Summary: "How differently the output depends on different inputs: the spread of the correlation between their gradients.",
            Definition: $"{Rows} With v the eigenvalues of the Pearson correlation matrix of the samples' Jᵢ, the score is −Σ [ln(v + k) + 1 / (v + k)], k = 1e-5; the largest there is, −n, belongs to uncorrelated gradients. Labels play no part. Components: `minEigenvalue`, `maxEigenvalue`, `samples`.",
            ForTrainedModels: "A trained network that reacts to all inputs in one way scores low.",
            WhenNotToUse: "Compare at one batch. One sample whose gradient is nearly that of another dominates the score.",
            Source: "Mellor et al., Neural Architecture Search without Training, first version, arXiv 2006.04647, as in Abdelfattah et al. 2021. Spearman 0.58 on NAS-Bench-201 with CIFAR-10 accuracy by our calibration (32 images), published 0.73 (64 images)."));

    /// <summary>epe_nas.</summary>
    internal static readonly Proxy EpeNas = new(
        "epe_nas", "EPE-NAS", HigherIsBetter: true, ProxyCost.Backward,
        o => [ProxyRuns.Training(o, InputJacobian.Instrument, WeightGradients.Instrument)],
        x => ByClass(x.Runs[0]),
        new ProxyText(
            Summary: "How the output's dependence on its inputs agrees within each class.",
            Definition: $"{Rows} For each class c with at least two samples, E_c = Σ over the entries of the Pearson correlation matrix of its samples' Jᵢ of ln(|entry| + k), k = 1e-5. Up to 100 classes the score is Σ |E_c|; above, each E_c is divided by the number of its samples, and the score is the mean over classes c of Σ over classes c′ of |E_c − E_c′|. Components: `classes` (those counted), `samples`.",
            ForTrainedModels: "As for a new network.",
            WhenNotToUse: "Without --data and --labels classes are random and the score says nothing beyond jacob_cov. Classes with one sample are not counted: take a batch several times the number of classes. Losses other than the cross-entropy have no classes.",
            Source: "Lopes, Alirezazadeh and Alexandre, EPE-NAS, ICANN 2021, arXiv 2102.08099, in the form that NASLib gives it. There a class with one sample adds ln(1 + k), nearly zero."));

    static Score ByClass(ModelMeasurement run)
    {
        var (jacobian, failure) = run.Read(InputJacobian.Instrument);
        if (jacobian is null) return Score.NotAvailable(failure!);
        if (run.Labels is not { } labels || labels.Count != jacobian.Rows.Length) return Score.NotAvailable("the loss has no class for each sample");
        var sums = new List<double>();
        var total = labels.Distinct().Count();
        foreach (var members in labels.Index().GroupBy(l => l.Item).OrderBy(g => g.Key))
        {
            float[][] rows = [.. members.Select(m => jacobian.Rows[m.Index])];
            if (rows.Length < 2) continue;
            if (Correlation(rows) is not { } correlation) return Score.NotAvailable("the outputs' gradient by an input is constant or not finite, which has no correlation");
            var sum = correlation.Sum(r => Math.Log(Math.Abs(r) + K));
            sums.Add(total > 100 ? sum / rows.Length : sum);
        }
        if (sums.Count == 0) return Score.NotAvailable("no class has two samples in the batch");
        var score = total <= 100 ? sums.Sum(Math.Abs) : sums.Sum(a => sums.Sum(b => Math.Abs(a - b))) / sums.Count;
        return Score.Of(score, ("classes", sums.Count), ("samples", labels.Count));
    }

    /// <summary>Pearson correlations between rows, row-major; null where a row is constant or not finite.</summary>
    static double[]? Correlation(float[][] rows)
    {
        var n = rows.Length;
        var centred = new double[n][];
        for (var i = 0; i < n; i++)
        {
            var row = Array.ConvertAll(rows[i], v => (double)v);
            TensorPrimitives.Subtract(row, TensorPrimitives.Sum<double>(row) / row.Length, row);
            var norm = TensorPrimitives.Norm<double>(row);
            if (!(norm > 0) || !double.IsFinite(norm)) return null;
            TensorPrimitives.Divide(row, norm, row);
            centred[i] = row;
        }
        var result = new double[n * n];
        for (var i = 0; i < n; i++) for (var j = 0; j < n; j++) result[i * n + j] = TensorPrimitives.Dot<double>(centred[i], centred[j]);
        return result;
    }
}
