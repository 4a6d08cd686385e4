using System.CommandLine;

namespace OnnxAuditor.Commands;

/// <summary>The options that say where a report goes and how it looks, the same for every command that writes one.</summary>
/// <param name="format">The format of standard output where none is asked for.</param>
sealed class OutputOptionSet(string format)
{
    readonly Option<List<string>> output = Output();
    readonly Option<string?> formatName = OptionValues.Of<string>("--format", "FORMAT", $"Format of standard output, and of files whose extension names none: {string.Join(", ", ReportFormat.All.Select(f => f.Name))} [default: {format}]", FormatName).Completed(() => ReportFormat.All.Select(f => f.Name));
    readonly Option<bool> quiet = new("--quiet", "-q") { Description = "Write nothing but the report and errors" };
    readonly Option<bool> noColor = new("--no-color") { Description = "Use no colours on the terminal; NO_COLOR in the environment does the same" };

    /// <summary>The options on files, in the order of the help.</summary>
    public IEnumerable<Option> First => [output, formatName];

    /// <summary>The options on the terminal, which stand last in the help.</summary>
    public IEnumerable<Option> Last => [quiet, noColor];

    /// <summary>Checks what the options say, before anything is measured.</summary>
    /// <exception cref="UsageException">A format is not known, or a folder does not exist.</exception>
    public ReportOutput Destination(ParseResult result) => ReportOutput.Of(result.GetValue(output) ?? [], result.GetValue(formatName), ReportFormat.ByName(format));

    /// <summary>Whether nothing but the report and errors is written.</summary>
    public bool IsQuiet(ParseResult result) => result.GetValue(quiet);

    /// <summary>Whether colours may be used.</summary>
    public bool HasColor(ParseResult result) => !result.GetValue(noColor) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    static Option<List<string>> Output()
    {
        var extensions = string.Join(", ", ReportFormat.All.Select(f => f.Extension).OfType<string>());
        var option = OptionValues.List("--output", "FILE", $"File to write instead of standard output, its format by extension ({extensions}); may be repeated", text => text, splits: false);
        option.Aliases.Add("-o");
        return option;
    }

    static string FormatName(string text)
    {
        var names = ReportFormat.All.Select(f => f.Name).ToList();
        return names.Contains(text, StringComparer.Ordinal) ? text : throw new UsageException($"'{text}' is no format{Nearest.Suggestion(text, names)} Allowed: {string.Join(", ", names)}.");
    }
}
