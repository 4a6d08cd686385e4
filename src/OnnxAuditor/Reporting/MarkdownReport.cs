using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The report for people, as Markdown (GitHub's flavour).</summary>
static class MarkdownReport
{
    /// <summary>Writes the report: front matter, then for each model the verdict and the sections in a fixed order. Equal reports give equal texts.</summary>
    /// <param name="report">The report.</param>
    /// <param name="glossary">What is said of the rules and proxies named.</param>
    /// <param name="chartPrefix">What the names of the chart files beside the report begin with (<see cref="DepthCharts.FileName"/>); null for a report without charts.</param>
    public static string Write(AuditReport report, Glossary glossary, string? chartPrefix = null)
    {
        var single = report.Models.Count == 1;
        var text = new MarkdownBuilder(single || report.Comparison is not null ? 2 : 3);
        text.Block(FrontMatter(report));
        if (report.Comparison is { } comparison)
        {
            new ComparisonSections(text, report, comparison, glossary, chartPrefix).Write();
            return text.ToString();
        }
        if (!single) Summary(text, report);
        if (!single) text.List(report.Notes.Select(MarkdownText.Sentence));
        for (var i = 0; i < report.Models.Count; i++)
        {
            var model = report.Models[i];
            text.Heading(single ? $"Trainability of {MarkdownText.Name(FileName(model.Path))}" : $"{Anchor($"model-{i + 1}")}{i + 1}. {MarkdownText.Name(model.Path)}", -1);
            if (single) text.List(report.Notes.Select(MarkdownText.Sentence));
            new ModelSections(text, model, glossary, single ? "" : $"m{i + 1}-", chartPrefix is null ? null : c => Uri.EscapeDataString(DepthCharts.FileName(chartPrefix, single ? null : i + 1, c))).Write();
        }
        return text.ToString();
    }

    /// <summary>The words for a verdict.</summary>
    public static string Words(Verdict verdict) => verdict switch
    {
        Verdict.Trainable => "trainable",
        Verdict.TrainableWithFixes => "trainable with fixes",
        Verdict.NotTrainable => "not trainable",
        _ => "undetermined",
    };

    /// <summary>The word for a severity.</summary>
    public static string Word(Severity severity) => severity switch { Severity.Error => "error", Severity.Warning => "warning", _ => "info" };

    /// <summary>An invisible element to link to.</summary>
    internal static string Anchor(string id) => $"<a id=\"{id}\"></a>";

    /// <summary>Coverage as a share of the parameters, or why there is none.</summary>
    internal static string CoverageShare(ModelReport model)
    {
        if (model.Unreadable is not null) return "not available: the model was not read";
        if (model.Measurement is null && model.Coverage.Nodes == 0) return "not available: nothing was run";
        if (!IsCoverageKnown(model)) return "not available: no gradients were computed";
        return model.Coverage.ParameterShare is { } share ? NumberFormat.Percent(share) : "not available: no trainable parameters were found";
    }

    /// <summary>Whether gradients were computed, so that none reaching a parameter says something about the model.</summary>
    internal static bool IsCoverageKnown(ModelReport model) => model.Coverage.Nodes > 0 || model.Measurement is { LossTarget.Length: > 0 };

    static string FrontMatter(AuditReport report)
    {
        var tool = $"tool: {MarkdownText.Yaml($"{report.Tool.Name} {report.Tool.Version}")}";
        if (report.Models is [var only])
            return $"---\nmodel: {MarkdownText.Yaml(only.Path)}\nsha256: {MarkdownText.Yaml(only.Sha256)}\n{tool}\nverdict: {MarkdownText.Yaml(Words(only.Verdict))}\n---";
        var models = report.Models.Select(m => $"  - model: {MarkdownText.Yaml(m.Path)}\n    sha256: {MarkdownText.Yaml(m.Sha256)}\n    verdict: {MarkdownText.Yaml(Words(m.Verdict))}");
        return string.Join('\n', [$"---\n{tool}", "models:", .. models, "---"]);
    }

    static void Summary(MarkdownBuilder text, AuditReport report)
    {
        text.Heading($"Trainability of {NumberFormat.Count(report.Models.Count, "model")}", -2);
        text.Heading("Summary", -1);
        text.Table(
            ["#", "model", "verdict", "parameters reached by gradients #", "errors #", "warnings #", "parameters (elements) #", "MACs a sample #"],
            report.Models.Select((m, i) => (string[])
            [
                $"[{i + 1}](#model-{i + 1})", MarkdownText.Name(m.Path), Words(m.Verdict), CoverageShare(m),
                Count(m, Severity.Error), Count(m, Severity.Warning),
                m.Unreadable is null ? NumberFormat.Large(m.Parameters.Elements) : "–",
                m.Macs is { } macs ? NumberFormat.Large(macs) : "–",
            ]));
    }

    static string Count(ModelReport model, Severity severity) => NumberFormat.Count(model.Findings.Count(f => f.Severity == severity && !f.Suppressed));

    internal static string FileName(string path) => path[(path.LastIndexOf('/') + 1)..];
}
