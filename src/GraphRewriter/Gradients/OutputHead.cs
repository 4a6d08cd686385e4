using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>What turns the logits of an output into probabilities: the node, or the last node of the nodes, that a loss on logits takes the place of.</summary>
/// <param name="Kind">The loss that the head goes with: cross-entropy behind a softmax, binary cross-entropy behind a sigmoid.</param>
/// <param name="Logits">The logits.</param>
/// <param name="ClassAxis">The class axis of a softmax; -1 for a sigmoid.</param>
/// <param name="Node">The last node of the head.</param>
sealed record OutputHead(LossKind Kind, Value Logits, int ClassAxis, Node Node)
{
    /// <summary>The head of an output; null where it has none. A softmax may be written as a node or as e / Σ e with e = exp(x) (as JAX does), and copies and casts may follow it.</summary>
    public static OutputHead? Of(Value output)
    {
        while (output.Producer is { } copy && (copy.Is("Identity") || copy.Is("Cast") && copy.Inputs[0]!.IsFloat && output.IsFloat)) output = copy.Inputs[0]!;
        if (output.Producer is not { } head) return null;
        if (head.Is("Softmax") || head.Is("LogSoftmax")) return Softmax(head.Inputs[0]!, head.Int("axis", -1), head);
        if (head.Is("Sigmoid")) return new(LossKind.Bce, head.Inputs[0]!, -1, head);
        if (!head.Is("Div") || head.Inputs[0]!.Producer is not { } exponential || !exponential.Is("Exp")) return null;
        return Spread(head.Inputs[1]!).Producer is { } sum && sum.Is("ReduceSum") && sum.Inputs[0] == exponential.Output && Axes(sum) is [var axis] ? Softmax(WithoutMaximum(exponential.Inputs[0]!), axis, head) : null;
    }

    /// <summary>
    /// Whether an output may hold logits: it comes, but for its layout, scale and offset, from no operator that bounds values, from no recurrent layer and from no product or quotient of signals. What such operators
    /// give are boxes, states, embeddings, or probabilities laid out anew.
    /// </summary>
    public static bool MayBeLogits(Value output)
    {
        var seen = new HashSet<Value>();
        bool Holds(Value value)
        {
            if (!seen.Add(value) || value.Producer is not { Domain: "" } node) return true;
            if (Bounding.Contains(node.OpType)) return false;
            // The first output of a split, the chunks of a state: whatever it is taken from decides.
            if (Layouts.Contains(node.OpType)) return Holds(node.Inputs[0]!);
            if (node.Is("Concat") || node.Is("Add") || node.Is("Sub") || node.Is("Sum")) return node.Inputs.All(i => i is null || i.Data is not null || Holds(i));
            if (!node.Is("Mul") && !node.Is("Div")) return true;
            return node.Inputs[1]!.Data is not null ? Holds(node.Inputs[0]!) : node.Is("Mul") && node.Inputs[0]!.Data is not null && Holds(node.Inputs[1]!);
        }

        return Holds(output);
    }

    static readonly FrozenSet<string> Bounding = new[] { "Sigmoid", "HardSigmoid", "Tanh", "Softmax", "Softsign", "Exp", "Clip", "Sin", "Cos", "Atan", "LpNormalization", "RNN", "LSTM", "GRU" }.ToFrozenSet(StringComparer.Ordinal);

    static readonly FrozenSet<string> Layouts = new[] { "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Expand", "Gather", "Dropout", "ReduceMean" }.ToFrozenSet(StringComparer.Ordinal);

    static OutputHead? Softmax(Value logits, long axis, Node head) => logits.Shape is { } shape ? new(LossKind.CrossEntropy, logits, (int)(axis < 0 ? axis + shape.Rank : axis), head) : null;

    /// <summary>x of x - max(x): the softmax of both is the same.</summary>
    static Value WithoutMaximum(Value x)
    {
        if (x.Producer is not { } difference || !difference.Is("Sub")) return x;
        var subtrahend = Spread(difference.Inputs[1]!);
        // JAX writes max(-inf, max(x)).
        if (subtrahend.Producer is { } larger && larger.Is("Max")) subtrahend = larger.Inputs.Select(i => Spread(i!)).FirstOrDefault(i => i.Producer?.Is("ReduceMax") == true) ?? subtrahend;
        return subtrahend.Producer is { } maximum && maximum.Is("ReduceMax") && maximum.Inputs[0] == difference.Inputs[0] ? difference.Inputs[0]! : x;
    }

    /// <summary>What a value is, but for its shape.</summary>
    static Value Spread(Value value)
    {
        while (value.Producer is { } node && (node.Is("Reshape") || node.Is("Expand") || node.Is("Unsqueeze") || node.Is("Identity"))) value = node.Inputs[0]!;
        return value;
    }

    static long[] Axes(Node reduction) => reduction.Inputs.Count > 1 && reduction.Inputs[1] is { } axes ? axes.Data?.ToInt64s() ?? [] : reduction.Ints("axes") ?? [];
}
