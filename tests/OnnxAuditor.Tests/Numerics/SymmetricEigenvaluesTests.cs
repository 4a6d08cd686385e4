using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Numerics;

/// <summary>Eigenvalues against MathNet's decomposition and known spectra.</summary>
public sealed class SymmetricEigenvaluesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 1)]
    [InlineData(17, 17)]
    [InlineData(40, 7)]
    [InlineData(130, 130)]
    [InlineData(200, 3)]
    public void They_are_those_of_the_full_decomposition(int n, int rank)
    {
        var random = new SeededRandom(n, "matrix");
        var factor = Matrix<double>.Build.Dense(n, rank, (_, _) => random.Normal());
        var matrix = factor * factor.Transpose();
        var expected = matrix.Evd(Symmetricity.Symmetric).EigenValues.Select(e => e.Real).Order().ToArray();
        var actual = SymmetricEigenvalues.Of(matrix.ToRowMajorArray(), n);
        for (var i = 0; i < n; i++) Assert.Equal(expected[i], actual[i], 1e-11 * expected[^1]);
    }

    [Theory]
    [InlineData(16, 9)]
    [InlineData(72, 5)]
    [InlineData(96, 40)]
    [InlineData(240, 12)]
    [InlineData(480, 30)]
    public void Those_of_a_Gram_matrix_of_few_rows_and_channels_of_unlike_size_settle(int n, int rank)
    {
        // As of channels that mostly are off, and of hard activations: clusters at zero, and columns from 1e-8 to 1.
        for (var seed = 0; seed < 8; seed++)
        {
            var random = new SeededRandom(seed, "graded");
            var factor = Matrix<double>.Build.Dense(rank, n, (_, j) => (float)(Math.Max(0, random.Normal() - seed % 3 * 0.7) * Math.Pow(10, -8.0 * (seed % 2 == 0 ? j : n - j) / n)));
            var matrix = factor.TransposeThisAndMultiply(factor);
            var actual = SymmetricEigenvalues.Of(matrix.ToRowMajorArray(), n);
            var expected = factor.Svd(computeVectors: false).S.Select(s => s * s).Order().ToArray();
            for (var i = 0; i < n; i++) Assert.Equal(i < n - expected.Length ? 0 : expected[i - n + expected.Length], actual[i], 1e-14 * n * expected[^1]);
        }
    }

    [Fact]
    public void Of_a_second_difference_matrix_they_are_the_known_cosines()
    {
        const int n = 50;
        var matrix = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            matrix[i * n + i] = 2;
            if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1;
        }
        var actual = SymmetricEigenvalues.Of(matrix, n);
        for (var k = 0; k < n; k++) Assert.Equal(2 - 2 * Math.Cos(Math.PI * (k + 1) / (n + 1)), actual[k], 1e-12);
    }

    [Theory]
    [InlineData(1e-150)]
    [InlineData(1e150)]
    public void Scale_does_not_matter(double scale)
    {
        double[] matrix = [4, 1, 0.5, 1, 3, 0.25, 0.5, 0.25, 1];
        var plain = SymmetricEigenvalues.Of([.. matrix], 3);
        var scaled = SymmetricEigenvalues.Of([.. matrix.Select(m => m * scale)], 3);
        for (var i = 0; i < 3; i++) Assert.Equal(plain[i], scaled[i] / scale, 1e-12);
    }

    /// <summary>Equal channels, dead channels and copies of channels: what Gram matrices of real layers are made of.</summary>
    [Fact]
    public void Matrices_of_repeated_and_dead_channels_settle()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new SeededRandom(seed, "repeated");
            var (n, positions) = (2 + (int)random.Integer(70), 1 + (int)random.Integer(60));
            var kinds = 1 + (int)random.Integer(6);
            var scale = Math.Pow(10, random.Uniform(-30, 10));
            var rows = Enumerable.Range(0, kinds).Select(_ => Enumerable.Range(0, positions).Select(_ => (double)(float)(scale * random.Normal())).ToArray()).Append(new double[positions]).ToList();
            double[][] map = [.. Enumerable.Range(0, n).Select(_ => rows[(int)random.Integer(rows.Count)])];
            var gram = new double[n * n];
            for (var i = 0; i < n; i++) for (var j = 0; j < n; j++) gram[i * n + j] = map[i].Zip(map[j], (a, b) => a * b).Sum();
            var trace = Enumerable.Range(0, n).Sum(i => gram[i * n + i]);
            var eigenvalues = SymmetricEigenvalues.Of(gram, n);
            Assert.Equal(trace, eigenvalues.Sum(), 1e-12 * trace);
            Assert.True(eigenvalues.Count(e => e > 1e-10 * trace) <= Math.Min(kinds, positions));
        }
    }

    [Fact]
    public void Zero_and_identity_are_themselves_and_a_NaN_is_refused()
    {
        Assert.All(SymmetricEigenvalues.Of(new double[16], 4), e => Assert.Equal(0, e));
        Assert.All(SymmetricEigenvalues.Of([1, 0, 0, 0, 1, 0, 0, 0, 1], 3), e => Assert.Equal(1, e));
        Assert.Throws<ArithmeticException>(() => SymmetricEigenvalues.Of([double.NaN], 1));
        Assert.Empty(SymmetricEigenvalues.Of([], 0));
    }
}
