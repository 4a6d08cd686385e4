using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Rules;

/// <summary>
/// The singular values of a weight, taken as the matrix that maps inputs to outputs: a linear layer as it is, a convolution as [filters, inputs · window], each direction of a recurrent layer by
/// itself. Rows and columns that are zero beside the others are left out: they are WGT003's.
/// </summary>
/// <param name="Weight">The weight.</param>
/// <param name="Part">Which of several matrices: the direction of a recurrent layer; null where there is one.</param>
/// <param name="Matrix">Row-major [Rows, Columns] in float64, the shorter side first.</param>
/// <param name="Rows">The shorter side, without what was left out.</param>
/// <param name="Columns">The longer side, without what was left out.</param>
/// <param name="Squares">The squared singular values, descending.</param>
/// <param name="UnitsAreRows">Whether the rows are output units; false where the columns are, null where the layout does not tell.</param>
sealed record WeightSpectrum(Weight Weight, string? Part, double[] Matrix, int Rows, int Columns, double[] Squares, bool? UnitsAreRows)
{
    /// <summary>A row or column of a norm below this part of the largest is zero; float32 resolves 6e-8.</summary>
    const double Negligible = 1e-6;

    /// <summary>The weight's name, with the direction where there are two.</summary>
    public string Name => Part is null ? Weight.Name : $"{Weight.Name} ({Part})";

    /// <summary>The largest singular value.</summary>
    public double SpectralNorm => Math.Sqrt(Squares[0]);

    /// <summary>‖W‖²_F / ‖W‖²₂: 1 for a matrix of rank one, at most the rank.</summary>
    public double StableRank => Squares.Sum() / Squares[0];

    /// <summary>The largest singular value over the smallest; infinite where that is zero.</summary>
    public double Condition => Squares[^1] > 0 ? Math.Sqrt(Squares[0] / Squares[^1]) : double.PositiveInfinity;

    /// <summary>The number of singular values above a part of the largest.</summary>
    public int Rank(double tolerance) => Squares.Count(s => s > tolerance * tolerance * Squares[0]);

    /// <summary>The number of output units; null where the layout does not tell.</summary>
    public int? Units => UnitsAreRows is { } rows ? (rows ? Rows : Columns) : null;

    /// <summary>
    /// The matrix with its units scaled to norm 1, a unit a row: row-major [units, inputs]; null where the layout does not tell the units.
    /// </summary>
    public double[]? UnitVectors()
    {
        if (Units is not { } units) return null;
        var inputs = Matrix.Length / units;
        var vectors = new double[Matrix.Length];
        for (var u = 0; u < units; u++)
        {
            var row = vectors.AsSpan(u * inputs, inputs);
            for (var i = 0; i < inputs; i++) row[i] = UnitsAreRows!.Value ? Matrix[u * inputs + i] : Matrix[i * units + u];
            TensorPrimitives.Divide(row, TensorPrimitives.Norm<double>(row), row);
        }
        return vectors;
    }

    /// <summary>The matrix with its elements centred and put in a random order: what is left of the spectrum is that of the elements alone.</summary>
    public double[] Shuffled(SeededRandom random)
    {
        var shuffled = (double[])Matrix.Clone();
        var mean = shuffled.Average();
        for (var i = shuffled.Length - 1; i > 0; i--)
        {
            var j = (int)random.Integer(i + 1);
            (shuffled[i], shuffled[j]) = (shuffled[j], shuffled[i]);
        }
        for (var i = 0; i < shuffled.Length; i++) shuffled[i] -= mean;
        return shuffled;
    }

