using System.Globalization;
using System.Text;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>The page docs/conformance.md.</summary>
static class ConformancePage
{
    /// <summary>Writes the page.</summary>
    /// <param name="cases">All cases.</param>
    /// <param name="causes">Why cases do not pass: the beginnings of their names, and the cause.</param>
    public static string Of(IReadOnlyList<ConformanceCase> cases, IReadOnlyList<(string Cases, string Cause)> causes)
    {
        var text = new StringBuilder("# Conformance\n\n<!-- Made by ConformanceTests; UPDATE_DOCS=1 with the tests writes it anew. -->\n\n");
        text.Append("Every case of the ONNX project's test data (release 1.12, Debian package libonnx-testdata: operators up to opset 17), brought into canonical form and run on both\n")
            .Append("engines. A case passes where every output is the stored one within the ONNX project's own tolerances: floats to 1e-3 relative and 1e-7 absolute, all else exactly.\n\n");
        AppendSuites(text, cases);
        AppendOperators(text, cases);
        AppendOpen(text, cases, causes);
        AppendDeclaredOut(text, cases);
        return text.ToString();
    }

    static void AppendSuites(StringBuilder text, IReadOnlyList<ConformanceCase> cases)
    {
        text.Append("| suite | cases | declared out | run | ONNX Runtime | Torch | of these with float outputs | ONNX Runtime | Torch |\n| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n");
        foreach (var suite in cases.GroupBy(c => c.Suite, StringComparer.Ordinal))
        {
            var run = suite.Where(c => c.DeclaredOut is null).ToList();
            var floats = run.FindAll(c => c.IsFloat);
            text.Append(CultureInfo.InvariantCulture, $"| {suite.Key} | {suite.Count()} | {suite.Count() - run.Count} | {run.Count} | {run.Count(c => c.Ort is null)} | {run.Count(c => c.Torch is null)} ")
                .Append(CultureInfo.InvariantCulture, $"| {floats.Count} | {Share(floats.Count(c => c.Ort is null), floats.Count)} | {Share(floats.Count(c => c.Torch is null), floats.Count)} |\n");
        }
    }

    static void AppendOperators(StringBuilder text, IReadOnlyList<ConformanceCase> cases)
    {
        text.Append("\n## Operators\n\nThe cases of the suite `node`, by the operator they are about.\n\n| operator | cases | ONNX Runtime | Torch |\n| --- | --: | --: | --: |\n");
        foreach (var group in cases.Where(c => c is { Suite: "node", DeclaredOut: null }).GroupBy(c => c.Operator, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {group.Count()} | {group.Count(c => c.Ort is null)} | {group.Count(c => c.Torch is null)} |\n");
    }

    static void AppendOpen(StringBuilder text, IReadOnlyList<ConformanceCase> cases, IReadOnlyList<(string Cases, string Cause)> causes)
    {
        text.Append("\n## Cases that do not pass\n\n| case | ONNX Runtime | Torch | why |\n| --- | --- | --- | --- |\n");
        foreach (var c in cases.Where(c => c.Ort is not null || c.Torch is not null))
            text.Append($"| {c.Name} | {Word(c.Ort)} | {Word(c.Torch)} | {Why(c, causes)} |\n");
    }

    static void AppendDeclaredOut(StringBuilder text, IReadOnlyList<ConformanceCase> cases)
    {
        text.Append("\n## Declared out\n\nWhat follows is no tensor of numbers, or trains; no engine is asked for it. A case belongs here by its operator or by what it takes and gives.\n\n")
            .Append("| why | operators | cases |\n| --- | --- | --: |\n");
        foreach (var group in ConformanceCase.OperatorsDeclaredOut.GroupBy(o => o.Value, o => o.Key, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $"| {group.Key} | {string.Join(", ", group.Order(StringComparer.Ordinal))} | {cases.Count(c => string.Equals(c.DeclaredOut, group.Key, StringComparison.Ordinal))} |\n");
    }

    /// <summary>The cause of what a case gets wrong; what the engines say where no cause is known.</summary>
    static string Why(ConformanceCase c, IReadOnlyList<(string Cases, string Cause)> causes)
    {
        var cause = causes.FirstOrDefault(k => c.Name.StartsWith(k.Cases, StringComparison.Ordinal)).Cause;
        return (cause ?? string.Join("; ", new[] { c.Ort is null ? null : $"ONNX Runtime: {c.Ort}", c.Torch is null ? null : $"Torch: {c.Torch}" }.OfType<string>())).Replace("|", "\\|", StringComparison.Ordinal);
    }

    static string Word(string? wrong) => wrong is null ? "passes" : "does not pass";

    static string Share(int passed, int of) => string.Create(CultureInfo.InvariantCulture, $"{passed} ({(of == 0 ? 100 : 100.0 * passed / of):0.0} %)");
}
