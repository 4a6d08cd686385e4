using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The sections that a Markdown report has for one model, in the order of the report.</summary>
/// <param name="text">Where to write.</param>
/// <param name="model">The model.</param>
/// <param name="glossary">What is said of the rules and proxies named.</param>
/// <param name="prefix">What the ids of this model's anchors begin with.</param>
/// <param name="chartFile">The file of a chart; null for a report without charts.</param>
sealed class ModelSections(MarkdownBuilder text, ModelReport model, Glossary glossary, string prefix, Func<DepthChart, string>? chartFile)
{
    const int TopFindings = 5;
    const int ShownStops = 20;
    const int LongestList = 5;
    const int LongestReason = 200;

    static readonly (string Family, string Name)[] Families =
    [
        ("TRN", "Trainability of the artefact"), ("WGT", "Weights"), ("ACT", "Forward signal"), ("GRD", "Gradients"),
        ("ONX", "Structure of the file"), ("NUM", "Precision and self-checks"), ("SEC", "Security"), ("PRF", "Cost"),
    ];

    /// <summary>The proxies that are no more than the model's size: what other scores are held against.</summary>
    static readonly string[] BaselineIds = ["parameters", "macs"];

    /// <summary>Whether nothing stands against training: such a report is short, its details folded.</summary>
    bool IsShort => model.Verdict == Verdict.Trainable;

    IEnumerable<ProxyResult> Scores => model.Proxies.Where(p => !BaselineIds.Contains(p.Id, StringComparer.Ordinal));

    IEnumerable<Finding> Open => model.Findings.Where(f => !f.Suppressed);

    /// <summary>Writes the sections.</summary>
    public void Write()
    {
        VerdictLine();
        Top();
        Gates();
        Identity();
        if (model.Unreadable is null)
        {
            Measurement();
            Proxies();
            Depth();
            Layers();
            new TrialSection(text, model, chartFile).Write(IsShort);
        }
        AllFindings();
        if (IsShort) text.Folded("Glossary and sources", _ => GlossaryList());
        else Terms();
    }

