using System.Numerics.Tensors;

namespace OnnxAuditor.Numerics;

/// <summary>
/// Eigenvalues of real symmetric matrices, without eigenvectors: Householder's reduction to tridiagonal form, then implicit QL steps (Golub and Van Loan,
/// Matrix Computations, 8.3). MathNet always computes the vectors as well, which at order 512 takes many times as long.
/// </summary>
static class SymmetricEigenvalues
{
    /// <summary>Steps for one eigenvalue until rounding is given more room, and until none is found. Three are the rule.</summary>
    const int PatientSteps = 30, MostSteps = 48;

    const double Epsilon = 2.220446049250313e-16;

    /// <summary>The eigenvalues, ascending.</summary>
    /// <param name="matrix">Row-major [n, n], symmetric and finite; it is overwritten.</param>
    /// <param name="n">The order.</param>
    /// <exception cref="ArithmeticException">An entry is not finite.</exception>
    public static double[] Of(double[] matrix, int n)
    {
        if (n == 0) return [];
        foreach (var v in matrix) if (!double.IsFinite(v)) throw new ArithmeticException("A matrix with entries that are not finite has no eigenvalues.");
        var diagonal = new double[n];
        var beside = new double[n];
        Tridiagonalize(matrix, n, diagonal, beside);
        // Beside the largest entry, what the reduction leaves of an eigenvalue of zero is rounding, which never gets small beside itself.
        var floor = 1e-3 * Epsilon * Math.Max(Math.Abs(TensorPrimitives.MaxMagnitude<double>(diagonal)), Math.Abs(TensorPrimitives.MaxMagnitude<double>(beside)));
        for (var l = 0; l < n; l++) Isolate(diagonal, beside, l, floor);
        Array.Sort(diagonal);
        return diagonal;
    }

    static void Tridiagonalize(double[] a, int n, double[] diagonal, double[] beside)
    {
        var v = new double[n];
        var p = new double[n];
        for (var k = 0; k < n - 2; k++)
        {
            diagonal[k] = a[k * n + k];
            // What the reflection annihilates is row k beyond the superdiagonal; it is scaled so that its squares keep their range.
            var x = a.AsSpan(k * n + k + 1, n - k - 1);
            var u = v.AsSpan(0, x.Length);
            var w = p.AsSpan(0, x.Length);
            var scale = Math.Abs(TensorPrimitives.MaxMagnitude<double>(x));
            if (scale == 0 || x.Length == 1)
            {
                beside[k] = x[0];
                continue;
            }
            TensorPrimitives.Divide(x, scale, u);
            var norm = TensorPrimitives.Norm<double>(u);
            if (u[0] > 0) norm = -norm;
            beside[k] = norm * scale;
            u[0] -= norm;
            var half = -norm * u[0];
            if (half == 0) continue;
            // A ← A − u wᵀ − w uᵀ with w = A u / h − (uᵀ A u / 2 h²) u, h = ‖u‖² / 2.
            for (var i = 0; i < x.Length; i++) w[i] = TensorPrimitives.Dot(Row(a, n, k, i), u) / half;
            TensorPrimitives.MultiplyAdd(u, -TensorPrimitives.Dot<double>(u, w) / (2 * half), w, w);
            for (var i = 0; i < x.Length; i++)
            {
                var row = Row(a, n, k, i);
                TensorPrimitives.MultiplyAdd(w, -u[i], row, row);
                TensorPrimitives.MultiplyAdd(u, -w[i], row, row);
            }
        }
        if (n > 1)
        {
            diagonal[n - 2] = a[(n - 2) * n + n - 2];
            beside[n - 2] = a[(n - 2) * n + n - 1];
        }
        diagonal[n - 1] = a[n * n - 1];
    }

    static Span<double> Row(double[] a, int n, int k, int i) => a.AsSpan((k + 1 + i) * n + k + 1, n - k - 1);

    /// <summary>Steps until the eigenvalue at l stands alone.</summary>
    static void Isolate(double[] d, double[] e, int l, double floor)
    {
        for (var step = 0; ; step++)
        {
            // Where large eigenvalues lie before a cluster at zero, their rounding flows into it with every step, and no entry there stays below the floor. Up to the
            // rounding of the largest, what is left out moves no eigenvalue by more than the reduction has.
            if (step > PatientSteps) floor *= 2;
            var m = l;
            while (m < d.Length - 1 && Math.Abs(e[m]) > Math.Max(floor, Epsilon * (Math.Abs(d[m]) + Math.Abs(d[m + 1])))) m++;
            if (m == l) return;
            if (step == MostSteps) throw new ArithmeticException("The eigenvalues did not settle.");
            var g = (d[l + 1] - d[l]) / (2 * e[l]);
            var r = double.Hypot(g, 1);
            g = d[m] - d[l] + e[l] / (g + Math.CopySign(r, g));
            double s = 1, c = 1, shift = 0;
            var i = m - 1;
            for (; i >= l; i--)
            {
                var f = s * e[i];
                var b = c * e[i];
                e[i + 1] = r = double.Hypot(f, g);
                if (r == 0)
                {
                    d[i + 1] -= shift;
                    e[m] = 0;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - shift;
                r = (d[i] - g) * s + 2 * c * b;
                shift = s * r;
                d[i + 1] = g + shift;
                g = c * r - b;
            }
            if (r == 0 && i >= l) continue;
            d[l] -= shift;
            e[l] = g;
            e[m] = 0;
        }
    }
}
