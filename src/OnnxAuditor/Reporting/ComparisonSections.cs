using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The sections of a comparison, in the order in which a reader who has to choose needs them.</summary>
/// <param name="text">Where to write.</param>
/// <param name="report">The report.</param>
/// <param name="comparison">What holding the models against each other gave.</param>
/// <param name="glossary">What is said of the rules and proxies named.</param>
/// <param name="chartPrefix">What the names of the chart files begin with; null for a report without charts.</param>
sealed class ComparisonSections(MarkdownBuilder text, AuditReport report, ComparisonResult comparison, Glossary glossary, string? chartPrefix)
{
    const int ShownTensors = 25, ShownFindings = 20;

    IReadOnlyList<ModelReport> Models => report.Models;

    IEnumerable<string> Letters => Models.Select((_, i) => ComparisonResult.Letter(i));

    string Names(string separator) => string.Join(separator, Models.Select((m, i) => $"**{ComparisonResult.Letter(i)}** {MarkdownText.Name(m.Path)}"));

    /// <summary>Writes the sections.</summary>
    public void Write()
    {
        text.Heading($"Comparison of {NumberFormat.Count(Models.Count, "model")}", -1);
        text.Block($"{Names(", ")}.");
        text.List(report.Notes.Select(MarkdownText.Sentence));
        Conclusion();
        Identity();
        Proxies();
        Findings();
        foreach (var change in comparison.Changes) Changes(change);
        Depth();
        Measured();
        Glossary();
    }

    void Conclusion()
    {
        text.Heading("Conclusion");
        text.Block(string.Join(' ', comparison.Conclusion.Select(MarkdownText.Sentence)));
        text.List(comparison.Objections.Select(MarkdownText.Sentence));
    }

    void Identity()
    {
        text.Heading("Side by side");
        string[] Row(string name, Func<ModelReport, string> value) => [name, .. Models.Select(m => m.Unreadable is null ? value(m) : "–")];
        text.Table(["", .. Letters],
        [
            ["file", .. Models.Select(m => MarkdownText.Name(MarkdownReport.FileName(m.Path)))],
            ["verdict", .. Models.Select(m => MarkdownReport.Words(m.Verdict))],
            Row("why", m => MarkdownText.Sentence(m.VerdictReason)),
            Row("producer", m => m.Producer.Length > 0 ? MarkdownText.Prose(m.Producer) : "not stated"),
            Row("operator set", m => string.Join(", ", m.Opset.Select(o => $"{MarkdownText.Name(o.Key)} {o.Value}"))),
            ["size of the file", .. Models.Select(m => NumberFormat.Bytes(m.Bytes))],
            Row("trainable parameters", m => NumberFormat.Large(m.Parameters.Trainable)),
            Row("MACs a sample", m => m.Macs is { } macs ? NumberFormat.Large(macs) : "not available: not every shape is known"),
            Row("nodes", m => NumberFormat.Count(m.NodeCount)),
            Row("inputs", m => string.Join(", ", m.Inputs.Select(Signature))),
            Row("outputs", m => string.Join(", ", m.Outputs.Select(Signature))),
            Row("parameters reached by gradients", MarkdownReport.CoverageShare),
            Row("nodes with a gradient", m => m.Coverage.Nodes > 0 ? $"{NumberFormat.Count(m.Coverage.DifferentiableNodes)} of {NumberFormat.Count(m.Coverage.Nodes)}" : "not available: no gradients were computed"),
            ["errors, warnings", .. Models.Select(m => $"{Count(m, Severity.Error)}, {Count(m, Severity.Warning)}")],
        ]);
    }

