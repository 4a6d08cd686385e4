using System.Globalization;
using Xunit;

namespace Testing;

/// <summary>
/// The table of what each operator was checked against, which the program lists: numbers of cases by operator. The tests that run the cases hold their column, and
/// with UPDATE_DOCS=1 fill it.
/// </summary>
static class CheckedAgainst
{
    static readonly string[] Columns = ["onnx", "pytorch", "differences"];
    static readonly Lock Access = new();

    static string File => Checkout.Path("src", "OnnxAuditor", "Commands", "checked-against.tsv");

    /// <summary>Compares a column with the operators of the cases that passed, each named once for each case.</summary>
    internal static void Match(string column, IEnumerable<string> operators)
    {
        var index = Array.IndexOf(Columns, column);
        var counts = operators.CountBy(o => o, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        lock (Access)
        {
            var table = System.IO.File.Exists(File) ? Read() : [];
            if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") Write(table = Filled(table, index, counts));
            var stated = table.Where(r => r.Value[index] > 0).Select(r => $"{r.Key} {r.Value[index]}");
            Assert.Equal(counts.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => $"{c.Key} {c.Value}"), stated);
        }
    }

    static SortedDictionary<string, int[]> Filled(SortedDictionary<string, int[]> table, int index, Dictionary<string, int> counts)
    {
        var filled = new SortedDictionary<string, int[]>(StringComparer.Ordinal);
        foreach (var op in table.Keys.Union(counts.Keys))
        {
            var row = table.GetValueOrDefault(op) ?? new int[Columns.Length];
            row[index] = counts.GetValueOrDefault(op);
            if (row.Any(n => n > 0)) filled[op] = row;
        }
        return filled;
    }

    static SortedDictionary<string, int[]> Read()
    {
        var table = new SortedDictionary<string, int[]>(StringComparer.Ordinal);
        foreach (var line in System.IO.File.ReadLines(File).Skip(1))
        {
            var cells = line.Split('\t');
            table[cells[0]] = [.. cells[1..].Select(c => int.Parse(c, CultureInfo.InvariantCulture))];
        }
        return table;
    }

    static void Write(SortedDictionary<string, int[]> table) =>
        System.IO.File.WriteAllText(File, $"operator\t{string.Join('\t', Columns)}\n" + string.Concat(table.Select(r => $"{r.Key}\t{string.Join('\t', r.Value)}\n")));
}
