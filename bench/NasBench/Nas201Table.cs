using System.Globalization;
using System.IO.Compression;

namespace Bench.NasBench;

/// <summary>A row of the benchmark's table.</summary>
/// <param name="Index">The benchmark's number of the cell.</param>
/// <param name="Cell">The cell.</param>
/// <param name="Accuracies">Test accuracies after 200 epochs, percent, in the order of <see cref="Nas201Table.DataSets"/>.</param>
sealed record Nas201Entry(int Index, Nas201Cell Cell, IReadOnlyList<double> Accuracies);

/// <summary>What NAS-Bench-201's networks reached after training, kept beside the code (its README says where from).</summary>
static class Nas201Table
{
    /// <summary>The data sets whose accuracies are in the table.</summary>
    public static readonly string[] DataSets = ["CIFAR-10", "CIFAR-100", "ImageNet16-120"];

    /// <summary>The number of cells.</summary>
    public const int Cells = 15625;

    /// <summary>Where the file is in a checkout.</summary>
    public static string PathIn(string checkout) => Path.Combine(checkout, "bench", "NasBench", "nb201.csv.gz");

    /// <summary>All cells in the order of their index.</summary>
    /// <exception cref="FormatException">A line is not as the table's are.</exception>
    public static IReadOnlyList<Nas201Entry> Read(string path)
    {
        using var text = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        text.ReadLine();
        var entries = new List<Nas201Entry>(Cells);
        while (text.ReadLine() is { } line)
        {
            var fields = line.Split(',');
            if (fields.Length != 2 + DataSets.Length || int.Parse(fields[0], CultureInfo.InvariantCulture) != entries.Count) throw new FormatException($"'{path}' has the line '{line}' where cell {entries.Count} should be.");
            entries.Add(new Nas201Entry(entries.Count, Nas201Cell.Parse(fields[1]), [.. fields[2..].Select(f => double.Parse(f, CultureInfo.InvariantCulture))]));
        }
        return entries;
    }
}
