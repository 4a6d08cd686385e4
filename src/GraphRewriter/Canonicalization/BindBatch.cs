using System.Globalization;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Finds the dimension that counts samples and binds it. Where the file fixes it, another size is bound only where <see cref="BatchProof"/> finds that samples stay apart.
/// </summary>
static partial class BindBatch
{
    /// <summary>Binds the batch of the graph's inputs.</summary>
    /// <param name="context">The model.</param>
    /// <param name="declared">The inputs' shapes in the file; the user may have put symbols in the place of sizes since.</param>
    public static BatchBinding Apply(PassContext context, IReadOnlyDictionary<Value, Shape?> declared)
    {
        var graph = context.Model.Graph;
        var given = graph.Inputs.ToDictionary(v => v, v => v.Shape);
        foreach (var input in graph.Inputs) input.Shape = SizesOf(declared[input], input.Shape);
        var axes = FindAxes(graph, out var size);
        foreach (var (input, shape) in given) input.Shape = size >= 0 && axes.TryGetValue(input, out var axis) ? shape!.With(axis, size) : shape;
        if (axes.Count == 0) return new BatchBinding(BatchKind.None, 1, Named(axes), "no input dimension counts samples");
        if (size < 0) return BindFree(context, axes);
        return BindFixed(context, axes, size, axes.Select(a => given[a.Key]![a.Value]).FirstOrDefault(d => !d.IsKnown, size));
    }

    /// <summary>The user's shape with the file's sizes where it has symbols, but where a symbol says that it counts something else than samples.</summary>
    static Shape? SizesOf(Shape? declared, Shape? given) =>
        declared is null || given is null ? given : new Shape(given.Zip(declared, (g, d) => g.IsKnown || !d.IsKnown || NotABatch().IsMatch(g.Symbol ?? "") ? g : d));

    /// <summary>Another size than the file's, or a symbol that the user gives, is bound where the proof allows it.</summary>
    static BatchBinding BindFixed(PassContext context, Dictionary<Value, int> axes, long size, Dim given)
    {
        var graph = context.Model.Graph;
        var wanted = context.Options.Batch ?? given;
        // The proof changes what holds the old size; it is tried on a copy first.
        var map = new Dictionary<Value, Value>();
        var trial = graph.Copy(map);
        var reason = new BatchProof(context, trial, axes.ToDictionary(a => map[a.Key], a => a.Value), size).Run(out var repairs);
        if (reason is not null)
        {
            context.Note(string.Create(CultureInfo.InvariantCulture, $"The batch size is fixed at {size}: {reason}."));
            return new BatchBinding(BatchKind.Fixed, size, Named(axes), reason);
        }
        if (wanted == size) return new BatchBinding(BatchKind.Free, size, Named(axes));
        new BatchProof(context, graph, axes, size).Run(out _);
        foreach (var (input, axis) in axes) input.Shape = input.Shape!.With(axis, wanted);
        context.Note(string.Create(CultureInfo.InvariantCulture, $"The batch size {size} of the file is {(wanted.IsKnown ? $"bound to {wanted}" : $"dynamic: {wanted}")}{(repairs > 0 ? $"; {repairs} nodes that held it are rewritten" : "")}."));
        return new BatchBinding(BatchKind.Free, wanted.Size, Named(axes));
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

    [GeneratedRegex("seq|len|time|height|width|bytes|points|tokens|samples|frames", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotABatch();

    [GeneratedRegex("^(n|b|bs|.*batch.*)$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex LooksLikeBatch();
}
