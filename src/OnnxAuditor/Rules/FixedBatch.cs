using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN019.</summary>
static class FixedBatch
{
    public static readonly Rule Rule = new("TRN019", "FixedBatch", "The batch size is fixed in the file", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Inputs whose batch dimension is a number instead of a symbol, and graphs that compute right for that number alone.",
        WhyItMatters: """
            Training wants batches of its own size. A batch of one makes gradients noisy and batch normalisation meaningless (its variance over one sample of one position is
            zero). Where a Reshape, Expand or Slice has the number built in, feeding another batch does not fail cleanly: it may mix samples.
            """,
        HowItIsComputed: """
            From the declared inputs. Then a symbol is put in the place of the batch dimension and followed through all operators: where one mixes samples or holds the number, it is built in
            (warning; a Reshape that merely holds it is mended for the measurements here); where the symbol arrives at the outputs, only the declaration is fixed (info).
            """,
        Threshold: "None: the dimension is a number or a symbol.",
        Example: "Input `input: float32[1, 3, 224, 224]`, and behind it `Reshape(x, [1, -1])`.",
        Remedy: """
            PyTorch: `torch.onnx.export(..., dynamic_axes={"input": {0: "batch"}})`, with the dynamo exporter `dynamic_shapes={"input": {0: torch.export.Dim("batch")}}`; write `x.flatten(1)`
            instead of `x.view(1, -1)`. tf2onnx: an input signature of `tf.TensorSpec([None, 224, 224, 3])`. Paddle2ONNX: export the inference model with `InputSpec([None, 3, 224, 224])`.
            Where only the declaration is fixed: set `dim_param` instead of `dim_value` for dimension 0 of inputs and outputs; nothing else needs to change.
            """,
        WhenToIgnore: "Where the model is only run for single samples; where gradients are accumulated over passes of one sample and no layer uses batch statistics.",
        References: "ONNX, dynamic dimensions (dim_param), https://github.com/onnx/onnx/blob/main/docs/IR.md; PyTorch, torch.onnx.export"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var fixedInputs = context.Model.Graph.Inputs
            .Where(v => v.Data is null && !context.Model.Graph.Initializers.Contains(v))
            .Select(v => (Input: v, Axis: AxisOf(context, v)))
            .Where(i => i.Axis is { } axis && i.Input.Shape is { } shape && axis < shape.Rank && shape[axis].IsKnown)
            .ToList();
        if (fixedInputs.Count == 0) yield break;
        var batch = context.Canonical?.Batch;
        var reshapes = HoldingSize(context, fixedInputs[0].Input.Shape![fixedInputs[0].Axis!.Value].Size);
        var builtIn = batch is not null && (batch.Kind != BatchKind.Free || reshapes.Count > 0);
        var why = batch?.Reason is { } reason ? reason.TrimEnd('.') : reshapes.Count > 0 ? $"{Phrase.List(reshapes)} {(reshapes.Count == 1 ? "holds" : "hold")} the number (mended for this audit)" : null;
        foreach (var (input, axis) in fixedInputs)
        {
            var size = input.Shape![axis!.Value].Size;
            var message = builtIn
                ? $"The batch size {size} is part of the graph{(why is null ? "" : $": {why}")}."
                : $"The input declares a batch of {size}; {(batch is null ? "whether the graph depends on that number could not be told" : "nothing in the graph depends on that number")}.";
            yield return new Observation(input.Name, message, $"dimension {axis} = {size}", "a symbolic dimension", -size)
            {
                Severity = builtIn ? Severity.Warning : Severity.Info,
                Value = input,
                Remedy = builtIn
                    ? "Export again with a dynamic batch (PyTorch: dynamic_axes={\"" + input.Name + "\": {" + axis + ": \"batch\"}}) and without the size in Reshape or view."
                    : "Give dimension " + axis + " of inputs and outputs a name (dim_param) instead of the number; nothing else needs to change.",
            };
        }
    }

    /// <summary>The Reshape nodes of the model as read that write the size into the first dimension of data.</summary>
    static List<string> HoldingSize(RuleContext context, long size)
    {
        var view = context.View;
        var data = view.Downstream(context.Model.Graph.Inputs.Where(v => v.Data is null && !context.Model.Graph.Initializers.Contains(v)), GradientPaths.CarriesData);
        return [.. view.Graph.Nodes
            .Where(n => n.Is("Reshape") && n.Input(0) is { } x && data.Contains(x) && ModelView.ConstantOf(n.Input(1)) is { Unavailable: null, Count: >= 2 } shape && shape.ToInt64s()[0] == size)
            .Select(view.NameOf)];
    }

    /// <summary>The batch axis: what canonicalising found; without it the first axis of an input that has at least two and is a float, or the only one of its rank.</summary>
    static int? AxisOf(RuleContext context, Value input)
    {
        if (context.Canonical is { } canonical) return canonical.Batch.Axes.TryGetValue(input.Name, out var axis) ? axis : null;
        return input.Shape is { Rank: >= 2 } ? 0 : null;
    }
}
