using System.Numerics.Tensors;

namespace OnnxAuditor.Numerics;

/// <summary>
/// Squared singular values of matrices, from the Gram matrix of the shorter side in float64. They reach down to 1e-16 of the largest square, which is 1e-8 of the largest singular value:
/// below what float32 entries themselves resolve.
/// </summary>
static class SingularValues
{
    /// <summary>Entries of a row that are multiplied before the next row is taken, so that a block of rows stays in the cache.</summary>
    const int Block = 1024;

    /// <summary>The multiplications that <see cref="Squares"/> takes, about: the Gram matrix and its reduction to tridiagonal form.</summary>
    public static double Cost(long rows, long columns)
    {
        var (n, m) = ((double)Math.Min(rows, columns), (double)Math.Max(rows, columns));
        return n * n * (m / 2 + 4 * n / 3);
    }

    /// <summary>The squares of the singular values, descending; as many as the shorter side.</summary>
    /// <param name="matrix">Row-major [rows, columns], finite, rows ≤ columns.</param>
    /// <param name="rows">The shorter side.</param>
    /// <param name="columns">The longer side.</param>
    public static double[] Squares(ReadOnlySpan<double> matrix, int rows, int columns)
    {
        var values = SymmetricEigenvalues.Of(Gram(matrix, rows, columns), rows);
        Array.Reverse(values);
        // What rounding leaves of a square of zero may be negative.
        for (var i = 0; i < values.Length; i++) values[i] = Math.Max(0, values[i]);
        return values;
    }

    /// <summary>The inner products of the rows, row-major [rows, rows].</summary>
    /// <param name="matrix">Row-major [rows, columns].</param>
    /// <param name="rows">The rows.</param>
    /// <param name="columns">The columns.</param>
    public static double[] Gram(ReadOnlySpan<double> matrix, int rows, int columns)
    {
        var gram = new double[rows * rows];
        for (var start = 0; start < columns; start += Block)
        {
            var length = Math.Min(Block, columns - start);
            for (var i = 0; i < rows; i++)
            {
                var row = matrix.Slice(i * columns + start, length);
                for (var j = 0; j <= i; j++) gram[i * rows + j] += TensorPrimitives.Dot(row, matrix.Slice(j * columns + start, length));
            }
        }
        for (var i = 0; i < rows; i++) for (var j = 0; j < i; j++) gram[j * rows + i] = gram[i * rows + j];
        return gram;
    }

    /// <summary>A lower bound on the largest squared singular value: the Rayleigh quotient after steps of power iteration from a vector of ones and minus ones.</summary>
    /// <param name="matrix">Row-major [rows, columns], finite.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="steps">Steps; each takes two products with the matrix.</param>
    /// <param name="random">Draws the signs.</param>
    public static double LargestSquare(ReadOnlySpan<double> matrix, int rows, int columns, int steps, SeededRandom random)
    {
        var v = new double[columns];
        var u = new double[rows];
        for (var i = 0; i < columns; i++) v[i] = random.Uniform() < 0.5 ? -1 : 1;
        var square = 0.0;
        for (var step = 0; step < steps; step++)
        {
            var norm = TensorPrimitives.Norm<double>(v);
            if (norm == 0) return 0;
            TensorPrimitives.Divide(v, norm, v);
            for (var i = 0; i < rows; i++) u[i] = TensorPrimitives.Dot(matrix.Slice(i * columns, columns), v);
            square = TensorPrimitives.SumOfSquares<double>(u);
            Array.Clear(v);
            for (var i = 0; i < rows; i++) TensorPrimitives.MultiplyAdd(matrix.Slice(i * columns, columns), u[i], v, v);
        }
        return square;
    }
}
