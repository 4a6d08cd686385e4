using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace Testing;

/// <summary>
/// Models as text, for tests of passes. A line is one of: <c>opset 13</c>, <c>opset com.microsoft 1</c>, <c>input x f32[N,3]</c>, <c>const c f32[2] = 1 2</c>,
/// <c>y, z = domain::Op(x, , c) axis=1 mode="linear" scales=[1.0, 2.0] body=@inner alpha=$outer ; node name</c>, <c>output y</c>.
/// <c>graph inner</c> starts a subgraph, <c>function domain::Name(x) -> (y) opset 13 with alpha=1.0</c> a function; <c>main</c> goes back.
/// </summary>
static partial class TextGraph
{
    public static Model Parse(string text)
    {
        var reader = new Reader();
        var lines = text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0).ToList();
        // Subgraphs are named before they are read.
        foreach (var line in lines) if (line.StartsWith("graph ", StringComparison.Ordinal)) reader.Graphs[line[6..]] = new Graph { Name = line[6..] };
        foreach (var line in lines) reader.Read(line);
        return reader.Model;
    }

    /// <summary>The nodes of a graph as text, subgraphs indented, with the contents of small constants in place.</summary>
    public static string Print(Graph graph, string indent = "")
    {
        var text = new StringBuilder();
        foreach (var node in graph.Nodes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{indent}{string.Join(", ", node.Outputs.Select(o => o?.Name ?? ""))} = {(node.Domain.Length > 0 ? node.Domain + "::" : "")}{node.OpType}({string.Join(", ", node.Inputs.Select(Show))})\n");
            foreach (var (name, sub) in node.Subgraphs) text.Append(CultureInfo.InvariantCulture, $"{indent}  {name}:\n").Append(Print(sub, indent + "    "));
        }
        return text.ToString();
    }

    static string Show(Value? value) => value switch
    {
        null => "",
        { Data: { Count: <= 4 } data } when data.Type is not ElementType.String => string.Create(CultureInfo.InvariantCulture, $"{value.Name}={{{string.Join(' ', data.ToDoubles())}}}"),
        _ => value.Name,
    };

    static readonly Dictionary<string, ElementType> Types = new(StringComparer.Ordinal)
    {
        ["f32"] = ElementType.Float32,
        ["f16"] = ElementType.Float16,
        ["bf16"] = ElementType.BFloat16,
        ["f64"] = ElementType.Float64,
        ["i64"] = ElementType.Int64,
        ["i32"] = ElementType.Int32,
        ["i8"] = ElementType.Int8,
        ["u8"] = ElementType.UInt8,
        ["bool"] = ElementType.Bool,
    };

    sealed class Reader
    {
        readonly Dictionary<string, Value> values = new(StringComparer.Ordinal);
        Dictionary<string, Value> scope;
        Graph graph;
        Function? function;

        public Reader()
        {
            graph = Model.Graph;
            scope = values;
        }

        public Model Model { get; } = new(new Graph { Name = "main" }) { IrVersion = 8 };

        public Dictionary<string, Graph> Graphs { get; } = new(StringComparer.Ordinal);

        public void Read(string line)
        {
            var word = line.Split(' ')[0];
            switch (word)
            {
                case "opset":
                    var version = line.Split(' ');
                    (function?.Opsets ?? Model.Opsets)[version.Length == 3 ? version[1] : ""] = long.Parse(version[^1], CultureInfo.InvariantCulture);
                    break;
                case "input": graph.Inputs.Add(Declare(line[6..])); break;
                case "const": graph.Initializers.Add(Constant(line[6..])); break;
                case "output": graph.Outputs.Add(scope[line[7..]]); break;
                case "main": (graph, scope, function) = (Model.Graph, values, null); break;
                case "graph": graph = Graphs[line[6..]]; break;
                case "function": StartFunction(line); break;
                default: graph.Nodes.Add(Call(line)); break;
            }
        }

        Value Declare(string text)
        {
            var match = ValuePattern().Match(text);
            var dims = match.Groups["dims"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(d => long.TryParse(d, CultureInfo.InvariantCulture, out var n) ? (Dim)n : d is "?" ? Dim.Unknown : new Dim(-1, d));
            return scope[match.Groups["name"].Value] = new Value(match.Groups["name"].Value, Types[match.Groups["type"].Value], new Shape(dims));
        }

        Value Constant(string text)
        {
            var value = Declare(text.Split('=')[0]);
            var count = (int)value.Shape!.ElementCount;
            var given = text.Split('=')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            // "seeded" fills with numbers that differ from each other, one number fills all.
            var numbers = given is ["seeded"] ? [.. Enumerable.Range(0, count).Select(i => Math.Sin(i + value.Name.Length))]
                : given.Length == 1 ? [.. Enumerable.Repeat(double.Parse(given[0], CultureInfo.InvariantCulture), count)]
                : given.Select(g => double.Parse(g, CultureInfo.InvariantCulture)).ToArray();
            value.Data = TensorData.FromNumbers(value.Type, value.Shape.ToArray(), numbers);
            return value;
        }

        Node Call(string line)
        {
            var match = CallPattern().Match(line);
            var inputs = match.Groups["inputs"].Value.Trim().Length == 0 ? [] : match.Groups["inputs"].Value.Split(',').Select(i => i.Trim().Length == 0 ? null : scope[i.Trim()]).ToList();
            var outputs = match.Groups["outputs"].Value.Split(',').Select(o => o.Trim().Length == 0 ? null : scope[o.Trim()] = new Value(o.Trim())).ToList();
            return new Node(match.Groups["op"].Value, inputs, outputs, Attributes(match.Groups["attributes"].Value), match.Groups["domain"].Value, match.Groups["name"].Value.Trim());
        }

        IEnumerable<Attribute> Attributes(string text)
        {
            foreach (Match match in AttributePattern().Matches(text))
            {
                var (name, value) = (match.Groups["name"].Value, match.Groups["value"].Value);
                yield return value[0] switch
                {
                    '@' => Attribute.Of(name, Graphs[value[1..]]),
                    '$' => new Attribute(name, AttributeKind.Int, null) { Reference = value[1..] },
                    '"' => Attribute.Of(name, value.Trim('"')),
                    '[' when value.Contains('.', StringComparison.Ordinal) => Attribute.Of(name, [.. value.Trim('[', ']').Split(',').Select(v => float.Parse(v, CultureInfo.InvariantCulture))]),
                    '[' => Attribute.Of(name, [.. value.Trim('[', ']').Split(',', StringSplitOptions.RemoveEmptyEntries).Select(v => long.Parse(v, CultureInfo.InvariantCulture))]),
                    _ when value.Contains('.', StringComparison.Ordinal) => Attribute.Of(name, float.Parse(value, CultureInfo.InvariantCulture)),
                    _ => Attribute.Of(name, long.Parse(value, CultureInfo.InvariantCulture)),
                };
            }
        }

        void StartFunction(string line)
        {
            var match = FunctionPattern().Match(line);
            graph = new Graph();
            scope = new Dictionary<string, Value>(StringComparer.Ordinal);
            foreach (var input in match.Groups["inputs"].Value.Split(',', StringSplitOptions.TrimEntries)) graph.Inputs.Add(scope[input] = new Value(input));
            function = new Function(match.Groups["domain"].Value, match.Groups["op"].Value, "", graph);
            function.Opsets[""] = long.Parse(match.Groups["opset"].Value, CultureInfo.InvariantCulture);
            function.AttributeDefaults.AddRange(Attributes(match.Groups["attributes"].Value));
            Model.Functions.Add(function);
        }
    }

    [GeneratedRegex(@"^(?<name>\S+) (?<type>\w+)\[(?<dims>[^\]]*)\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ValuePattern();

    [GeneratedRegex(@"^(?<outputs>.*?) = ((?<domain>[\w.]+)::)?(?<op>\w+)\((?<inputs>[^)]*)\)(?<attributes>[^;]*)(;(?<name>.*))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CallPattern();

    [GeneratedRegex(@"(?<name>\w+)=(?<value>\[[^\]]*\]|""[^""]*""|\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex AttributePattern();

    [GeneratedRegex(@"^function (?<domain>[\w.]+)::(?<op>\w+)\((?<inputs>[^)]*)\) opset (?<opset>\d+)(?<attributes>.*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex FunctionPattern();
}