    /// <summary>The spectra of a model's kernels, in graph order.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="costOfOne">Multiplications that one decomposition may take.</param>
    /// <param name="costOfAll">Multiplications that all of them may take, the cheapest first.</param>
    public static WeightSpectra Of(IReadOnlyList<Weight> weights, double costOfOne, double costOfAll)
    {
        var matrices = weights.Where(w => w.IsKernel && w.Statistics is { NonFinite: 0, Variance: > 0 }).SelectMany(Shapes).ToList();
        var spent = 0.0;
        var chosen = new HashSet<(Weight, int)>();
        foreach (var m in matrices.OrderBy(m => SingularValues.Cost(m.Rows, m.Columns)))
        {
            var cost = SingularValues.Cost(m.Rows, m.Columns);
            spent += cost;
            if (cost <= costOfOne && spent <= costOfAll) chosen.Add((m.Weight, m.Offset));
        }
        var taken = matrices.Where(m => chosen.Contains((m.Weight, m.Offset))).ToList();
        var spectra = new WeightSpectrum?[taken.Count];
        Parallel.For(0, taken.Count, i => spectra[i] = Decompose(taken[i]));
        return new WeightSpectra([.. spectra.OfType<WeightSpectrum>()], [.. matrices.Where(m => !chosen.Contains((m.Weight, m.Offset))).Select(m => m.Weight.Name).Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>Where a matrix lies in its weight; the unit axis is 0 where its rows are output units, 1 where its columns are.</summary>
    sealed record MatrixShape(Weight Weight, string? Part, int Offset, int Rows, int Columns, int? UnitAxis);

    static IEnumerable<MatrixShape> Shapes(Weight weight)
    {
        var dims = weight.Data.Dims;
        switch (weight.Role)
        {
            // A grouped convolution is a block matrix whose blocks are small; its spectrum says little.
            case ParameterRole.ConvolutionWeight when weight.UnitAxis == 0 && weight.Use.Node.Int("group", 1) == 1:
                yield return new MatrixShape(weight, null, 0, (int)dims[0], (int)(weight.Data.Count / dims[0]), 0);
                break;
            case ParameterRole.LinearWeight or ParameterRole.Embedding when dims.Count == 2:
                yield return new MatrixShape(weight, null, 0, (int)dims[0], (int)dims[1], weight.UnitAxis);
                break;
            case ParameterRole.RecurrentInputWeight or ParameterRole.RecurrentHiddenWeight when dims.Count == 3:
                for (var d = 0; d < dims[0]; d++)
                    yield return new MatrixShape(weight, dims[0] == 1 ? null : d == 0 ? "forward" : "backward", (int)(d * dims[1] * dims[2]), (int)dims[1], (int)dims[2], 0);
                break;
        }
    }

    static WeightSpectrum? Decompose(MatrixShape shape)
    {
        var values = shape.Weight.Floats.Slice(shape.Offset, shape.Rows * shape.Columns);
        var rows = Kept(values, shape.Rows, shape.Columns, byRow: true);
        var columns = Kept(values, shape.Rows, shape.Columns, byRow: false);
        if (rows.Length == 0 || columns.Length == 0) return null;
        var tall = rows.Length > columns.Length;
        var (outer, inner) = tall ? (columns, rows) : (rows, columns);
        var matrix = new double[outer.Length * inner.Length];
        for (var i = 0; i < outer.Length; i++)
            for (var j = 0; j < inner.Length; j++)
                matrix[i * inner.Length + j] = values[tall ? inner[j] * shape.Columns + outer[i] : outer[i] * shape.Columns + inner[j]];
        return new WeightSpectrum(shape.Weight, shape.Part, matrix, outer.Length, inner.Length, SingularValues.Squares(matrix, outer.Length, inner.Length), shape.UnitAxis is { } axis ? axis == 0 != tall : null);
    }

    /// <summary>The rows or columns that are not zero beside the largest.</summary>
    static int[] Kept(ReadOnlySpan<float> values, int rows, int columns, bool byRow)
    {
        var squares = new double[byRow ? rows : columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
            {
                var v = (double)values[i * columns + j];
                squares[byRow ? i : j] += v * v;
            }
        var least = squares.Max() * Negligible * Negligible;
        return [.. Enumerable.Range(0, squares.Length).Where(i => squares[i] > least)];
    }
}

/// <summary>The spectra of a model.</summary>
/// <param name="All">Those that were computed.</param>
/// <param name="LeftOut">The weights that would have cost too much.</param>
sealed record WeightSpectra(IReadOnlyList<WeightSpectrum> All, IReadOnlyList<string> LeftOut);
