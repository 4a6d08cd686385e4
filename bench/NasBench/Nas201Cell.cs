using System.Globalization;

namespace Bench.NasBench;

/// <summary>The operators of an edge, numbered as in the benchmark's table.</summary>
enum CellOperator
{
    /// <summary>Multiplies by zero.</summary>
    None,
    /// <summary>Passes on.</summary>
    Skip,
    /// <summary>ReLU, convolution 1×1, BatchNormalization.</summary>
    Convolution1,
    /// <summary>ReLU, convolution 3×3, BatchNormalization.</summary>
    Convolution3,
    /// <summary>Average pool 3×3 of stride 1 that does not count padding.</summary>
    AveragePool,
}

/// <summary>
/// A cell of NAS-Bench-201 (Dong and Yang 2020): four nodes, each later one the sum of what the edges from all earlier ones bring; node 3 is the output.
/// </summary>
sealed record Nas201Cell
{
    /// <summary>The edges in the table's order, target by target.</summary>
    public static readonly (int From, int To)[] Edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

    /// <summary>Makes a cell.</summary>
    /// <param name="operators">The operator of each edge, in the order of <see cref="Edges"/>.</param>
    public Nas201Cell(IReadOnlyList<CellOperator> operators)
    {
        if (operators.Count != Edges.Length) throw new ArgumentException($"A cell has {Edges.Length} edges.", nameof(operators));
        Operators = operators;
    }

    /// <summary>The operator of each edge.</summary>
    public IReadOnlyList<CellOperator> Operators { get; }

    /// <summary>The operators' numbers in one word ("421211"), as the table has them.</summary>
    public string Digits => string.Concat(Operators.Select(o => ((int)o).ToString(CultureInfo.InvariantCulture)));

    /// <summary>Whether anything of the input reaches the output.</summary>
    public bool IsConnected => HasPath(o => o != CellOperator.None);

    /// <summary>Whether a path without parameters leads through: skips and pools alone.</summary>
    public bool HasFreePath => HasPath(o => o is CellOperator.Skip or CellOperator.AveragePool);

    /// <summary>Reads a cell from its digits.</summary>
    /// <exception cref="FormatException">They are not six digits from 0 to 4.</exception>
    public static Nas201Cell Parse(string digits) => digits.Length == Edges.Length && digits.All(d => d is >= '0' and <= '4')
        ? new([.. digits.Select(d => (CellOperator)(d - '0'))])
        : throw new FormatException($"'{digits}' is no cell: six digits from 0 to 4 are.");

    bool HasPath(Func<CellOperator, bool> passes)
    {
        Span<bool> reached = [true, false, false, false];
        for (var e = 0; e < Edges.Length; e++) reached[Edges[e].To] |= reached[Edges[e].From] && passes(Operators[e]);
        return reached[3];
    }
}
