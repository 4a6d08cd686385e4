using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;
using OnnxAuditor.Commands;
using OnnxAuditor.Execution.Ort;

namespace Bench;

/// <summary>A page of results: printed, and kept below docs/benchmarks where it is asked for.</summary>
sealed class ResultsPage
{
    readonly StringBuilder text = new();

    /// <summary>Begins a page.</summary>
    /// <param name="title">The heading.</param>
    /// <param name="command">The command that wrote it, without its paths.</param>
    public ResultsPage(string title, string command)
    {
        Line($"# {title}");
        Line();
        Line($"Written by `dotnet run -c Release --project bench -- {command}`.");
        Line();
        Line($"Machine: {Machine}. Versions: {CommandLine.Tool.Name} {CommandLine.Tool.Version}, ONNX Runtime {OrtDevice.RuntimeVersion}, .NET {Environment.Version}.");
        Line();
    }

    /// <summary>Adds a line.</summary>
    public void Line(string line = "") => text.Append(line).Append('\n');

    /// <summary>Adds a table.</summary>
    /// <param name="columns">Headings; all but the first are right-aligned.</param>
    /// <param name="rows">Cells.</param>
    public void Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        Line($"| {string.Join(" | ", columns)} |");
        Line($"|---|{string.Concat(Enumerable.Repeat("---:|", columns.Count - 1))}");
        foreach (var row in rows) Line($"| {string.Join(" | ", row)} |");
        Line();
    }

    /// <summary>Writes the page to the output, and to docs/benchmarks where a name is given.</summary>
    public void Write(TextWriter output, string? name)
    {
        output.Write(text);
        if (name is null) return;
        var folder = Directory.CreateDirectory(Path.Combine(Networks.Checkout, "docs", "benchmarks"));
        File.WriteAllText(Path.Combine(folder.FullName, name), text.ToString().TrimEnd('\n') + "\n");
    }

    /// <summary>Milliseconds with three digits.</summary>
    public static string Milliseconds(double seconds) => Digits(seconds * 1000);

    /// <summary>A number with three significant digits.</summary>
    public static string Digits(double value) => Math.Abs(value) >= 100 ? value.ToString("0", CultureInfo.InvariantCulture)
        : Math.Abs(value) >= 10 ? value.ToString("0.0", CultureInfo.InvariantCulture) : value.ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>The machine without its name: cores, instruction set, operating system's kind.</summary>
    static string Machine
    {
        get
        {
            var vectors = Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : RuntimeInformation.ProcessArchitecture.ToString();
            var system = OperatingSystem.IsWindows() ? "Windows" : OperatingSystem.IsMacOS() ? "macOS" : "Linux";
            return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {vectors}, {system}");
        }
    }
}
