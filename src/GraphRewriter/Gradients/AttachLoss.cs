using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>The loss that gradients start from.</summary>
public enum LossKind
{
    /// <summary>By the head: cross-entropy for logits, binary cross-entropy behind a sigmoid, else (boxes, states, embeddings, images) mean squared error.</summary>
    Auto,
    /// <summary>Mean cross-entropy over the class axis.</summary>
    CrossEntropy,
    /// <summary>Mean squared error.</summary>
    Mse,
    /// <summary>Mean binary cross-entropy with logits.</summary>
    Bce,
    /// <summary>The sum of all outputs.</summary>
    Sum,
}

/// <summary>A scalar loss in the graph.</summary>
/// <param name="Loss">The loss: the sum of its terms.</param>
/// <param name="Terms">One term an output.</param>
public sealed record AttachedLoss(Value Loss, IReadOnlyList<LossTerm> Terms);

/// <summary>The loss of one output.</summary>
/// <param name="Output">The output as the model has it.</param>
/// <param name="AttachedTo">The tensor that the loss is computed from: the output itself, or the logits in front of a stripped head.</param>
/// <param name="Kind">The loss, never <see cref="LossKind.Auto"/>.</param>
/// <param name="ClassAxis">The class axis of a cross-entropy; -1 otherwise.</param>
/// <param name="Target">
/// The graph input added for the target: int64 classes (the shape of the logits without the class axis) for a cross-entropy, floats of the shape of
/// <paramref name="AttachedTo"/> otherwise; null for <see cref="LossKind.Sum"/>.
/// </param>
/// <param name="Loss">The term, a scalar.</param>
/// <param name="Stripped">The head node that the loss takes the place of; null for none.</param>
public sealed record LossTerm(Value Output, Value AttachedTo, LossKind Kind, int ClassAxis, Value? Target, Value Loss, Node? Stripped);

/// <summary>
/// Attaches a loss to a graph's outputs. A final softmax or sigmoid (<see cref="OutputHead"/>) is stripped, as the losses take logits: differentiating a logarithm
/// of probabilities loses the small ones.
/// </summary>
public static class AttachLoss
{
    /// <summary>Emits a loss over float outputs; the targets become inputs of the graph.</summary>
    /// <param name="graph">The graph; shapes are inferred. The emitted nodes are appended to it.</param>
    /// <param name="outputs">The outputs to attach to; null for all float outputs.</param>
    /// <param name="kind">The loss.</param>
    /// <param name="names">The names taken in the graph; null to collect them.</param>
    /// <exception cref="ModelException">No output is a float tensor of known rank, or the loss asked for does not fit an output.</exception>
    public static AttachedLoss Run(Graph graph, IReadOnlyCollection<Value>? outputs = null, LossKind kind = LossKind.Auto, NameScope? names = null)
    {
        var chosen = graph.Outputs.Where(o => o.IsFloat && o.Shape is not null && outputs?.Contains(o) != false).Distinct().ToList();
        if (chosen.Count == 0) throw new ModelException(ModelProblem.Unsupported, "No output is a float tensor of known rank, so there is nothing to attach a loss to.");
        var tape = new Tape(names ?? new NameScope(graph)) { Prefix = "loss/", Widens = true };
        // A detector scores its boxes in one output and places them in another.
        var scored = graph.Outputs.Where(o => OutputHead.Of(o) is not null && o.Rank == 3).Select(o => o.Shape!.Take(2).ToArray()).ToList();
        bool StandsBesideScores(Value o) => o.Rank == 3 && OutputHead.Of(o) is null && scored.Exists(s => s.SequenceEqual(o.Shape!.Take(2)));
        var terms = chosen.ConvertAll(o => Term(tape, o, kind == LossKind.Auto && StandsBesideScores(o) ? LossKind.Mse : kind, chosen.Count > 1));
        var type = terms[0].Loss.Type;
        var loss = terms.Count == 1 ? terms[0].Loss : tape.Op("Sum", [.. terms.Select(term => tape.Cast(term.Loss, type))]);
        tape.AppendTo(graph);
        foreach (var term in terms) if (term.Target is { } target) graph.Inputs.Add(target);
        return new AttachedLoss(loss, terms);
    }

    static LossTerm Term(Tape t, Value output, LossKind asked, bool several)
    {
        var (kind, x, axis, stripped) = Choose(output, asked);
        var name = t.FreshName(several ? $"target/{output.Name}" : "target");
        var target = kind switch
        {
            LossKind.Sum => null,
            LossKind.CrossEntropy => new Value(name, ElementType.Int64, new Shape(x.Shape!.Where((_, i) => i != axis))),
            _ => new Value(name, x.Type, x.Shape),
        };
        var loss = kind switch
        {
            LossKind.CrossEntropy => CrossEntropy(t, x, target!, axis),
            // ln(1 + e^x) - x * target: the logarithm of the sigmoid without its overflow.
            LossKind.Bce => t.ReduceAll("ReduceMean", t.Sub(t.Softplus(x), t.Mul(x, target!))),
            LossKind.Mse => t.ReduceAll("ReduceMean", t.Square(t.Sub(x, target!))),
            _ => t.ReduceAll("ReduceSum", x),
        };
        return new LossTerm(output, x, kind, axis, target, loss, stripped);
    }

    /// <summary>Mean over all positions of -log softmax(x)[target].</summary>
    static Value CrossEntropy(Tape t, Value x, Value target, int axis)
    {
        var logp = t.Op("LogSoftmax", [Attribute.Of("axis", (long)axis)], x);
        var classes = t.Op("Squeeze", t.DimOf(x, axis), t.Ints(0));
        // Zeros and ones are exact in float32, the one float type that ONNX Runtime makes them in.
        var oneHot = t.CastLike(t.Op("OneHot", [Attribute.Of("axis", (long)axis)], target, classes, t.Numbers(ElementType.Float32, [2], [0, 1])), x);
        var axes = Enumerable.Range(0, x.Rank).Where(i => i != axis).Select(i => (long)i).ToArray();
        return t.Neg(t.Div(t.ReduceAll("ReduceSum", t.Mul(logp, oneHot)), t.CountOf(x, axes, x)));
    }

    static (LossKind Kind, Value X, int Axis, Node? Stripped) Choose(Value output, LossKind asked)
    {
        if (OutputHead.Of(output) is { } head && (asked == LossKind.Auto || asked == head.Kind)) return (head.Kind, head.Logits, head.ClassAxis, head.Node);
        var rank = output.Rank;
        var isLogits = rank is 2 or 3 && output.Shape![-1].Size != 1 && OutputHead.MayBeLogits(output);
        return asked switch
        {
            LossKind.Auto => isLogits ? (LossKind.CrossEntropy, output, rank - 1, null) : (LossKind.Mse, output, -1, null),
            LossKind.CrossEntropy when rank == 0 => throw new ModelException(ModelProblem.Unsupported, $"The output '{output.Name}' is a scalar: it has no class axis for a cross-entropy."),
            // Images [N, C, H, W] have their classes on axis 1, sequences and vectors on the last.
            LossKind.CrossEntropy => (asked, output, rank > 3 ? 1 : rank - 1, null),
            _ => (asked, output, -1, null),
        };
    }
}
