using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// The Lanczos iteration for the ends of a symmetric operator's spectrum, every new vector made orthogonal to all before it (twice, which is enough in floating point).
/// Tensors stand in the dispose scope of the caller.
/// </summary>
/// <param name="product">The operator.</param>
/// <param name="start">The first vector, not zero.</param>
/// <param name="mostSteps">The most steps.</param>
sealed class Lanczos(Func<Tensor, Tensor> product, Tensor start, int mostSteps)
{
    readonly List<Tensor> basis = [start / Math.Sqrt(LossCurvature.Dot(start, start))];
    readonly List<double> diagonal = [];
    readonly List<double> beside = [];
    Evd<double>? spectrum;

    /// <summary>The steps made.</summary>
    public int Steps => diagonal.Count;

    /// <summary>Makes a step; false where none is left to make.</summary>
    public bool Step()
    {
        if (Steps >= mostSteps || basis.Count == Steps) return false;
        using var scope = NewDisposeScope();
        var next = product(basis[^1]);
        diagonal.Add(LossCurvature.Dot(basis[^1], next));
        for (var pass = 0; pass < 2; pass++)
            foreach (var v in basis) next = next - v * LossCurvature.Dot(v, next);
        var norm = Math.Sqrt(LossCurvature.Dot(next, next));
        beside.Add(norm);
        // Below the rounding of the products the space is exhausted: every eigenvector that the start has a part of is found.
        var rounding = next.dtype == ScalarType.Float64 ? 1e-12 : 1e-6;
        if (norm > rounding * diagonal.Max(Math.Abs)) basis.Add(scope.MoveToOuter(next / norm));
        spectrum = Matrix<double>.Build.Dense(Steps, Steps, (i, j) => i == j ? diagonal[i] : Math.Abs(i - j) == 1 ? beside[Math.Min(i, j)] : 0).Evd(Symmetricity.Symmetric);
        return true;
    }

    /// <summary>Whether both ends' residuals, as the iteration bounds them, are within a tolerance of the larger magnitude.</summary>
    public bool IsWithin(double tolerance)
    {
        if (basis.Count == Steps) return true;
        var (top, bottom) = (Steps - 1, 0);
        var scale = Math.Max(Math.Abs(spectrum!.EigenValues[top].Real), Math.Abs(spectrum.EigenValues[bottom].Real));
        return Math.Max(Bound(top), Bound(bottom)) <= tolerance * scale;
    }

    /// <summary>The estimate at one end and its vector of norm 1.</summary>
    public (double Value, Tensor Vector) Pair(bool fromTop)
    {
        var at = fromTop ? Steps - 1 : 0;
        var vector = zeros_like(basis[0]);
        for (var i = 0; i < Steps; i++) vector += basis[i] * spectrum!.EigenVectors[i, at];
        return (spectrum!.EigenValues[at].Real, vector / Math.Sqrt(LossCurvature.Dot(vector, vector)));
    }

    double Bound(int at) => beside[^1] * Math.Abs(spectrum!.EigenVectors[Steps - 1, at]);
}
