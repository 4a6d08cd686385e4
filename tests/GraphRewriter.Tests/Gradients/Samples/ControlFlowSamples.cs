using GraphRewriter.Ir;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of operators with subgraphs. A subgraph is written line by line; a name it does not define is that of an input it captures.</summary>
static class ControlFlowSamples
{
    static readonly Domain Small = Domain.Between(-1, 1);

    internal static readonly OpSample[] All =
    [
        Scan("recurrence with a captured matrix", 1, 2, [F(2, 3).In(Small), F(4, 2, 3).In(Small), F(3, 3).In(Small).Captured()],
            Body(["state", "item"], ["next", "out"], "m = MatMul(state, x2)", "n = Add(m, item)", "next = Tanh(n)", "out = Identity(next)")),
        Scan("captured vector and two states", 1, 3, [F(3), F(3), F(5, 3), F(3).Captured()],
            Body(["a", "b", "item"], ["d", "e", "f"], "d = Mul(a, x3)", "e = Add(b, d)", "f = Mul(e, item)")),
        Scan("no state", 1, 1, [F(4, 2, 3), F(3, 2).Captured()], Body(["item"], ["out"], "m = MatMul(item, x1)", "out = Sigmoid(m)")),
        Scan("backwards along other axes", 2, 2, [F(2), F(2, 4), F(2, 4)], Body(["state", "item", "other"], ["next", "out"], "p = Mul(item, other)", "q = Add(state, p)", "next = Tanh(q)", "out = Mul(next, item)"),
            Attribute.Of("scan_input_axes", [1L, -1]), Attribute.Of("scan_input_directions", [1L, 0]), Attribute.Of("scan_output_axes", [1L]), Attribute.Of("scan_output_directions", [1L])),
        Scan("products in another spelling", 1, 1, [F(2, 3).In(Small), F(4, 2, 3).In(Small), F(3, 3).In(Small).Captured(), F(3).In(Small).Captured()],
            Body(["state", "item"], ["next"], "m = Gemm(state, x2, x3) transB alpha", "next = Add(m, item)")),
        Scan("matrix used in two ways", 1, 1, [F(2, 2).In(Small), F(3, 2, 2).In(Small), F(2, 2).In(Small).Captured()],
            Body(["state", "item"], ["next"], "m = MatMul(state, x2)", "k = Mul(m, x2)", "next = Add(k, item)")),
        Scan("state that carries no gradient out", 1, 2, [F(2), F(3, 2)], Body(["state", "item"], ["next", "out"], "next = Sign(item)", "out = Mul(item, state)")),

        Loop("counted", 1, [I([], 4), B([], 1), F(3).In(Small), F(3).In(Small).Captured()],
            Body(["count", "go", "state"], ["on", "next"], "on = Identity(go)", "k = Mul(state, x3)", "next = Sin(k)")),
        Loop("stacked", 2, [I([], 3), B([], 1), F(2, 2).In(Small), F(2, 2).In(Small).Captured()],
            Body(["count", "go", "state"], ["on", "next", "out"], "on = Identity(go)", "next = MatMul(state, x3)", "out = Mul(next, next)")),
        Loop("rows by number", 1, [I([], 3), B([], 1), F(2), F(3, 2).Captured()],
            Body(["count", "go", "state"], ["on", "next"], "on = Identity(go)", "row = Gather(x3, count)", "next = Mul(state, row)")),
        Loop("ended by its condition", 2, [I([], 100), B([], 1), V([1], 1), V([1], 1.5).Captured(), V([1], 6).NoGradient().Captured()],
            Body(["count", "go", "state"], ["on", "next", "out"], "next = Mul(state, x3)", "less = Less(next, x4)", "on = Squeeze(less)", "out = Mul(next, x3)")) with { StaticOnly = "the condition is squeezed to a scalar, whose rank is known of static shapes alone" },
        Loop("linear", 1, [I([], 3), B([], 1), F(2), F(2).Captured()], Body(["count", "go", "state"], ["on", "next"], "on = Identity(go)", "next = Add(state, x3)")),

        If("taken", true, [F(2, 3).Captured(), F(3).Captured()], Body([], ["p"], "p = Mul(x1, x2)"), Body([], ["q"], "q = Sub(x1, x2)")),
        If("not taken", false, [F(2, 3).Captured(), F(3).Captured()], Body([], ["p"], "p = Mul(x1, x2)"), Body([], ["s"], "q = Sub(x1, x2)", "s = Sin(q)")),
        If("value of the other branch", true, [F(2, 3).Captured(), F(2, 3).Captured()], Body([], ["p"], "p = Exp(x1)"), Body([], ["q"], "q = Mul(x2, x1)")),
        If("two outputs", false, [F(2).Captured(), F(2).Captured()], Body([], ["p", "o"], "p = Exp(x1)", "o = Mul(p, x2)"), Body([], ["q", "r"], "q = Mul(x2, x1)", "r = Cos(q)"), outputs: 2),
    ];

    static OpSample Scan(string name, long scanned, int outputs, SampleInput[] inputs, Graph body, params Attribute[] attributes) =>
        new("Scan", name, inputs, [Attribute.Of("body", body), Attribute.Of("num_scan_inputs", scanned), .. attributes], Outputs: outputs);

    static OpSample Loop(string name, int outputs, SampleInput[] inputs, Graph body) => new("Loop", name, inputs, [Attribute.Of("body", body)], Outputs: outputs);

    static OpSample If(string name, bool condition, SampleInput[] captured, Graph yes, Graph no, int outputs = 1) =>
        new("If", name, [B([], condition ? 1 : 0), .. captured], [Attribute.Of("then_branch", yes), Attribute.Of("else_branch", no)], Outputs: outputs);

    /// <summary>A subgraph of nodes with one output each, one to a line.</summary>
    static Graph Body(string[] inputs, string[] outputs, params string[] lines)
    {
        var graph = new Graph { Name = "body" };
        var values = inputs.ToDictionary(i => i, i => new Value(i), StringComparer.Ordinal);
        Value Named(string name) => values.TryGetValue(name, out var known) ? known : values[name] = new Value(name);
        graph.Inputs.AddRange(inputs.Select(Named));
        foreach (var line in lines)
        {
            var parts = line.Split([' ', '=', '(', ')', ','], StringSplitOptions.RemoveEmptyEntries);
            var (names, flags) = (parts[2..].Where(p => p is not ("transB" or "alpha")), parts.Where(p => p is "transB" or "alpha"));
            graph.Nodes.Add(new Node(parts[1], names.Select(Named), [Named(parts[0])], flags.Select(f => f is "alpha" ? Attribute.Of(f, 0.5f) : Attribute.Of(f, 1L)), "", parts[0] + "_node"));
        }
        graph.Outputs.AddRange(outputs.Select(Named));
        return graph;
    }
}