    void Proxies()
    {
        text.Heading("Proxies");
        if (comparison.Proxies.Count == 0)
        {
            text.Block("None was computed.");
            return;
        }
        text.Block(comparison.Objections.Count > 0
            ? "Median over seeds with the range in brackets, side by side and not ranked."
            : "Median over seeds with the range in brackets; in parentheses the rank, 1 the best. Where ranges meet, neither model is ahead and both share the place between.");
        var hasNotes = comparison.Proxies.Any(p => p.Note is not null);
        text.Table(["proxy", "better", .. Letters.Select(l => $"{l} #"), .. hasNotes ? (string[])["not ranked because"] : []], comparison.Proxies.Select(p => (string[])[.. ProxyRow(p), .. hasNotes ? (string[])[p.Note ?? ""] : []]));
        if (comparison.Ranking is not { } ranking) return;
        text.Table(["over all", .. Letters.Select(l => $"{l} #")],
        [
            ["mean rank", .. ranking.MeanRanks.Select(NumberFormat.Value)],
            .. Models.Select((_, a) => (string[])[$"proxies on which {ComparisonResult.Letter(a)} is ahead of", .. Models.Select((_, b) => a == b ? "–" : NumberFormat.Count(ranking.Wins[(a, b)]))]),
        ]);
        text.Block($"Counted are {string.Join(", ", ranking.Ballots.Select(b => $"`{b}`"))}{(ranking.Concordance is { } w ? $"; Kendall's W {NumberFormat.Value(w)} (0: no agreement, 1: all rank alike)" : "")}. The sizes `parameters` and `macs` are not counted: they are what the others are held against.");
    }

    string[] ProxyRow(ProxyComparison p)
    {
        var title = glossary.Proxies.TryGetValue(p.Id, out var entry) ? $"{entry.Title} (`{p.Id}`)" : p.Id is "az_nas_ranks" ? "AZ-NAS, ranks of its four parts (`az_nas_ranks`)" : $"`{p.Id}`";
        return [title, p.HigherIsBetter ? "higher" : "lower", .. p.Scores.Select((s, i) => Score(s, i < p.Ranks.Count ? p.Ranks[i] : null, p.Id is "parameters" or "macs"))];
    }

    static string Score(ScoreWithSpread s, double? rank, bool isCount)
    {
        if (s.Value is not { } value) return $"not available: {MarkdownText.Prose(MarkdownText.Cut(s.Reason ?? "no reason was given", 120))}";
        var spread = s.Low is { } low && s.High is { } high && low != high ? $" [{NumberFormat.Value(low)}, {NumberFormat.Value(high)}]" : "";
        return $"{(isCount ? NumberFormat.Large(value) : NumberFormat.Value(value))}{spread}{(rank is { } r ? $" ({NumberFormat.Value(r)})" : "")}";
    }

    void Findings()
    {
        text.Heading("Findings");
        if (comparison.Findings.Count == 0)
        {
            text.Block("None in any of the models.");
            return;
        }
        var (everywhere, some) = (comparison.Findings.Where(f => f.Places.All(p => p > 0)).ToList(), comparison.Findings.Where(f => f.Places.Any(p => p == 0)).ToList());
        if (some.Count == 0) text.Block("Every rule that found something did so in all of the models.");
        else FindingTable("Where the models differ:", some);
        if (everywhere.Count > 0) FindingTable("In all of them:", everywhere);
    }

    void FindingTable(string title, IReadOnlyList<RuleComparison> rules)
    {
        text.Block(title);
        text.Table(["rule", "severity", .. Letters.Select(l => $"{l}, places #")],
            rules.Select(f => (string[])[$"**{f.RuleId}** {glossary.Rules.GetValueOrDefault(f.RuleId)?.Title}".TrimEnd(), MarkdownReport.Word(f.Severity), .. f.Places.Select(p => p == 0 ? "–" : NumberFormat.Count(p))]));
    }

    void Changes(VersionChange change)
    {
        var (a, b) = (ComparisonResult.Letter(change.From), ComparisonResult.Letter(change.To));
        text.Heading($"What changed from {a} to {b}");
        var kinds = change.Tensors.GroupBy(t => t.Kind).OrderBy(g => g.Key).Select(g => $"{NumberFormat.Count(g.Count())} {Word(g.Key)}").ToList();
        text.Block($"They are versions of one model. Of the parameter tensors {NumberFormat.Count(change.Unchanged)} are the same{(kinds.Count > 0 ? $", {string.Join(", ", kinds)}" : "")}. "
            + $"Findings: {NumberFormat.Count(change.New.Count)} new, {NumberFormat.Count(change.Fixed.Count)} gone, {NumberFormat.Count(change.Kept)} kept.");
        if (change.Operators.Count > 0)
            text.Table(["operator", $"in {a} #", $"in {b} #"], change.Operators.Select(o => (string[])[MarkdownText.Name(o.Op), NumberFormat.Count(o.Before), NumberFormat.Count(o.After)]));
        text.List([.. change.New.Take(ShownFindings).Select(f => $"**new** {Describe(f)}"), .. change.Fixed.Take(ShownFindings).Select(f => $"**gone** {Describe(f)}")]);
        var rows = change.Tensors.OrderByDescending(t => t.Distance ?? double.PositiveInfinity).ThenBy(t => t.Kind).Select(TensorRow).ToList();
        string[] headings = ["tensor", "how", $"norm in {a} #", $"norm in {b} #", "distance ‖B − A‖ / ‖A‖ #".Replace("B", b, StringComparison.Ordinal).Replace("A", a, StringComparison.Ordinal)];
        text.Table(headings, rows.Take(ShownTensors));
        if (rows.Count > ShownTensors) text.Folded($"{NumberFormat.Count(rows.Count - ShownTensors)} more tensors", t => t.Table(headings, rows.Skip(ShownTensors)));
    }

    static string[] TensorRow(TensorChange t)
    {
        var name = t is { Before: { } before, After: { } after } && !before.Name.Equals(after.Name, StringComparison.Ordinal)
            ? $"{MarkdownText.Name(before.Name)} → {MarkdownText.Name(after.Name)}" : MarkdownText.Name((t.After ?? t.Before)!.Name);
        var shape = t.Kind == TensorChangeKind.Resized ? $" {t.Before!.Shape} → {t.After!.Shape}" : "";
        return [name, $"{Word(t.Kind)}{shape}{(t.Rounding is { } r ? $" to {r}" : "")}", Norm(t.Before), Norm(t.After), t.Distance is { } d ? NumberFormat.Value(d) : "–"];
    }

    static string Norm(TensorRow? tensor) => tensor?.Norm is { } norm ? NumberFormat.Value(norm) : "–";

    static string Word(TensorChangeKind kind) => kind switch
    {
        TensorChangeKind.Retrained => "with other values",
        TensorChangeKind.Requantized => "rounded",
        TensorChangeKind.Renamed => "renamed",
        TensorChangeKind.Moved => "renamed, with other values",
        TensorChangeKind.Resized => "resized",
        TensorChangeKind.Added => "added",
        _ => "removed",
    };

    static string Describe(Finding f) => $"{MarkdownReport.Word(f.Severity)} {f.RuleId} {MarkdownText.Name(f.Where)}: {MarkdownText.Sentence(f.Message)}";

    void Depth()
    {
        var curves = DepthCharts.Overlays(report);
        if (curves.Count == 0) return;
        text.Heading("Signal through depth");
        text.Table(["quantity", "", "first layer #", "smallest #", "largest #", "last layer #", "through depth"], curves.SelectMany(c => c.Select(x => (string[])
        [
            x.Chart.Title, x.Letter, x.Chart.Format(x.Chart.Points[0].Value), x.Chart.Format(x.Chart.Points.Min(p => p.Value)), x.Chart.Format(x.Chart.Points.Max(p => p.Value)), x.Chart.Format(x.Chart.Points[^1].Value), Sparkline.Of(x.Chart),
        ])));
        if (chartPrefix is not null)
            text.Block(string.Join("\n\n", curves.Select(c => $"![{c[0].Chart.Title} through depth]({Uri.EscapeDataString(DepthCharts.OverlayName(chartPrefix, c[0].Chart.Slug))})")));
    }

    void Measured()
    {
        text.Heading("How they were measured");
        string[] Row(string name, Func<MeasurementInfo, string> value) => [name, .. Models.Select(m => m.Measurement is { } run ? value(run) : "not run")];
        text.Table(["", .. Letters],
        [
            Row("engine", m => MarkdownText.Prose($"{m.Engine}, {m.Device}")),
            Row("weights", m => MarkdownText.Prose($"{m.Weights}; re-initialised ones by {m.Init}")),
            Row("seed and batch", m => $"seed {m.Seed}, batch {m.Batch}"),
            Row("loss", m => MarkdownText.Prose(m.Loss)),
            Row("inputs fed", m => string.Join(", ", m.Inputs.Select(i => MarkdownText.Prose($"{i.Type} {i.Shape}, {i.Source}")))),
        ]);
        foreach (var (model, letter) in Models.Zip(Letters))
            if (model.Notes.Count > 0) text.Folded($"{NumberFormat.Count(model.Notes.Count, "note")} on {letter}", t => t.List(model.Notes.Select(MarkdownText.Sentence)));
    }

    void Glossary()
    {
        text.Heading("Glossary");
        text.List(
        [
            "**Rank**: 1 for the model whose scores of all seeds lie before those of all others.",
            "**Mean rank**: the mean over the proxies that rank every model (Borda's count). **Kendall's W**: how far they rank alike.",
            .. comparison.Proxies.Select(p => p.Id).Where(glossary.Proxies.ContainsKey).Select(id => $"**{glossary.Proxies[id].Title}** (`{id}`): {string.Join(' ', glossary.Proxies[id].Summary.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))}"),
        ]);
        text.Block("`onnx-auditor audit` writes a full report of each model; `onnx-auditor explain ID` says more of a rule or a proxy.");
    }

    static string Signature(TensorSignature s) => $"{MarkdownText.Name(s.Name)} {MarkdownText.Prose($"{s.Type} {s.Shape}")}";

    static string Count(ModelReport model, Severity severity) => NumberFormat.Count(model.Findings.Count(f => f.Severity == severity && !f.Suppressed));
}
