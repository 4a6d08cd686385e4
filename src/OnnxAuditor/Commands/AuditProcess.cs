using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxAuditor.Execution;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>
/// Audits a model in a process of its own, so that a crash of native code or a lack of memory ends that audit alone. The child is this program with a hidden option;
/// it writes to its standard output a line for each step and at last one with the report, and to its standard error what it has to say otherwise.
/// </summary>
static class AuditProcess
{
    /// <summary>The hidden option that makes this program a child.</summary>
    public const string ChildOption = "--as-child";

    const char StepMark = 'S', ReportMark = 'R';

    /// <summary>The exit code that a shell gives a process that was killed: 128 and the number of the signal.</summary>
    const int Killed = 128 + 9;

    /// <summary>A time budget ends an audit between two steps; a step that does not end is ended from outside after this much more.</summary>
    static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <summary>Reports as they travel between processes: every number back to the same bits.</summary>
    internal static readonly JsonSerializerOptions Exact = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, IncludeFields = true };

    /// <summary>Audits a model in a child process.</summary>
    /// <param name="path">The model.</param>
    /// <param name="options">The options as words of the command line.</param>
    /// <param name="budget">The time budget that is among them; null for none.</param>
    /// <param name="memory">The memory that children share.</param>
    /// <param name="progress">Where steps are told.</param>
    /// <param name="cancellation">Ends the child.</param>
    /// <exception cref="AuditProcessException">The child ended without a report.</exception>
    public static ModelReport Run(string path, IReadOnlyList<string> options, TimeSpan? budget, IMemoryPool memory, IProgress<AuditProgress>? progress, CancellationToken cancellation)
    {
        var (program, first) = Program();
        var start = new ProcessStartInfo(program, [.. first, "audit", path, .. options, ChildOption])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        using var child = Process.Start(start) ?? throw new InvalidOperationException($"'{program}' does not start.");
        using var limit = new TimeBudget(budget + Grace, cancellation);
        using var end = limit.Token.Register(() => End(child));
        var messages = child.StandardError.ReadToEndAsync(CancellationToken.None);
        ModelReport? report = null;
        IDisposable? taken = null;
        while (child.StandardOutput.ReadLine() is { Length: > 0 } line)
        {
            if (line[0] == ReportMark) report = JsonSerializer.Deserialize<ModelReport>(line.AsSpan(1), Exact);
            else if (line[0] == StepMark && line.Split('\t') is [_, var fraction, var stage]) progress?.Report(new(path, stage, double.Parse(fraction, CultureInfo.InvariantCulture)));
            else if (line[0] == ParentMemory.GiveBack)
            {
                taken?.Dispose();
                taken = null;
            }
            else if (line[0] == ParentMemory.Ask) taken = Grant(child, limit, memory, long.Parse(line.AsSpan(1), CultureInfo.InvariantCulture));
        }
        // A child that crashed has given nothing back.
        taken?.Dispose();
        child.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        if (report is not null) return report;
        if (limit.Token.IsCancellationRequested) throw new AuditProcessException(ExitCode.Budget, $"the time budget of {budget!.Value.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s was used up in one step");
        throw Failure(child.ExitCode, messages.GetAwaiter().GetResult().Trim());
    }

    /// <summary>Audits a model as the child: writes steps and report.</summary>
    public static ExitCode Answer(string path, AuditOptions options, Terminal terminal, CancellationToken cancellation)
    {
        var report = Audit.Run(path, options, new Steps(terminal.Output), cancellation, options.MaxMemory is null ? null : new ParentMemory(terminal));
        terminal.Output.WriteLine($"{ReportMark}{JsonSerializer.Serialize(report, Exact)}");
        return ExitCode.Clean;
    }

    /// <summary>Takes the memory that a child asks for and lets it go on; null where the child was ended meanwhile.</summary>
    static IDisposable? Grant(Process child, TimeBudget limit, IMemoryPool memory, long bytes)
    {
        IDisposable? taken = null;
        try
        {
            taken = limit.Take(memory, bytes);
            child.StandardInput.Write('G');
            child.StandardInput.Flush();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // It has ended, or is being ended: what became of it is told by its exit.
            taken?.Dispose();
        }
        return taken;
    }

    /// <summary>How this program is started: by itself, or by the host of .NET programs.</summary>
    static (string Program, string[] Arguments) Program()
    {
        var assembly = typeof(AuditProcess).Assembly;
        var host = Environment.ProcessPath ?? "dotnet";
        var name = Path.GetFileNameWithoutExtension(host);
        if (name.Equals(assembly.GetName().Name, StringComparison.OrdinalIgnoreCase)) return (host, []);
        return (name.Equals("dotnet", StringComparison.OrdinalIgnoreCase) ? host : Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [assembly.Location]);
    }

    static void End(Process child)
    {
        try
        {
            child.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself in the meantime.
        }
    }

    /// <summary>What a child that ended without a report says of itself, or what its exit code tells.</summary>
    /// <param name="code">Its exit code.</param>
    /// <param name="messages">What it wrote to its error stream; other libraries write there as well.</param>
    internal static AuditProcessException Failure(int code, string messages)
    {
        var own = messages.StartsWith(Terminal.Prefix, StringComparison.Ordinal) ? 0 : messages.LastIndexOf($"\n{Terminal.Prefix}", StringComparison.Ordinal) + 1;
        if (Enum.IsDefined((ExitCode)code) && messages.AsSpan(own).StartsWith(Terminal.Prefix)) return new((ExitCode)code, messages[(own + Terminal.Prefix.Length)..]);
        return code == Killed
            ? new(ExitCode.Budget, "the audit was killed, which the system does when memory runs out: give a smaller --batch or --max-memory")
            : new(ExitCode.Internal, $"the audit ended with exit code {code}, without a report{(messages.Length > 0 ? $": {messages.Split('\n')[^1]}" : "")}");
    }

    sealed class Steps(TextWriter output) : IProgress<AuditProgress>
    {
        public void Report(AuditProgress value)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{StepMark}\t{value.Fraction}\t{value.Stage.ReplaceLineEndings(" ").Replace('\t', ' ')}"));
            output.Flush();
        }
    }
}

/// <summary>A child process ended without a report.</summary>
sealed class AuditProcessException(ExitCode code, string message) : Exception(message)
{
    /// <summary>What the exit code of this program becomes.</summary>
    public ExitCode Code { get; } = code;
}
