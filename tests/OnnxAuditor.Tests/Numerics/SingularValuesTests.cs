using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Numerics;

public sealed class SingularValuesTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(7, 7)]
    [InlineData(20, 1500)]
    public void Squares_are_those_of_the_full_decomposition(int rows, int columns)
    {
        var matrix = Drawn(rows, columns);
        var expected = matrix.Svd(false).S.Select(s => s * s).ToList();
        var actual = SingularValues.Squares(matrix.ToRowMajorArray(), rows, columns);
        Assert.Equal(rows, actual.Length);
        for (var i = 0; i < rows; i++) Assert.Equal(expected[i], actual[i], 1e-12 * expected[0]);
    }

    [Fact]
    public void Power_iteration_comes_near_the_largest_square_and_not_above()
    {
        var matrix = Drawn(30, 50);
        var largest = Math.Pow(matrix.Svd(false).S[0], 2);
        var found = SingularValues.LargestSquare(matrix.ToRowMajorArray(), 30, 50, 100, new SeededRandom(1, "start"));
        Assert.InRange(found, 0.97 * largest, largest * (1 + 1e-12));
    }

    [Fact]
    public void A_matrix_of_zeros_has_the_largest_square_zero() => Assert.Equal(0, SingularValues.LargestSquare(new double[6], 2, 3, 5, new SeededRandom(0, "start")));

    static Matrix<double> Drawn(int rows, int columns)
    {
        var random = new SeededRandom(rows, "matrix");
        return Matrix<double>.Build.Dense(rows, columns, (_, _) => random.Normal());
    }
}
