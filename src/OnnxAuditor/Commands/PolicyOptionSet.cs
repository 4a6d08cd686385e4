using System.CommandLine;
using OnnxAuditor.Policy;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>The options that say what fails a model, the same for every command that has them.</summary>
sealed class PolicyOptionSet
{
    static readonly Dictionary<string, Severity?> Severities = new(StringComparer.Ordinal) { ["error"] = Reports.Severity.Error, ["warning"] = Reports.Severity.Warning, ["info"] = Reports.Severity.Info, ["never"] = null };

    readonly Option<string> failOn = OptionValues.Choice("--fail-on", "The least severity of a finding that makes the exit code 1", "error", Severities.Keys);
    readonly Option<List<Gate>> gates = OptionValues.List("--gate", "CONDITION", "A condition that a model must meet, such as \"intrain>=12.5\" or \"coverage.parameters>=99%\"; may be repeated", Gate.Parse, splits: false);
    readonly Option<string?> baseline = OptionValues.Of<string>("--baseline", "REPORT.json", "An earlier JSON report: findings that are in it do not count", text => text);
    readonly Option<string?> configuration = OptionValues.Of<string>("--config", "FILE", "The configuration [default: ONNX_AUDITOR_CONFIG, else onnx-auditor.toml beside the model or in a folder above]", text => text);

    /// <summary>The options, in the order of the help.</summary>
    public IEnumerable<Option> All => [failOn, gates, baseline, configuration];

    /// <summary>The options that a configuration may set.</summary>
    public IEnumerable<Option> Configurable => [failOn, gates, baseline];

    /// <summary>The configuration that is asked for; null where it is to be looked for.</summary>
    public string? ConfigurationFile(ParseResult result) => result.GetValue(configuration) ?? (Environment.GetEnvironmentVariable("ONNX_AUDITOR_CONFIG") is { Length: > 0 } named ? named : null);

    /// <summary>The option on severity, for commands that judge a report that is there.</summary>
    public Option FailOn => failOn;

    /// <summary>Whether gates were given on the command line.</summary>
    public bool HasGates(ParseResult result) => result.GetResult(gates) is { Implicit: false };

    /// <summary>The severity from which on findings fail; null for none.</summary>
    public Severity? Severity(ParseResult result) => Severities[result.GetRequiredValue(failOn)];

    /// <summary>Reads the severity and the gates.</summary>
    public (Severity? FailOn, IReadOnlyList<Gate> Gates) Read(ParseResult result) => (Severity(result), result.GetValue(gates) ?? []);

    /// <summary>The baseline's file; null for none.</summary>
    public string? BaselineFile(ParseResult result) => result.GetValue(baseline);
}
