using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;

namespace OnnxAuditor.Rules;

/// <summary>
/// Names a finding so that exporting the model again does not rename it: a hash of the rule, the logical name of the place and the structure around it.
/// Exporters number nodes and inner values anew each time, but keep the names of parameters, inputs and outputs; so a node is called after the nearest such name
/// upstream and the operators on the way, and its own name counts only where there is none.
/// </summary>
static partial class Fingerprints
{
    /// <summary>Steps upstream in search of a name that stays; enough to pass a normalisation or an attention written in elementary operators.</summary>
    const int MaxSteps = 32;

    /// <summary>The fingerprint of what concerns a file of which nothing else is known.</summary>
    public static string OfFile(string ruleId, string path) => Hash($"{ruleId}\n{path}");

    /// <summary>The fingerprint of an observation: 16 hexadecimal digits.</summary>
    public static string Of(string ruleId, RuleContext context, Observation observation)
    {
        var view = ViewOf(context, observation);
        var (name, structure) = (observation.Node is { } n ? view.Own(n) : null, observation.Value is { } v ? view.Own(v) : null) switch
        {
            ({ } node, _) => (LogicalName(view, node), Structure(view, node)),
            (null, { } value) => (LogicalName(view, value), Structure(view, value)),
            _ => (WithoutCounter(observation.Where), ""),
        };
        return Hash($"{ruleId}\n{name}\n{structure}");
    }

    static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

    /// <summary>The graph that the place belongs to. A place of neither is one of a copy of the canonical graph and is looked up there by name.</summary>
    static ModelView ViewOf(RuleContext context, Observation observation)
    {
        var isOfFile = observation.Node is { } node ? context.View.Contains(node) : observation.Value is { } value && context.View.Knows(value);
        return isOfFile ? context.View : context.CanonicalView ?? context.View;
    }

    static string LogicalName(ModelView view, Node node)
    {
        var path = new StringBuilder();
        var at = node;
        for (var step = 0; step < MaxSteps; step++)
        {
            path.Append(at.OpType).Append('<');
            if (at.Inputs.FirstOrDefault(v => v is not null && IsConstant(v) && Stays(v.Name)) is { } constant) return path + WithoutCounter(constant.Name);
            var data = at.Inputs.FirstOrDefault(v => v is not null && !IsConstant(v));
            if (data is null) break;
            if (data.Producer is not { } producer) return path + WithoutCounter(data.Name);
            at = producer;
        }
        return WithoutCounter(view.NameOf(node));
    }

    static string LogicalName(ModelView view, Value value)
    {
        if (value.Producer is { } producer && !producer.Is("Constant") && !view.IsOutput(value)) return LogicalName(view, producer);
        if (Stays(value.Name) || view.UsesOf(value) is not [var use, ..]) return WithoutCounter(value.Name);
        return $"{LogicalName(view, use.Node)}[{use.Input}]";
    }

    /// <summary>Operator, producers in the order of the inputs, consumers sorted.</summary>
    static string Structure(ModelView view, Node node)
    {
        var producers = string.Join(',', node.Inputs.Select(v => v is null ? "-" : Kind(v)));
        var consumers = string.Join(',', node.Outputs.OfType<Value>().SelectMany(o => Consumers(view, o)).Order(StringComparer.Ordinal));
        return $"{node.Domain}:{node.OpType}({producers})->{consumers}";
    }

    static string Structure(ModelView view, Value value) => $"{Kind(value)}->{string.Join(',', Consumers(view, value).Order(StringComparer.Ordinal))}";

    static IEnumerable<string> Consumers(ModelView view, Value value)
    {
        foreach (var use in view.UsesOf(value)) yield return $"{use.Node.OpType}.{use.Input}";
        if (view.IsOutput(value)) yield return "output";
    }

    static string Kind(Value value) => IsConstant(value) ? "constant" : value.Producer?.OpType ?? "input";

    static bool IsConstant(Value value) => value.Data is not null || value.SparseData is not null || value.Producer is { } producer && producer.Is("Constant");

    /// <summary>Whether a name is one that people gave, which the next export repeats.</summary>
    static bool Stays(string name) => name.Length > 0 && !Numbered().IsMatch(name);

    /// <summary>A name without the number an exporter appended ("Conv_12", "x:0", "12").</summary>
    static string WithoutCounter(string name) => Counter().Replace(name, "");

    /// <summary>"123", "onnx::Conv_123", "const_fold_opt__45", "_v_12", "/layer/Constant_3_output_0", "p2o.Conv.4", "n12".</summary>
    [GeneratedRegex(@"^[\W_]*\d+$|::|_opt__|_output_\d+$|^p2o\.|(^|/)Constant(_\d+)?$|^_?[A-Za-z]{1,8}_?\d+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Numbered();

    [GeneratedRegex(@"([._:]*\d+)+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Counter();
}
