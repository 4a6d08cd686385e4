using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Replaces each call of a model-local function by the function's body: inputs and outputs bound, attribute references filled from the call or the function's defaults,
/// nested calls inlined too. The nodes of a body are named call/inner.
/// </summary>
static class InlineFunctions
{
    /// <summary>Deeper nesting than this means that a function calls itself, which ONNX forbids.</summary>
    const int DepthLimit = 64;

    public static void Apply(PassContext context)
    {
        var model = context.Model;
        if (model.Functions.Count == 0) return;
        var functions = model.Functions.ToDictionary(f => (f.Domain, f.Name, f.Overload));
        var calls = 0;
        foreach (var graph in model.Graph.SelfAndSubgraphs().ToList()) Expand(graph, 0);
        if (calls > 0) context.Note($"{calls} function {(calls == 1 ? "call" : "calls")} inlined.");
        model.Functions.Clear();

        void Expand(Graph graph, int depth)
        {
            var nodes = new List<Node>(graph.Nodes.Count);
            foreach (var node in graph.Nodes)
            {
                if (!functions.TryGetValue((node.Domain, node.OpType, node.Overload), out var function))
                {
                    nodes.Add(node);
                    continue;
                }
                if (depth >= DepthLimit) throw new ModelException(ModelProblem.InvalidGraph, $"Function '{function.Name}' ({function.Domain}) calls itself (node '{node.Name}').");
                calls++;
                var body = Instantiate(context, node, function);
                Expand(body, depth + 1);
                foreach (var sub in body.Nodes.SelectMany(n => n.Subgraphs).SelectMany(s => s.Graph.SelfAndSubgraphs()).ToList()) Expand(sub, depth + 1);
                graph.Initializers.AddRange(body.Initializers);
                nodes.AddRange(body.Nodes);
            }
            graph.Nodes.Clear();
            graph.Nodes.AddRange(nodes);
        }
    }

    static Graph Instantiate(PassContext context, Node call, Function function)
    {
        var label = call.Name.Length > 0 ? call.Name : call.OpType;
        var absent = new HashSet<Value>();
        var map = new Dictionary<Value, Value>();
        for (var i = 0; i < function.Body.Inputs.Count; i++)
        {
            var argument = call.Input(i);
            if (argument is null) absent.Add(argument = new Value("absent"));
            map[function.Body.Inputs[i]] = argument;
        }
        var formal = map.Values.ToHashSet();
        var body = function.Body.Copy(map);
        foreach (var value in body.AllValues().Where(v => !formal.Contains(v)).Distinct()) value.Name = context.FreshName($"{label}/{value.Name}");
        foreach (var node in body.AllNodes())
        {
            node.Name = context.FreshName($"{label}/{(node.Name.Length > 0 ? node.Name : node.OpType)}");
            for (var i = 0; i < node.Inputs.Count; i++) if (node.Inputs[i] is { } v && absent.Contains(v)) node.Inputs[i] = null;
            FillReferences(node, call, function);
            if (function.Opsets.TryGetValue("", out var opset) && opset != context.SourceOpset) context.NodeOpsets[node] = opset;
        }
        BindOutputs(context, call, body);
        foreach (var (domain, version) in function.Opsets) context.Model.Opsets.TryAdd(domain, version);
        return body;
    }

    /// <summary>The call's output values take the place of the body's; an output that the body only passes on goes through an Identity.</summary>
    static void BindOutputs(PassContext context, Node call, Graph body)
    {
        var replaced = new Dictionary<Value, Value>();
        for (var i = 0; i < body.Outputs.Count; i++)
        {
            if (call.OutputAt(i) is not { } actual) continue;
            var inner = body.Outputs[i];
            call.SetOutput(i, null);
            if (inner.Producer is { } producer && body.Nodes.Contains(producer) && !replaced.ContainsKey(inner))
            {
                producer.SetOutput(producer.Outputs.ToList().IndexOf(inner), actual);
                replaced[inner] = actual;
            }
            else
            {
                body.Nodes.Add(new Node("Identity", [replaced.GetValueOrDefault(inner, inner)], [actual], name: context.FreshName($"{call.Name}/Identity")));
            }
        }
        body.ReplaceUses(replaced);
    }

    static void FillReferences(Node node, Node call, Function function)
    {
        foreach (var attribute in node.Attributes.Values.Where(a => a.Reference is not null).ToList())
        {
            var reference = attribute.Reference!;
            var given = call.Attributes.GetValueOrDefault(reference)
                ?? function.AttributeDefaults.Find(a => string.Equals(a.Name, reference, StringComparison.Ordinal));
            if (given is null) node.Attributes.Remove(attribute.Name);
            else node.Attributes[attribute.Name] = new Attribute(attribute.Name, given.Kind, given.Content) { Reference = given.Reference };
        }
    }
}