    void VerdictLine()
    {
        var words = MarkdownReport.Words(model.Verdict);
        var coverage = model.Coverage;
        var detail = coverage is { Parameters: > 0 } && MarkdownReport.IsCoverageKnown(model)
            ? $" of parameter elements reached by gradients ({NumberFormat.Count(coverage.ParametersReached)} of {NumberFormat.Count(coverage.Parameters)}), "
              + $"{NumberFormat.Count(coverage.DifferentiableNodes)} of {NumberFormat.Count(coverage.Nodes, "node")} on the way differentiable"
            : "";
        text.Block($"**{Capitalized(words)}** · coverage {MarkdownReport.CoverageShare(model)}{detail}. {MarkdownText.Sentence(Capitalized(model.VerdictReason))}".TrimEnd());
        if (model.Unreadable is { } unreadable) Unreadable(unreadable.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        if (model.BudgetExceeded is { } budget) text.Block($"The audit was ended early: {MarkdownText.Sentence(budget)}");
    }

    /// <summary>What is wrong with the file, and where it is wrong in several places, a list of them.</summary>
    void Unreadable(string[] lines)
    {
        if (lines.Length == 0) return;
        text.Block($"The file could not be read: {MarkdownText.Sentence(lines[0])}");
        text.List(lines.Skip(1).Select(MarkdownText.Sentence));
    }

    static string Capitalized(string text) => text.Length == 0 ? text : $"{char.ToUpperInvariant(text[0])}{text[1..]}";

    void Top()
    {
        var serious = Open.Where(f => f.Severity > Severity.Info).ToList();
        var infos = Open.Count() - serious.Count;
        text.Heading("Top findings");
        if (serious.Count == 0)
        {
            text.Block($"No errors and no warnings{(infos > 0 ? $"; {NumberFormat.Count(infos, "note")} under [all findings](#{prefix}findings)" : "")}.");
            return;
        }
        text.Block(string.Join('\n', serious.Take(TopFindings).Select((f, i) => TopFinding(f, i + 1))));
        if (serious.Count > TopFindings) text.Block($"{NumberFormat.Count(serious.Count - TopFindings)} more under [all findings](#{prefix}findings).");
    }

    string TopFinding(Finding finding, int number)
    {
        var entry = glossary.Rules.GetValueOrDefault(finding.RuleId);
        var lines = new List<string>
        {
            $"{number}. **{MarkdownReport.Word(finding.Severity)}** [{finding.RuleId}](#{prefix}{Id(finding.RuleId)})"
            + $"{(entry is null ? "" : $" {entry.Title}")}: {Places(finding)}",
            $"   - {Found(finding)}",
        };
        if (entry is { WhyItMatters.Length: > 0 }) lines.Add($"   - Why it matters: {OneLine(entry.WhyItMatters)}");
        if (finding.Remedy.Length > 0) lines.Add($"   - What to do: {MarkdownText.Sentence(finding.Remedy)}");
        return string.Join('\n', lines);
    }

    void Gates()
    {
        if (model.Gates.Count == 0) return;
        text.Heading("Gates");
        text.Block(model.Gates.All(g => g.Passed) ? "All conditions set for this model are met." : $"**{NumberFormat.Count(model.Gates.Count(g => !g.Passed))} of {NumberFormat.Count(model.Gates.Count, "condition")} set for this model failed.**");
        text.Table(["condition", "value", "met"], model.Gates.Select(g => (string[])[MarkdownText.Prose(g.Expression), g.Value is { } v ? NumberFormat.Value(v) : $"not available: {MarkdownText.Prose(g.Reason ?? "")}", g.Passed ? "yes" : "**no**"]));
    }

    void Identity()
    {
        text.Heading("Model");
        var rows = new List<string[]>
        {
            new[] { "file", $"{MarkdownText.Name(model.Path)}, {NumberFormat.Bytes(model.Bytes)}{(model.Bytes >= 1024 ? $" ({NumberFormat.Count(model.Bytes, "byte")})" : "")}" },
            new[] { "SHA-256", model.Sha256.Length > 0 ? $"`{model.Sha256}`" : "not available: the file was not read" },
        };
        if (model.Unreadable is null)
        {
            rows.Add(["producer", model.Producer.Length > 0 ? MarkdownText.Prose(model.Producer) : "not stated in the file"]);
            rows.Add(["format", string.Join(", ", [$"IR version {model.IrVersion}", .. model.Opset.Select(o => $"{MarkdownText.Name(o.Key)} opset {o.Value}")])]);
            rows.Add(["graph", NumberFormat.Count(model.NodeCount, "node")]);
            var p = model.Parameters;
            rows.Add(["parameters", $"{NumberFormat.Count(p.Elements, "element")} in {NumberFormat.Count(p.Tensors, "tensor")}: "
                + $"{NumberFormat.Count(p.Trainable)} trainable, {NumberFormat.Count(p.Frozen)} frozen, {NumberFormat.Count(p.Tied)} tied"]);
            rows.Add(["compute", model.Macs is { } macs ? $"{NumberFormat.Large(macs)} MACs (multiply-accumulate operations) a sample, forward" : "MACs not available: not every shape is known"]);
        }
        text.Table(["", ""], rows);
        text.Table(["", "name", "type", "shape as declared"], [.. model.Inputs.Select(s => Signature("input", s)), .. model.Outputs.Select(s => Signature("output", s))]);
    }

    static string[] Signature(string kind, TensorSignature s) => [kind, MarkdownText.Name(s.Name), MarkdownText.Prose(s.Type), MarkdownText.Prose(s.Shape)];

    void Measurement()
    {
        text.Heading("How it was measured");
        if (model.Measurement is { } m)
        {
            text.Table(["", ""],
            [
                ["engine", $"{MarkdownText.Prose(m.Engine)}, device {MarkdownText.Prose(m.Device)}"],
                ["weights", $"{MarkdownText.Prose(m.Weights)}; re-initialised ones by {MarkdownText.Prose(m.Init)}"],
                ["seed and batch", $"seed {m.Seed}, {NumberFormat.Count(m.Batch, "sample")} a pass"],
                ["BatchNormalization", $"{MarkdownText.Prose(m.NormStatistics)} statistics where rules look; each proxy's own protocol for proxies"],
                ["loss", MarkdownText.Prose(m.Loss)],
                ["attached to", m.LossTarget.Length > 0 ? MarkdownText.Prose(m.LossTarget) : "nothing"],
                .. m.StraightThrough ? (string[][])[["rounding", "gradients pass Round and QuantizeLinear straight through, where nothing saturates"]] : [],
            ]);
            text.Table(["input fed", "shape", "type", "source"],
                m.Inputs.Select(i => (string[])[MarkdownText.Name(i.Name), MarkdownText.Prose(i.Shape), MarkdownText.Prose(i.Type), MarkdownText.Prose(i.Source)]));
            Fold(NumberFormat.Count(m.Passes.Count, "pass", "passes"), m.Passes.Select(MarkdownText.Sentence));
        }
        else text.Block("Nothing was run.");
        Fold($"{NumberFormat.Count(model.Notes.Count, "note")} on what was changed, assumed or skipped", model.Notes.Select(MarkdownText.Sentence));
        Stops();
    }

    void Stops()
    {
        var stops = model.Coverage.Stops;
        if (stops.Count == 0) return;
        text.Block($"Gradients stop at {NumberFormat.Count(stops.Count, "node")}{(stops.Count > ShownStops ? $", of which the first {ShownStops}" : "")}:");
        text.Table(["node", "operator", "why"], stops.Take(ShownStops).Select(s => (string[])[MarkdownText.Name(s.Node), MarkdownText.Name(s.Op), MarkdownText.Sentence(s.Reason)]));
    }

    void Fold(string summary, IEnumerable<string> items)
    {
        var list = items.ToList();
        if (list.Count == 0) return;
        if (list.Count > LongestList || IsShort)
        {
            text.Folded(summary, t => t.List(list));
            return;
        }
        text.Block($"{summary}:");
        text.List(list);
    }

    void Proxies()
    {
        text.Heading("Proxies");
        if (model.Proxies.Count == 0)
        {
            text.Block(model.Measurement is null ? "None: nothing was run." : "None was asked for.");
            return;
        }
        text.Block("Scores are dimensionless unless said otherwise, and compare models under one protocol; they are not accuracies. The size of a model alone ranks "
            + "architectures about as well as many proxies do, so it stands beside them.");
        text.Table(["proxy", "score", "better", "over seeds: median [quartiles]", "components"], [.. Scores.Select(ProxyRow), .. Baselines()]);
        text.List(Scores.Select(p => $"**{glossary.Proxies.GetValueOrDefault(p.Id)?.Title ?? p.Id}** (`{p.Id}`){Meaning(p.Id)}"
            + (p.Protocol.Length > 0 ? $" *Measured with:* {MarkdownText.Sentence(p.Protocol)}" : "")));
    }

    string Meaning(string id) => glossary.Proxies.GetValueOrDefault(id) is { } entry ? $": {OneLine(entry.Summary)}" : ".";

    static string[] ProxyRow(ProxyResult p) =>
    [
        $"`{p.Id}`",
        p.Value is { } value ? NumberFormat.Value(value) : $"not available: {MarkdownText.Prose(MarkdownText.Cut(p.Reason ?? "no reason was given", LongestReason))}",
        p.HigherIsBetter ? "higher" : "lower",
        p.Seeds.Count > 1 ? Spread(p.Seeds) : "one seed",
        string.Join(", ", p.Components.Select(c => $"{MarkdownText.Prose(c.Key)} {NumberFormat.Value(c.Value)}")),
    ];

    IEnumerable<string[]> Baselines() =>
    [
        ["*baseline:* parameters", $"{NumberFormat.Large(model.Parameters.Trainable)} trainable elements", "–", "–", ""],
        ["*baseline:* MACs", model.Macs is { } macs ? $"{NumberFormat.Large(macs)} a sample" : "not available: not every shape is known", "–", "–", ""],
    ];

    static string Spread(IReadOnlyList<double> seeds)
    {
        double[] sorted = [.. seeds.Order()];
        return $"{NumberFormat.Value(Quantile(sorted, 0.5))} [{NumberFormat.Value(Quantile(sorted, 0.25))}, {NumberFormat.Value(Quantile(sorted, 0.75))}], n = {sorted.Length}";
    }

    /// <summary>A quantile by linear interpolation between order statistics (type 7, the default of R and NumPy).</summary>
    static double Quantile(double[] sorted, double share)
    {
        var position = share * (sorted.Length - 1);
        var below = (int)position;
        return below + 1 < sorted.Length ? sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    void Depth()
    {
        text.Heading("Signal through depth");
        var charts = DepthChart.Of(model);
        if (charts.Count == 0)
        {
            text.Block(model.Layers.Count == 0 ? "Not available: no layer was measured." : "Not available: the layers were not measured.");
            return;
        }
        text.Table(["quantity", "first layer #", "smallest #", "at", "largest #", "at", "last layer #", "through depth"], charts.Select(DepthRow));
        if (chartFile is null) return;
        var images = charts.Where(c => c.IsDrawn).Select(c => $"![{c.Title} through depth]({chartFile(c)})").ToList();
        if (images.Count == 0) return;
        if (IsShort) text.Folded("Charts", t => t.Block(string.Join("\n\n", images)));
        else text.Block(string.Join("\n\n", images));
    }

    static string[] DepthRow(DepthChart chart)
    {
        var (smallest, largest) = (chart.Points.MinBy(p => p.Value), chart.Points.MaxBy(p => p.Value));
        return
        [
            $"{chart.Title}{(chart.IsShare ? "" : $" ({chart.Unit})")}", chart.Format(chart.Points[0].Value), chart.Format(smallest.Value), MarkdownText.Name(smallest.Layer),
            chart.Format(largest.Value), MarkdownText.Name(largest.Layer), chart.Format(chart.Points[^1].Value), Sparkline.Of(chart),
        ];
    }

    void Layers()
    {
        if (model.Layers.Count == 0) return;
        text.Heading("Layers");
        var table = new LayerTable(model.Layers);
        var worst = table.WorstFirst.Where(l => table.Distance(l) >= LayerTable.FarDecades).Take(LayerTable.Worst).ToList();
        text.Block($"{NumberFormat.Count(model.Layers.Count, "layer")}. {LayerTable.Explanation}");
        if (worst.Count == 0) text.Block($"No layer is {LayerTable.FarDecades} decade or more away.");
        text.Table(LayerTable.Headings, worst.Select(table.Row));
        if (worst.Count < model.Layers.Count) text.Folded("All layers, worst first", t => t.Table(LayerTable.Headings, table.WorstFirst.Select(table.Row)));
    }

    void AllFindings()
    {
        text.Heading($"{MarkdownReport.Anchor($"{prefix}findings")}All findings");
        if (model.Findings.Count == 0)
        {
            text.Block(model.Unreadable is null ? "None." : "None: the model was not read.");
            return;
        }
        var anchored = new HashSet<string>(StringComparer.Ordinal);
        foreach (var family in model.Findings.GroupBy(f => f.RuleId.Length >= 3 ? f.RuleId[..3] : f.RuleId, StringComparer.Ordinal).OrderBy(g => Order(g.Key)).ThenBy(g => g.Key, StringComparer.Ordinal))
        {
            text.Heading(FamilyName(family.Key), 1);
            foreach (var finding in family) FindingBlock(finding, anchored.Add(finding.RuleId));
        }
    }

    void FindingBlock(Finding f, bool isFirstOfRule)
    {
        var entry = glossary.Rules.GetValueOrDefault(f.RuleId);
        var anchor = isFirstOfRule ? MarkdownReport.Anchor($"{prefix}{Id(f.RuleId)}") : "";
        var head = $"{anchor}**{f.RuleId}**{(entry is null ? "" : $" {entry.Title}")} · {(f.Suppressed ? "suppressed " : "")}{MarkdownReport.Word(f.Severity)}, {Word(f.Confidence)}";
        var items = new List<string> { $"Where: {Places(f)}", Found(f) };
        if (f.OtherPlaces.Count > 0) items.Add($"Also: {string.Join(", ", f.OtherPlaces.Select(MarkdownText.Name))}{(f.Count - 1 > f.OtherPlaces.Count ? " …" : "")}");
        if (f.Remedy.Length > 0) items.Add($"What to do: {MarkdownText.Sentence(f.Remedy)}");
        if (f.SuppressedBy is { } why) items.Add($"Suppressed: {MarkdownText.Sentence(why)}");
        items.Add($"Fingerprint: {MarkdownText.Name(f.Fingerprint)}");
        text.Block(head);
        text.List(items);
    }

    static string Places(Finding f) => f.Count > 1 ? $"{MarkdownText.Name(f.Where)} and {NumberFormat.Count(f.Count - 1, "more place")}" : MarkdownText.Name(f.Where);

    static string Found(Finding f)
    {
        var measured = f.Measured.Length == 0 ? "" : $" Measured: {MarkdownText.Prose(f.Measured)}{(f.Threshold.Length > 0 ? $"; threshold: {MarkdownText.Prose(f.Threshold)}" : "")}.";
        return $"Found: {MarkdownText.Sentence(f.Message)}{measured}";
    }

    void Terms()
    {
        text.Heading("Glossary");
        GlossaryList();
    }

    void GlossaryList()
    {
        var items = new List<string>
        {
            "**Coverage**: the share of trainable parameter elements that a gradient of the loss reaches. What is not covered was not judged.",
        };
        if (model.Macs is not null) items.Add("**MACs**: multiply-accumulate operations of one forward pass of one sample, in convolutions and matrix products.");
        items.AddRange(TrialSection.Terms(model));
        items.AddRange(DepthChart.Of(model).Select(c => $"**{c.Title}**: {c.Explanation}"));
        foreach (var id in Scores.Select(p => p.Id))
            if (glossary.Proxies.GetValueOrDefault(id) is { Source.Length: > 0 } proxy) items.Add($"**{proxy.Title}** (`{id}`): {OneLine(proxy.Source)}");
        foreach (var id in model.Findings.Select(f => f.RuleId).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            if (glossary.Rules.GetValueOrDefault(id) is { } rule) items.Add($"**{id}** {rule.Title}. {OneLine(string.Join(' ', rule.Threshold, rule.References).Trim())}".TrimEnd());
        text.List(items);
        text.Block("`onnx-auditor explain ID` says more of a rule or a proxy.");
    }

    /// <summary>Markdown of our own on one line, so that it stays inside its list item.</summary>
    static string OneLine(string markdown) => string.Join(' ', markdown.Split(['\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    static string Id(string ruleId) => ruleId.ToLowerInvariant();

    static string Word(Confidence confidence) => confidence switch { Confidence.Certain => "certain", Confidence.Likely => "likely", _ => "a hint" };

    static int Order(string family) => Array.FindIndex(Families, f => f.Family.Equals(family, StringComparison.Ordinal)) is >= 0 and var at ? at : Families.Length;

    static string FamilyName(string family) => Array.Find(Families, f => f.Family.Equals(family, StringComparison.Ordinal)) is { Name: { } name } ? $"{name} ({family})" : MarkdownText.Prose(family);
}
