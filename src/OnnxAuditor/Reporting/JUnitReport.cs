using System.Globalization;
using System.Text;
using System.Xml;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>
/// The report as JUnit XML: a suite a model, a case a rule that found something and one for the audit itself, one a gate. Errors and warnings fail; what is only worth knowing passes with its text, what is
/// suppressed is skipped. A rule without finding has no case: the report does not claim that a rule passed which may not have run.
/// </summary>
static class JUnitReport
{
    /// <summary>Writes the report. Equal reports give equal texts; there are no times.</summary>
    public static string Write(AuditReport report)
    {
        var text = new StringBuilder();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, NewLineChars = "\n", OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("testsuites");
            xml.WriteAttributeString("name", $"{report.Tool.Name} {report.Tool.Version}");
            foreach (var model in report.Models) Suite(xml, model);
            xml.WriteEndElement();
        }
        return $"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{text}\n";
    }

    static void Suite(XmlWriter xml, ModelReport model)
    {
        var rules = model.Findings.GroupBy(f => f.RuleId, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToList();
        var obstacle = model.Unreadable ?? model.BudgetExceeded;
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", Legal(model.Path));
        Number(xml, "tests", rules.Count + model.Gates.Count + 1);
        Number(xml, "failures", rules.Count(Fails) + model.Gates.Count(g => !g.Passed));
        Number(xml, "errors", obstacle is null ? 0 : 1);
        Number(xml, "skipped", rules.Count(g => g.All(f => f.Suppressed)));
        Case(xml, model, "audit", () =>
        {
            if (obstacle is not null) Element(xml, "error", obstacle, $"{MarkdownReport.Words(model.Verdict)}");
            else xml.WriteElementString("system-out", Legal($"{MarkdownReport.Words(model.Verdict)}: {model.VerdictReason}"));
        });
        foreach (var rule in rules) Case(xml, model, rule.Key, () => Outcome(xml, rule));
        foreach (var gate in model.Gates)
            Case(xml, model, $"gate {gate.Expression}", () =>
            {
                if (gate.Passed) xml.WriteElementString("system-out", Legal(TextReport.Value(gate)));
                else Element(xml, "failure", TextReport.Value(gate), "", "gate");
            });
        xml.WriteEndElement();
    }

    static bool Fails(IEnumerable<Finding> rule) => rule.Any(f => !f.Suppressed && f.Severity != Severity.Info);

    static void Outcome(XmlWriter xml, IGrouping<string, Finding> rule)
    {
        var open = rule.Where(f => !f.Suppressed).ToList();
        if (open.Count == 0) Element(xml, "skipped", "suppressed", "");
        else if (Fails(open)) Element(xml, "failure", open[0].Message, string.Join("\n", open.Select(Text)), MarkdownReport.Word(open.Max(f => f.Severity)));
        else xml.WriteElementString("system-out", Legal(string.Join("\n", open.Select(Text))));
    }

    static string Text(Finding f) => $"{f.Where}{(f.Count > 1 ? $" and {NumberFormat.Count(f.Count - 1, "more place")}" : "")}: {f.Message}. Measured: {f.Measured}; threshold: {f.Threshold}. What to do: {f.Remedy}";

    static void Case(XmlWriter xml, ModelReport model, string name, Action content)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", Legal(model.Path));
        xml.WriteAttributeString("name", Legal(name));
        content();
        xml.WriteEndElement();
    }

    static void Element(XmlWriter xml, string name, string message, string text, string? type = null)
    {
        xml.WriteStartElement(name);
        xml.WriteAttributeString("message", Legal(message));
        if (type is not null) xml.WriteAttributeString("type", type);
        if (text.Length > 0) xml.WriteString(Legal(text));
        xml.WriteEndElement();
    }

    static void Number(XmlWriter xml, string name, int value) => xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Names may hold what XML has no way to write; it is shown as in every other format, line ends kept.</summary>
    static string Legal(string text) => string.Join('\n', text.Split('\n').Select(MarkdownText.Visible));
}
