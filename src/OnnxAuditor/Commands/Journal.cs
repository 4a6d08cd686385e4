using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>
/// The models that a run has finished, a line each, so that a run that was interrupted goes on where it ended. A line counts where file, options and version of this program are the same; a last line that was cut off
/// when the run was killed does not. What lies beside a model (external weights) is not looked at. Two runs may not write one journal at a time.
/// </summary>
sealed class Journal : IDisposable
{
    /// <summary>Hashes of data files, which many models share.</summary>
    readonly ConcurrentDictionary<string, string> data = new(StringComparer.Ordinal);

    readonly Dictionary<string, ModelReport> finished = new(StringComparer.Ordinal);
    readonly FileStream file;
    readonly Lock gate = new();

    Journal(FileStream file)
    {
        this.file = file;
        using var reader = new StreamReader(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), false, 1 << 16, leaveOpen: true);
        long end = 0;
        while (reader.ReadLine() is { } line)
        {
            try
            {
                var entry = JsonSerializer.Deserialize<Entry>(line, AuditProcess.Exact)!;
                finished[entry.Key] = entry.Report;
                end += Encoding.UTF8.GetByteCount(line) + 1;
            }
            catch (JsonException)
            {
                // The line that was being written when the run was killed: written anew when its model is done.
                break;
            }
        }
        // A whole line without its line feed would run into the next one.
        if (end > file.Length)
        {
            file.Seek(0, SeekOrigin.End);
            file.WriteByte((byte)'\n');
        }
        else
        {
            file.SetLength(end);
            file.Seek(0, SeekOrigin.End);
        }
    }

    /// <summary>Opens or makes a journal.</summary>
    /// <exception cref="UsageException">The file cannot be written.</exception>
    public static Journal Open(string path)
    {
        try
        {
            return new Journal(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"the journal '{path}' cannot be used: {e.Message}");
        }
    }

    /// <summary>The report of a model: the one that is kept, or a new one, which is kept.</summary>
    /// <param name="journal">The journal; null for none.</param>
    /// <param name="path">The model's file.</param>
    /// <param name="words">What is in force for the model, data files among it.</param>
    /// <param name="audit">Makes a new report.</param>
    public static ModelReport Get(Journal? journal, string path, IReadOnlyList<string> words, Func<ModelReport> audit)
    {
        if (journal is null || !File.Exists(path)) return audit();
        var key = journal.KeyOf(path, words);
        if (journal.finished.TryGetValue(key, out var kept)) return kept;
        var report = audit();
        // What a budget ended may come further next time, on a machine that is less busy.
        if (report.BudgetExceeded is null) journal.Keep(new Entry(key, report));
        return report;
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    void Keep(Entry entry)
    {
        var line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(entry, AuditProcess.Exact) + "\n");
        lock (gate)
        {
            file.Write(line);
            file.Flush(flushToDisk: true);
        }
    }

    string KeyOf(string path, IReadOnlyList<string> words)
    {
        // Data that a word names is part of what was measured.
        var hashes = words.Select(w => w[(w.LastIndexOf('=') + 1)..]).SelectMany(f => File.Exists(f) ? [f] : Directory.Exists(f) ? Directory.EnumerateFiles(f).Order(StringComparer.Ordinal) : (IEnumerable<string>)[]).Select(f => data.GetOrAdd(f, HashOf));
        return $"{CommandLine.Tool.Version} {path} {HashOf(path)} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', words.Concat(hashes)))))}";
    }

    static string HashOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    sealed record Entry(string Key, ModelReport Report);
}
