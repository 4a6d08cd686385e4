using System.Globalization;

namespace Bench.NasBench;

/// <summary>A proxy's value for a cell.</summary>
/// <param name="Seed">The seed that the cell's own is made from.</param>
/// <param name="Cell">The cell's index.</param>
/// <param name="Setting">The setting's id.</param>
/// <param name="Proxy">The proxy's id.</param>
/// <param name="Value">The score; null where there is none.</param>
/// <param name="Components">Named parts of the score.</param>
/// <param name="Seconds">What the setting took for this cell, with all proxies computed together.</param>
/// <param name="Reason">Why there is no score; empty where there is one.</param>
sealed record NasScore(long Seed, int Cell, string Setting, string Proxy, double? Value, IReadOnlyDictionary<string, double> Components, double Seconds, string Reason)
{
    /// <summary>The first line of a file.</summary>
    public const string Header = "seed,cell,setting,proxy,value,components,seconds,reason";

    /// <summary>What tells scores apart.</summary>
    public (long Seed, int Cell, string Setting, string Proxy) Key => (Seed, Cell, Setting, Proxy);

    /// <summary>The score as a line; the reason, which alone may hold commas, comes last.</summary>
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Seed},{Cell},{Setting},{Proxy},{Value:R},{string.Join(';', Components.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key}={c.Value:R}")))},{Seconds:0.000},{Reason.ReplaceLineEndings(" ")}");

    /// <summary>Reads a line.</summary>
    /// <exception cref="FormatException">It is no line of such a file.</exception>
    public static NasScore Parse(string line)
    {
        var f = line.Split(',', 8);
        if (f.Length != 8) throw new FormatException($"'{line}' is no line of scores.");
        var components = f[5].Split(';', StringSplitOptions.RemoveEmptyEntries).Select(c => c.Split('=', 2)).ToDictionary(c => c[0], c => Number(c[1]), StringComparer.Ordinal);
        return new(long.Parse(f[0], CultureInfo.InvariantCulture), int.Parse(f[1], CultureInfo.InvariantCulture), f[2], f[3], f[4].Length == 0 ? null : Number(f[4]), components, Number(f[6]), f[7]);
    }

    static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>A file of scores that grows cell by cell. What was begun when a process ended is cut off when the file is next opened.</summary>
sealed class NasScoreFile
{
    readonly string path;
    readonly Lock gate = new();

    NasScoreFile(string path, List<NasScore> scores) => (this.path, Scores) = (path, scores);

    /// <summary>The scores of the file as it was opened, and those added since.</summary>
    public List<NasScore> Scores { get; }

    /// <summary>Opens a file, or begins one.</summary>
    /// <exception cref="FormatException">The file is no file of scores.</exception>
    public static NasScoreFile Open(string path)
    {
        if (!File.Exists(path)) File.WriteAllText(path, NasScore.Header + "\n");
        var text = File.ReadAllText(path);
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        if (!whole.StartsWith(NasScore.Header + "\n", StringComparison.Ordinal)) throw new FormatException($"'{path}' is no file of scores.");
        if (whole.Length < text.Length) File.WriteAllText(path, whole);
        return new NasScoreFile(path, [.. whole.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(NasScore.Parse)]);
    }

    /// <summary>Adds the scores of a cell, all at once.</summary>
    public void Add(IReadOnlyList<NasScore> scores)
    {
        var lines = string.Concat(scores.Select(s => s.ToLine() + "\n"));
        lock (gate)
        {
            File.AppendAllText(path, lines);
            Scores.AddRange(scores);
        }
    }
}
