using System.Globalization;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Finds the dimension that counts samples and binds it. Where the file fixes it, another size is allowed only where a symbol put in its place comes through every
/// operator on its own axis, so that no operator mixes samples; Reshape constants that hold the old size are rewritten on the way.
/// </summary>
static partial class BindBatch
{
    /// <summary>The symbol that stands for the batch size during the proof; no file can hold it, as symbols are identifiers.</summary>
    const string Symbol = "#batch";

    public static BatchBinding Apply(PassContext context)
    {
        var graph = context.Model.Graph;
        var axes = FindAxes(graph, out var size);
        if (axes.Count == 0) return new BatchBinding(BatchKind.None, 1, Named(axes), "no input dimension counts samples");
        if (size < 0) return BindFree(context, axes);

        var wanted = context.Options.Batch ?? size;
        var shapes = axes.Keys.ToDictionary(v => v, v => v.Shape!);
        foreach (var (input, axis) in axes) input.Shape = shapes[input].With(axis, new Dim(-1, Symbol));
        var reshapes = new Dictionary<Node, Value?>();
        var reason = Prove(context, size, reshapes);
        if (reason is not null || wanted == size) Undo(reshapes);
        foreach (var (input, axis) in axes) input.Shape = shapes[input].With(axis, reason is null ? wanted : size);
        if (reason is not null)
        {
            context.Note(string.Create(CultureInfo.InvariantCulture, $"The batch size is fixed at {size}: {reason}."));
            return new BatchBinding(BatchKind.Fixed, size, Named(axes), reason);
        }
        if (wanted != size) context.Note(string.Create(CultureInfo.InvariantCulture, $"The batch size {size} of the file is bound to {wanted}{(reshapes.Count > 0 ? $"; {reshapes.Count} Reshape constants that held it are rewritten" : "")}."));
        return new BatchBinding(BatchKind.Free, wanted, Named(axes));
    }

    static BatchBinding BindFree(PassContext context, Dictionary<Value, int> axes)
    {
        // A symbol that the user writes stays one, unless a batch size is asked for.
        var chosen = axes.Keys.Any(v => context.Options.InputShapes.ContainsKey(v.Name));
        if ((context.Options.KeepDynamic || chosen) && context.Options.Batch is null) return new BatchBinding(BatchKind.Free, -1, Named(axes));
        var wanted = context.Options.Batch ?? CanonicalOptions.DefaultBatch;
        foreach (var (input, axis) in axes) input.Shape = input.Shape!.With(axis, wanted);
        return new BatchBinding(BatchKind.Free, wanted, Named(axes));
    }

    static Dictionary<string, int> Named(Dictionary<Value, int> axes) => axes.ToDictionary(a => a.Key.Name, a => a.Value, StringComparer.Ordinal);

    /// <summary>The batch axis of each input that has one, and its size (-1 where it is free).</summary>
    static Dictionary<Value, int> FindAxes(Graph graph, out long size)
    {
        var axes = new Dictionary<Value, int>();
        size = -1;
        var tensors = graph.Inputs.Where(v => v.Shape is { Rank: >= 1 }).ToList();
        var first = tensors.Find(v => v.Rank >= 2 && !NotABatch().IsMatch(v.Shape![0].Symbol ?? "")) ?? tensors.Find(v => LooksLikeBatch().IsMatch(v.Shape![0].Symbol ?? ""));
        if (first is null) return axes;
        var batch = first.Shape![0];
        size = batch.Size;
        foreach (var input in tensors)
        {
            var shape = input.Shape!;
            var axis = Enumerable.Range(0, shape.Rank).FirstOrDefault(i => batch.IsKnown ? shape[i].Size == batch.Size && i < 2 && shape.Rank >= 2 : Same(shape[i], batch), -1);
            // A free first dimension under another symbol is the batch all the same: exporters number their symbols.
            if (axis < 0 && !batch.IsKnown && !shape[0].IsKnown && shape.Rank >= 2) axis = 0;
            // States are [layers, batch, width].
            if (axis < 0 && !batch.IsKnown && shape.Rank >= 2 && shape.Count(d => !d.IsKnown) == 1 && !shape[1].IsKnown) axis = 1;
            if (axis >= 0) axes[input] = axis;
        }
        return axes;
    }

    static bool Same(Dim a, Dim b) => !a.IsKnown && a.Symbol is not null && string.Equals(a.Symbol, b.Symbol, StringComparison.Ordinal);

