using System.Text;
using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using OnnxAuditor.Proxies;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;
using Rule = OnnxAuditor.Rules.Rule;

namespace OnnxAuditor.Commands;

/// <summary>The pages of docs/ that are made from the code's tables. A test compares them with the files; UPDATE_DOCS=1 lets it write them.</summary>
static class DocPages
{
    const string Made = "<!-- Made from the code's tables; UPDATE_DOCS=1 with the tests writes it anew. -->";

    /// <summary>All pages by path below docs/.</summary>
    public static IReadOnlyDictionary<string, string> All()
    {
        var pages = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["operators.md"] = Operators(),
            ["rules/README.md"] = RuleIndex(),
            ["proxies/README.md"] = ProxyIndex(),
        };
        foreach (var rule in RuleRegistry.All) pages[$"rules/{rule.Id}.md"] = Of(rule);
        foreach (var proxy in ProxyRegistry.All) pages[$"proxies/{proxy.Id}.md"] = Of(proxy);
        return pages;
    }

    /// <summary>The page of a rule.</summary>
    public static string Of(Rule rule) => Page($"{rule.Id}: {rule.Title}",
        $"`{rule.Name}` · {ListCommand.Word(rule.Severity)} by default · needs {Needs(rule.Cost)}",
        ("What it finds", rule.Text.WhatItFinds), ("Why it matters", rule.Text.WhyItMatters), ("How it is computed", rule.Text.HowItIsComputed), ("Threshold", $"{rule.Text.Threshold}\n\n{Settings(rule)}"),
        ("Example", rule.Text.Example), ("What to do", rule.Text.Remedy), ("When to ignore it", rule.Text.WhenToIgnore), ("References", rule.Text.References));

    static string Settings(Rule rule)
    {
        if (rule.Thresholds.Count == 0) return "";
        var text = new StringBuilder("| setting | default | unit | meaning |\n| --- | --: | --- | --- |\n");
        foreach (var t in rule.Thresholds) text.Append($"| `{t.Key}` | {NumberFormat.Value(t.Default)} | {t.Unit} | {Cell(t.Meaning)} |\n");
        return text.ToString();
    }

    /// <summary>The page of a proxy.</summary>
    public static string Of(Proxy proxy) => Page(proxy.Title,
        $"`{proxy.Id}` · {(proxy.HigherIsBetter ? "higher is better" : "lower is better")} · needs {Needs(proxy.Cost)}",
        ("What it measures", proxy.Text.Summary), ("Definition", proxy.Text.Definition), ("For trained models", proxy.Text.ForTrainedModels),
        ("When not to use it", proxy.Text.WhenNotToUse), ("Source", proxy.Text.Source));

    /// <summary>The table of operators.</summary>
    public static string Operators()
    {
        var text = new StringBuilder($"# Operators\n\n{Made}\n\n");
        var all = OperatorStatus.All;
        text.Append("Where this program stands on the gradient of each operator of the ONNX specification. In formulas X, Y are input and output, dY is the gradient of the loss by Y;\n")
            .Append("A, B are the inputs of a two-input operator; · is the matrix product, * the elementwise one.\n\n")
            .Append("| status | operators |\n| --- | --: |\n");
        foreach (var group in all.GroupBy(s => ListCommand.Kind(s.Standing), StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)) text.Append($"| {group.Key} | {group.Count()} |\n");
        text.Append("\nAn operator linear in data has a gradient of its first input alone: the others are indices, shapes or settings. One that is rewritten stands for others before anything is\n")
            .Append("computed. What values or gradients were checked against, and by how many cases: the values stored with the ONNX project's operator tests; values and gradients\n")
            .Append("that PyTorch gave, of single operators and of networks; differences of ONNX Runtime's own kernel of the operator.\n")
            .Append("\n| operator | since opset | status | gradient, or why there is none | checked against |\n| --- | --: | --- | --- | --- |\n");
        foreach (var s in all)
            text.Append($"| {(s.Operator.Domain.Length > 0 ? $"{s.Operator.Domain}::" : "")}{s.Operator.Name} | {s.Operator.Since} | {ListCommand.Kind(s.Standing)} | {Cell(s.Detail)} | {OperatorChecks.Of(s.Operator.Name)} |\n");
        text.Append("\n## Operators of ONNX Runtime\n\nONNX Runtime's optimiser and its tools for transformers write these in the place of standard operators; PyTorch's exporter writes Gelu, GridSample and Trilu where ONNX\n")
            .Append("Runtime's symbolic functions are registered, tf2onnx Range. They are rewritten before anything is computed. Those of the domain com.microsoft.nchwc are not: they\n")
            .Append("work on blocks that fit one kind of processor, and are not written at the level ORT_ENABLE_EXTENDED or below.\n")
            .Append("\n| operator | becomes | checked against |\n| --- | --- | --- |\n");
        foreach (var fused in AdaptOperators.Table.Where(a => a.Domain.Length > 0).OrderBy(a => a.OpType, StringComparer.Ordinal))
            text.Append($"| {fused.Domain}::{fused.OpType} | {Cell(fused.Does)} | {OperatorChecks.Of($"{fused.Domain}::{fused.OpType}")} |\n");
        return text.ToString();
    }

    static string RuleIndex()
    {
        var text = new StringBuilder($"# Rules\n\n{Made}\n\n| id | finds | severity | needs |\n| --- | --- | --- | --- |\n");
        foreach (var r in RuleRegistry.All) text.Append($"| [{r.Id}]({r.Id}.md) | {Cell(r.Title)} | {ListCommand.Word(r.Severity)} | {Needs(r.Cost)} |\n");
        return text.ToString();
    }

    static string ProxyIndex()
    {
        var text = new StringBuilder($"# Proxies\n\n{Made}\n\n| id | name | better | needs | measures |\n| --- | --- | --- | --- | --- |\n");
        foreach (var p in ProxyRegistry.All) text.Append($"| [{p.Id}]({p.Id}.md) | {Cell(p.Title)} | {(p.HigherIsBetter ? "higher" : "lower")} | {Needs(p.Cost)} | {Cell(p.Text.Summary)} |\n");
        return text.ToString();
    }

    static string Page(string title, string facts, params ReadOnlySpan<(string Heading, string Text)> sections)
    {
        var text = new StringBuilder($"# {title}\n\n{facts}\n");
        foreach (var (heading, body) in sections)
            if (body.Trim().Length > 0) text.Append($"\n## {heading}\n\n{body.Trim().ReplaceLineEndings("\n")}\n");
        return text.ToString();
    }

    static string Needs(RuleCost cost) => cost switch
    {
        RuleCost.Scan => "graph and weights",
        RuleCost.Spectral => "a decomposition of the weights",
        RuleCost.Forward => "a forward pass",
        RuleCost.Thorough => "further passes (`--profile full`)",
        RuleCost.CrossCheck => "both engines (`--cross-check`)",
        RuleCost.Trial => "a short training (`--trial`, `--profile full`)",
        RuleCost.Curvature => "second derivatives on Torch (`--profile full`)",
        _ => "a forward and a backward pass",
    };

    static string Needs(ProxyCost cost) => cost switch
    {
        ProxyCost.None => "no pass",
        ProxyCost.Forward => "forward passes",
        ProxyCost.Backward => "forward and backward passes",
        ProxyCost.PerSample => "gradients of single samples",
        _ => "second derivatives",
    };

    static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
