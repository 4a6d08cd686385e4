using System.Buffers;
using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using GraphRewriter.Gradients;
using OnnxAuditor.Proxies;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;

namespace OnnxAuditor.Commands;

/// <summary><c>list rules|proxies|operators</c>: what there is.</summary>
static class ListCommand
{
    static readonly JsonWriterOptions JsonOptions = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var format = OptionValues.Choice("--format", "Format", "text", ["text", "json"]);
        format.Recursive = true;
        return new Command("list", "Lists what there is.")
        {
            format,
            Of("rules", "The rules, with their default severity", RuleLines, WriteRules),
            Of("proxies", "The proxies, with their direction", ProxyLines, WriteProxies),
            Of("operators", "The operators of the ONNX specification, and where this program stands on the gradient of each", OperatorLines, WriteOperators),
        };

        Command Of(string name, string description, Func<IEnumerable<string[]>> lines, Action<Utf8JsonWriter> write)
        {
            var command = new Command(name, description);
            command.SetAction(result =>
            {
                terminal.Output.Write(result.GetValue(format) is "json" ? Json(write) : Aligned([.. lines()]));
                return (int)ExitCode.Clean;
            });
            return command;
        }
    }

    /// <summary>The status of an operator in the contract's three words: it has gradients, it has none by its nature, or its rule is still to be written.</summary>
    internal static string Word(OperatorStanding standing) => standing switch
    {
        OperatorStanding.Differentiable or OperatorStanding.LinearInData or OperatorStanding.Lowered => "differentiable",
        OperatorStanding.Pending => "pending",
        _ => "stop",
    };

    /// <summary>The same word, and what kind of rule stands behind "differentiable".</summary>
    internal static string Kind(OperatorStanding standing) => standing switch
    {
        OperatorStanding.LinearInData => "differentiable, linear in data",
        OperatorStanding.Lowered => "differentiable, rewritten",
        _ => Word(standing),
    };

    /// <summary>The formula of an operator that has gradients, the reason of one that has none.</summary>
    internal static string Detail(OperatorStatus status) => status.Standing == OperatorStanding.Lowered ? $"rewritten before: {status.Detail}" : status.Detail;

    /// <summary>The word for a severity.</summary>
    internal static string Word(Severity severity) => Reporting.MarkdownReport.Word(severity);

    static string Word(ProxyCost cost) => cost switch
    {
        ProxyCost.None => "none",
        ProxyCost.Forward => "forward",
        ProxyCost.Backward => "backward",
        ProxyCost.PerSample => "perSample",
        _ => "secondOrder",
    };

    static IEnumerable<string[]> RuleLines() => RuleRegistry.All.Select(r => (string[])[r.Id, Word(r.Severity), r.Name, r.Title]);

    static IEnumerable<string[]> ProxyLines() => ProxyRegistry.All.Select(p => (string[])[p.Id, p.HigherIsBetter ? "higher is better" : "lower is better", Word(p.Cost), p.Title]);

    static IEnumerable<string[]> OperatorLines() => OperatorStatus.All.Select(s => (string[])[s.Operator.Name, $"{s.Operator.Since}", Kind(s.Standing), OperatorChecks.Of(s.Operator.Name), s.Detail]);

    static void WriteRules(Utf8JsonWriter json)
    {
        foreach (var r in RuleRegistry.All)
        {
            json.WriteStartObject();
            json.WriteString("id", r.Id);
            json.WriteString("name", r.Name);
            json.WriteString("severity", Word(r.Severity));
            json.WriteString("family", r.Family);
            json.WriteEndObject();
        }
    }

    static void WriteProxies(Utf8JsonWriter json)
    {
        foreach (var p in ProxyRegistry.All)
        {
            json.WriteStartObject();
            json.WriteString("id", p.Id);
            json.WriteString("title", p.Title);
            json.WriteBoolean("higherIsBetter", p.HigherIsBetter);
            json.WriteString("cost", Word(p.Cost));
            json.WriteEndObject();
        }
    }

    static void WriteOperators(Utf8JsonWriter json)
    {
        foreach (var s in OperatorStatus.All)
        {
            var isDifferentiable = Word(s.Standing) is "differentiable";
            json.WriteStartObject();
            json.WriteString("op", s.Operator.Name);
            json.WriteString("domain", s.Operator.Domain.Length == 0 ? "ai.onnx" : s.Operator.Domain);
            json.WriteNumber("since", s.Operator.Since);
            json.WriteString("status", Word(s.Standing));
            json.WriteString("formula", isDifferentiable ? Detail(s) : null);
            json.WriteString("reason", isDifferentiable ? null : Detail(s));
            // There is no second engine yet that could run it.
            json.WriteBoolean("torch", false);
            json.WriteEndObject();
        }
    }

    static string Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            json.WriteStartArray();
            write(json);
            json.WriteEndArray();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    /// <summary>The rows with their columns below one another; the last one is not padded.</summary>
    static string Aligned(IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0) return "";
        var widths = Enumerable.Range(0, rows[0].Length - 1).Select(c => rows.Max(r => r[c].Length)).ToArray();
        return string.Concat(rows.Select(r => $"{string.Concat(widths.Select((w, c) => r[c].PadRight(w + 2)))}{r[^1].ReplaceLineEndings(" ")}\n"));
    }
}
