using System.Globalization;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN020.</summary>
static class HardCodedSize
{
    const string Symbol = "size";

    /// <summary>The first spatial size that is no channel count of an image.</summary>
    const long SmallestImageSide = 16;

    public static readonly Rule Rule = new("TRN020", "HardCodedSize", "An image size or a sequence length is written into the graph", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Operators that hold the height, width or length of an input as a number: Reshape, Expand, Resize to a constant, and tables of positions that are added.",
        WhyItMatters: """
            Training wants other sizes than the one that was exported: crops, several scales, longer texts. A Reshape that holds the size fails on them, or, where the elements happen to fit, mixes positions without a word. A Resize to a
            constant undoes the change. A table of positions ends where it ends.
            """,
        HowItIsComputed: """
            Shapes are inferred twice on a copy of the model as read: once with all inputs at the sizes that the file declares or that were chosen for this audit, once with one dimension a symbol. Looked at are dimensions other than
            the batch that the file leaves open, and, of inputs of four dimensions, those of at least 16. A node holds the size where what goes into it depends on the symbol and what comes out does not, as all its sizes are constants; or
            where inference finds that the symbol cannot be there. Flattening in front of a fully connected layer is left out: there the weights decide, not the export; so are global pooling and reductions.
            1. The file declares the dimension as open, but the graph holds a number: warning.
            2. The file declares the number, and the graph holds it: info. Where the declaration alone holds it, nothing is said.
            """,
        Threshold: "None: the number is in the graph or it is not.",
        Example: "Input `x: float32[batch, 3, height, width]`, and behind it `Reshape(x, [0, 64, 3136])` for a map of 56 × 56.",
        Remedy: """
            PyTorch: compute sizes from tensors, not from numbers (`x.flatten(2)`, `x.shape[-1]` inside the traced function, no `int()` or `.item()`), `F.interpolate(x, scale_factor=2)` in the place of `size=`, and export with
            `dynamic_axes={"x": {2: "height", 3: "width"}}` (dynamo: `dynamic_shapes`). tf2onnx: an input signature with `None` for these dimensions. Interpolate a table of positions to the new length.
            """,
        WhenToIgnore: "Where the network is only ever trained at the exported size.",
        References: "PyTorch, torch.onnx.export (dynamic_axes, dynamic_shapes); ONNX, dimension variables, https://github.com/onnx/onnx/blob/main/docs/IR.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Canonical is not { StructureOnly: false } canonical) yield break;
        var bound = canonical.Inputs.Where(i => i.Bound is { IsStatic: true }).ToDictionary(i => i.Name, i => i.Bound!, StringComparer.Ordinal);
        if (Shapes(context.Model, bound, null) is not { Conflict: null } reference) yield break;
        foreach (var input in canonical.Inputs.Where(i => bound.ContainsKey(i.Name) && i.Content is null))
        {
            var batch = canonical.Batch.Axes.GetValueOrDefault(input.Name, -1);
            foreach (var axis in Enumerable.Range(0, input.Bound!.Rank).Where(a => a != batch && IsCandidate(input.Declared, input.Bound, a)))
            {
                if (Shapes(context.Model, bound, (input.Name, axis)) is not { } open) continue;
                foreach (var node in Holders(context.View, reference, open)) yield return Describe(context, input.Name, axis, input.Bound[axis].Size, node, isOpen: input.Declared is not { } declared || !declared[axis].IsKnown);
            }
        }
    }

    static bool IsCandidate(Shape? declared, Shape bound, int axis) => declared is { } shape && !shape[axis].IsKnown || bound.Rank == 4 && bound[axis].Size >= SmallestImageSide;

    /// <summary>What inference says of one binding of the inputs.</summary>
    /// <param name="Of">Shapes by value name.</param>
    /// <param name="Conflict">The name of the first node where the sizes cannot belong together; null for none.</param>
    sealed record Inferred(Dictionary<string, Shape?> Of, string? Conflict);

    /// <summary>Infers the shapes of a copy of the model with its inputs bound, and one of their dimensions left open.</summary>
    static Inferred Shapes(Model model, Dictionary<string, Shape> bound, (string Input, int Axis)? open)
    {
        var graph = model.Copy().Graph;
        foreach (var input in graph.Inputs)
        {
            if (!bound.TryGetValue(input.Name, out var shape)) continue;
            input.Shape = open is var (name, axis) && string.Equals(name, input.Name, StringComparison.Ordinal) ? shape.With(axis, new Dim(-1, Symbol)) : shape;
        }
        ShapeInference.Forget(graph);
        string? conflict = null;
        foreach (var node in graph.Nodes)
        {
            try
            {
                ShapeInference.Infer(node);
            }
            catch (ModelException)
            {
                // The question is which node it is; its message tells of a copy that no one sees.
                conflict = node.OutputAt(0)?.Name;
                break;
            }
        }
        var shapes = new Dictionary<string, Shape?>(StringComparer.Ordinal);
        foreach (var input in graph.Inputs) shapes[input.Name] = input.Shape;
        foreach (var output in graph.Nodes.SelectMany(n => n.Outputs).OfType<Value>()) shapes[output.Name] = output.Shape;
        return new Inferred(shapes, conflict);
    }

    static IEnumerable<Node> Holders(ModelView view, Inferred reference, Inferred open)
    {
        bool DependsOnSize(Value? value) => value is { Data: null } && open.Of.GetValueOrDefault(value.Name) is { IsStatic: false } && reference.Of.GetValueOrDefault(value.Name) is { IsStatic: true };
        foreach (var node in view.Graph.Nodes)
        {
            if (node.OutputAt(0) is not { } output) continue;
            if (string.Equals(output.Name, open.Conflict, StringComparison.Ordinal))
            {
                if (MayHold(node) && DependsOnSize(node.Input(0))) yield return node;
                yield break;
            }
            if (!MayHold(node) || open.Of.GetValueOrDefault(output.Name) is not { IsStatic: true } || !node.Inputs.Any(DependsOnSize)) continue;
            if (node.OpType is "Reshape" && view.UsesOf(output).All(u => u.Node.OpType is "Gemm" or "MatMul")) continue;
            yield return node;
        }
    }

    static bool MayHold(Node node) => node.Domain.Length == 0 && node.OpType switch
    {
        "Reshape" or "Expand" => ModelView.ConstantOf(node.Input(1)) is not null,
        "Resize" or "Upsample" => ModelView.ConstantOf(node.Input(3)) is { Count: > 0 },
        "Add" => node.Inputs.Any(i => ModelView.ConstantOf(i) is { Count: > 1 }),
        _ => false,
    };

    static Observation Describe(RuleContext context, string input, int axis, long size, Node node, bool isOpen)
    {
        var what = node.OpType == "Add" ? "a table of constant length is added" : $"{node.OpType} has constant sizes";
        var declares = isOpen ? $"The file leaves dimension {axis} of {input} open" : $"Dimension {axis} of {input} is {size}";
        return new Observation(
            context.View.NameOf(node), string.Create(CultureInfo.InvariantCulture, $"{declares}, {(isOpen ? "but" : "and")} {what} that fit one size alone."), $"{node.OpType} holds the size", "sizes computed from the input")
        {
            Severity = isOpen ? Severity.Warning : Severity.Info,
            Confidence = Confidence.Likely,
            Node = node,
            Remedy = "Compute the size from the tensor in the model's code (flatten, shape, scale_factor) and export with dynamic axes; interpolate tables of positions.",
        };
    }
}
