using OnnxAuditor.Reports;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>Names that a model might carry to break whoever shows them.</summary>
static class HostileNames
{
    internal static readonly string[] All =
    [
        "<script>alert(1)</script>", "a|b", "`code`", "``", "`", "line\nbreak", "carriage\r\nreturn", "\u0000\u0001\u001b[31mred\u001b[0m", "\u202Egnp.exe", "\uD800", "[click](javascript:alert(1))",
        "![x](https://example.com/x.png)", "https://example.com", "</details></table></main>", "<img src=x onerror=alert(1)>", "&lt;b&gt;", "&#60;b&#62;", "*bold* _it_ ~~gone~~", "# heading", "1. item", "- item", "+ item",
        "    indented", "---", "===", "> quote", "\\", "\\|", "$math$", "<!-- comment", "{{template}}", "\"quoted\"", "'", " ", "", "\u200B", "a\u2028b", new string('x', 10_000), new string('<', 10_000), new string('`', 301),
        "<a id=\"m1-trn001\"></a>", "\U0001F600", "名前/畳み込み", "]]>", "<![CDATA[", "|---|---|", "\t", "`a` | `b`", "```", "~~~", "<br>", "%3Cscript%3E", "a < 1 && b > 2", "< b", "<1", "<=&=", "& lt;", "> 1",
    ];

    /// <summary>A model that has a hostile name wherever a model can have one.</summary>
    internal static ModelReport Model => Everywhere(string.Join(' ', All[..34])) with
    {
        Layers = [.. All.Select(n => new LayerRow(n, n, n, 1, new(0, 1, 1, 0, 1, 1, 0), null))],
        Tensors = [.. All.Select(n => new TensorRow(n, n, n, true, 1, 1))],
        Findings = [.. All.Select(n => new Finding("TRN012", Severity.Error, Confidence.Hint, n, n, n, n, n, n) { Count = 3, OtherPlaces = [n, n] })],
    };

    /// <summary>A model with this text in every field that a model decides.</summary>
    internal static ModelReport Everywhere(string n) => SampleReports.Sick with
    {
        Path = $"folder/{n}",
        Producer = n,
        VerdictReason = n,
        Opset = new SortedDictionary<string, long>(StringComparer.Ordinal) { [n] = 1 },
        Inputs = [new(n, n, n)],
        Outputs = [new(n, n, n)],
        Coverage = new(36, 35, 303_050, 241_610, [new(n, n, n)]),
        Measurement = new(n, n, n, n, 0, 16, n, n, n, [new(n, n, n, n)], [n]),
        Proxies = [new("intrain", 1, true, null, new SortedDictionary<string, double>(StringComparer.Ordinal) { [n] = 1 }, [], n), new("epsilon", null, true, n, new SortedDictionary<string, double>(StringComparer.Ordinal), [], "")],
        Findings = [new("TRN012", Severity.Error, Confidence.Hint, n, n, n, n, n, n) { Count = 3, OtherPlaces = [n, n] }],
        Tensors = [new(n, n, n, true, 1, 1)],
        Layers = [new(n, n, n, 1, new(0, 1, 1, 0, 1, 1, 0), null), new(n, n, n, 1, new(0, 1, 1, 0, 1, 1, 0), new(1, 1, 0))],
        Notes = [n],
        Unreadable = null,
        BudgetExceeded = n,
    };
}