    /// <summary>Returns why samples may not be told apart, or null. Reshape constants are rewritten as needed; the old ones are in <paramref name="rewritten"/>.</summary>
    static string? Prove(PassContext context, long size, Dictionary<Node, Value?> rewritten)
    {
        var graph = context.Model.Graph;
        var tape = context.NewTape();
        var failure = "";
        // Each round repairs the first Reshape that loses the symbol; inference then sees further.
        for (var round = 0; round <= graph.Nodes.Count; round++)
        {
            var trouble = InferenceTrial.Run(graph);
            failure = FirstMixing(graph, size, out var culprit);
            if (failure is null) return trouble is null ? null : trouble.TrimEnd('.');
            if (culprit is not { OpType: "Reshape" } || rewritten.ContainsKey(culprit) || !RepairReshape(culprit, size, tape, rewritten)) return failure;
            graph.Initializers.AddRange(tape.Constants);
            tape.Constants.Clear();
        }
        return failure;
    }

    /// <summary>The first node that takes the batch symbol and does not give it on, on one axis of each output.</summary>
    static string? FirstMixing(Graph graph, long size, out Node? culprit)
    {
        foreach (var node in graph.Nodes)
        {
            culprit = node;
            var carriers = node.Inputs.Where(i => i is not null && BatchAxis(i) >= 0).ToList();
            if (carriers.Count == 0 || node.OpType is "Shape" or "Size") continue;
            if (node.Subgraphs.Any()) return $"{node.OpType} '{node.LogicalName}' takes it into a subgraph";
            foreach (var output in node.Outputs)
            {
                if (output is null) continue;
                var axis = BatchAxis(output);
                if (axis < 0) return $"{node.OpType} '{node.LogicalName}' does not keep samples apart";
                if (WorksAlong(node, axis, output.Rank)) return $"{node.OpType} '{node.LogicalName}' works along the axis of the samples";
            }
        }
        culprit = null;
        foreach (var output in graph.Outputs) if (output.Shape is not null && BatchAxis(output) < 0) return $"output '{output.Name}' does not count samples";
        return null;
    }

    /// <summary>The only axis whose size is the batch symbol; -1 where there is none or more than one.</summary>
    static int BatchAxis(Value value)
    {
        if (value.Shape is not { } shape) return -1;
        var found = -1;
        for (var i = 0; i < shape.Rank; i++)
        {
            if (!string.Equals(shape[i].Symbol, Symbol, StringComparison.Ordinal)) continue;
            if (found >= 0) return -1;
            found = i;
        }
        return found;
    }

    static bool WorksAlong(Node node, int axis, int rank)
    {
        long Normal(long a) => a < 0 ? a + rank : a;
        return node.OpType switch
        {
            "Softmax" or "LogSoftmax" or "Hardmax" or "LpNormalization" => Normal(node.Int("axis", -1)) == axis,
            "LayerNormalization" => Normal(node.Int("axis", -1)) <= axis,
            "CumSum" => node.Input(1)?.Constant is not { Count: 1 } a || Normal(a.ToInt64s()[0]) == axis,
            "Slice" => node.Input(4) is not null && (node.Inputs[4]!.Constant is not { } steps || Array.Exists(steps.ToInt64s(), s => s < 0)),
            "BatchNormalization" => node.Int("training_mode") != 0 && axis != 0,
            _ => false,
        };
    }

    /// <summary>
    /// A constant target whose first number is the old batch size, for an input that counts samples on axis 0, each with as many elements as the rest of the target:
    /// sample by sample the Reshape is the same with that number copied from the input.
    /// </summary>
    static bool RepairReshape(Node node, long size, Emission.Tape tape, Dictionary<Node, Value?> rewritten)
    {
        if (node.Int("allowzero") != 0 || node.Inputs[0]?.Shape is not { } from || BatchAxis(node.Inputs[0]!) != 0 || node.Input(1)?.Constant is not { Unavailable: null } target) return false;
        var dims = target.ToInt64s();
        if (dims.Length == 0 || dims[0] != size) return false;
        var perSample = new Shape(from.Skip(1)).ElementCount;
        if (perSample < 0) return false;
        var rest = 1L;
        var open = false;
        for (var i = 1; i < dims.Length; i++)
        {
            if (dims[i] == -1) open = true;
            else rest *= dims[i] == 0 ? from[i].Size : dims[i];
        }
        if (rest <= 0 || (open ? perSample % rest != 0 : rest != perSample)) return false;
        dims[0] = 0;
        rewritten[node] = node.Inputs[1];
        node.Inputs[1] = tape.Ints(dims);
        return true;
    }

    static void Undo(Dictionary<Node, Value?> rewritten)
    {
        foreach (var (node, shape) in rewritten) node.Inputs[1] = shape;
        rewritten.Clear();
    }

    [GeneratedRegex("seq|len|time|height|width|bytes|points|tokens|samples|frames", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotABatch();

    [GeneratedRegex("^(n|b|bs|.*batch.*)$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LooksLikeBatch();
}
