using System.Globalization;
using System.Text.RegularExpressions;
using OnnxAuditor.Proxies;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Policy;

/// <summary>A condition on a number of the report, such as "intrain >= 12.5" or "coverage.parameters >= 99%".</summary>
/// <param name="Expression">The condition as written.</param>
/// <param name="Quantity">The name of the number.</param>
/// <param name="Comparison">One of >=, &lt;=, >, &lt;, == and !=.</param>
/// <param name="Limit">What it is held against, in the quantity's own unit.</param>
sealed partial record Gate(string Expression, string Quantity, string Comparison, double Limit)
{
    /// <summary>Numbers that the file alone gives.</summary>
    static readonly (string Name, Func<ModelReport, double?> Value)[] Static =
    [
        ("bytes", m => m.Bytes),
        ("nodes", m => m.NodeCount),
        ("parameters", m => m.Parameters.Trainable),
        ("parameters.tensors", m => m.Parameters.Tensors),
        ("parameters.elements", m => m.Parameters.Elements),
        ("parameters.trainable", m => m.Parameters.Trainable),
        ("parameters.frozen", m => m.Parameters.Frozen),
        ("parameters.tied", m => m.Parameters.Tied),
        ("macs", m => m.Macs),
        ("findings", m => m.Findings.Count(f => !f.Suppressed)),
        ("findings.error", m => Count(m, Severity.Error)),
        ("findings.warning", m => Count(m, Severity.Warning)),
        ("findings.info", m => Count(m, Severity.Info)),
    ];

    /// <summary>Numbers that need a backward pass.</summary>
    static readonly (string Name, Func<ModelReport, double?> Value)[] Measured =
    [
        ("coverage.parameters", m => m.Coverage.ParameterShare is { } share && m.Coverage.Nodes > 0 ? share : null),
        ("coverage.nodes", m => m.Coverage.Nodes > 0 ? (double)m.Coverage.DifferentiableNodes / m.Coverage.Nodes : null),
    ];

    static readonly Dictionary<string, double> Units = new(StringComparer.Ordinal)
    {
        [""] = 1,
        ["%"] = 0.01,
        ["k"] = 1e3,
        ["M"] = 1e6,
        ["G"] = 1e9,
        ["KiB"] = 1L << 10,
        ["MiB"] = 1L << 20,
        ["GiB"] = 1L << 30,
        ["KB"] = 1e3,
        ["MB"] = 1e6,
        ["GB"] = 1e9,
    };

    /// <summary>Whether the number is one that <c>check</c> knows; others need a pass.</summary>
    public bool IsStatic => Array.Exists(Static, s => s.Name.Equals(Quantity, StringComparison.Ordinal));

    /// <summary>The proxy whose score or component the number is; null for other numbers.</summary>
    public string? ProxyId => !IsStatic && ProxyRegistry.ById.ContainsKey(Quantity.Split('.')[0]) ? Quantity.Split('.')[0] : null;

    /// <summary>Reads a condition.</summary>
    /// <exception cref="UsageException">It is no condition, or names a number that there is not.</exception>
    public static Gate Parse(string text)
    {
        var match = Form().Match(text);
        if (!match.Success || !double.TryParse(match.Groups["limit"].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var limit) || !Units.TryGetValue(match.Groups["unit"].Value, out var unit))
            throw new UsageException($"'{text}' is no gate: write a name, one of >=, <=, >, <, ==, != and a number (with %, k, M, G, KiB, MiB or GiB where it helps), such as \"intrain >= 12.5\" or \"coverage.parameters >= 99%\".");
        var name = match.Groups["name"].Value;
        var gate = new Gate(text.Trim(), name, match.Groups["comparison"].Value, limit * unit);
        if (gate.IsStatic || gate.ProxyId is not null || Array.Exists(Measured, m => m.Name.Equals(name, StringComparison.Ordinal))) return gate;
        throw new UsageException($"there is no number '{name}' to set a gate on{Nearest.Suggestion(name, Names)} Proxies, their components (proxy.component), coverage.parameters, coverage.nodes, {string.Join(", ", Static.Select(s => s.Name))} are allowed.");
    }

    /// <summary>Whether the condition holds. A number that is not there fails it: a gate is meant to be passed, not to be missed.</summary>
    public GateResult Judge(ModelReport model)
    {
        var (value, reason) = ValueOf(model);
        if (value is not { } v || !double.IsFinite(v)) return new GateResult(Expression, null, false, reason ?? "not available");
        var holds = Comparison switch { ">=" => v >= Limit, "<=" => v <= Limit, ">" => v > Limit, "<" => v < Limit, "!=" => v != Limit, _ => v == Limit };
        return new GateResult(Expression, v, holds, null);
    }

    (double? Value, string? Reason) ValueOf(ModelReport model)
    {
        if (model.Unreadable is not null) return (null, "the model was not read");
        var size = Static.Concat(Measured).FirstOrDefault(s => s.Name.Equals(Quantity, StringComparison.Ordinal));
        if (size.Value is not null) return (size.Value(model), IsStatic ? "not every shape is known" : "no gradients were computed");
        var parts = Quantity.Split('.', 2);
        if (model.Proxies.FirstOrDefault(p => p.Id.Equals(parts[0], StringComparison.Ordinal)) is not { } proxy) return (null, "the proxy was not computed");
        if (parts.Length == 1) return (proxy.Value, proxy.Reason);
        return proxy.Components.TryGetValue(parts[1], out var component)
            ? (component, null)
            : (null, proxy.Components.Count == 0 ? proxy.Reason ?? "it has no components" : $"it has the components {string.Join(", ", proxy.Components.Keys)}");
    }

    static IEnumerable<string> Names => [.. Static.Select(s => s.Name), .. Measured.Select(m => m.Name), .. ProxyRegistry.All.Select(p => p.Id)];

    static double? Count(ModelReport model, Severity severity) => model.Findings.Count(f => f.Severity == severity && !f.Suppressed);

    [GeneratedRegex(@"^\s*(?<name>[A-Za-z_][\w.\-]*)\s*(?<comparison>>=|<=|==|!=|>|<)\s*(?<limit>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(?<unit>%|[A-Za-z]*)\s*$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Form();
}
