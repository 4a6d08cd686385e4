using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>One direction of a recurrent layer, its weights cut out and turned for products from the right.</summary>
/// <param name="Hidden">The number of hidden units.</param>
/// <param name="InputWeight">[features, gates * hidden].</param>
/// <param name="HiddenWeight">[hidden, gates * hidden].</param>
/// <param name="InputBias">[gates * hidden]; null where there is none.</param>
/// <param name="HiddenBias">[gates * hidden]; null where there is none.</param>
/// <param name="Peepholes">[3 * hidden]; null where there are none.</param>
/// <param name="Activations">The activation functions.</param>
/// <param name="Clip">Clips what goes into an activation.</param>
/// <param name="Trace">Takes down where the body uses weights; null for nothing.</param>
sealed record RecurrentDirection(
    long Hidden, Value InputWeight, Value HiddenWeight, Value? InputBias, Value? HiddenBias, Value? Peepholes,
    IReadOnlyList<RecurrentActivation> Activations, Func<Tape, Value, Value> Clip, RecurrentTrace? Trace)
{
    /// <summary>The product of states, or of something made of them, with a part of the hidden weight; parts are used in the order of their columns.</summary>
    public Value Multiply(Tape b, Value rows, Value weight) => Trace is null ? b.MatMul(rows, weight) : Trace.Product(b, rows, b.MatMul(rows, weight));

    /// <summary>What a peephole adds to a gate: 0 the input's, 1 the output's, 2 the forget gate's.</summary>
    public Value Peep(Tape b, int index, Value weight, Value cell) => Trace is null ? b.Mul(weight, cell) : Trace.Peephole(b, index, cell, b.Mul(weight, cell));

    /// <summary>An activation function of something clipped.</summary>
    public Value Activate(Tape t, int function, Value x) => Activations[function].Emit(t, Clip(t, x));
}

/// <summary>What tells one recurrent operator from another.</summary>
interface IRecurrentCell
{
    /// <summary>How many gates the weights hold.</summary>
    int Gates { get; }

    /// <summary>How many states are carried; the first is the hidden state.</summary>
    int States { get; }

    /// <summary>The activation functions of one direction where the node names none.</summary>
    IReadOnlyList<string> DefaultActivations { get; }

    /// <summary>Emits what is the same in all steps; the function returned makes the next states, in the body, from the projected input and the states.</summary>
    /// <param name="t">Where the Scan goes.</param>
    /// <param name="direction">The direction.</param>
    Func<Tape, Value, Value[], Value[]> Prepare(Tape t, RecurrentDirection direction);

    /// <summary>The part of the hidden bias that can be added to the input's for all steps at once.</summary>
    Value AddHiddenBias(Tape t, RecurrentDirection direction, Value bias);
}

/// <summary>Spells a recurrent layer out as one Scan per direction.</summary>
sealed class RecurrentLayer
{
    readonly Tape t;
    readonly Node n;
    readonly IRecurrentCell cell;
    readonly Value x;
    readonly long hidden;
    readonly Dim batch;
    readonly Value batchSize;
    readonly bool isBothWays;
    readonly Dictionary<Value, IReadOnlyList<Value>> parts = [];
    readonly List<RecurrentTrace>? traces;

    /// <summary>Reads a node.</summary>
    /// <param name="tape">Where to emit.</param>
    /// <param name="node">The node.</param>
    /// <param name="cell">What its operator computes in a step.</param>
    /// <param name="traces">Filled with one trace a direction; null for none.</param>
    public RecurrentLayer(Tape tape, Node node, IRecurrentCell cell, List<RecurrentTrace>? traces = null)
    {
        this.traces = traces;
        (t, n, this.cell, x) = (tape, node, cell, node.Inputs[0]!);
        if (n.Int("layout") != 0 || x.Rank != 3) throw new ModelException(ModelProblem.Unsupported, $"{n} has not the form [steps, batch, features] that canonical graphs have.");
        hidden = n.Has("hidden_size") ? n.Int("hidden_size") : n.Inputs[2]!.Shape is { Rank: 3 } s && s[2].IsKnown ? s[2].Size
            : throw new ModelException(ModelProblem.Unsupported, $"The number of hidden units of {n} is not known.");
        isBothWays = n.String("direction", "forward") == "bidirectional";
        batchSize = t.DimOf(x, 1);
        // A symbol makes plain inside the Scan that states and slices have one batch size, known or not.
        batch = x.Shape![1] is { IsKnown: false, Symbol: null } ? new Dim(-1, t.FreshName("batch")) : x.Shape[1];
    }

    /// <summary>Emits the layer and returns the outputs that the node has: Y, Y_h and, for an LSTM, Y_c.</summary>
    public IReadOnlyList<Value> Emit()
    {
        var mask = n.Input(4) is { } lengths ? Mask(lengths) : null;
        var runs = isBothWays ? new[] { Run(0, false, mask), Run(1, true, mask) } : [Run(0, n.String("direction", "forward") == "reverse", mask)];
        var outputs = new List<Value> { t.Concat(1, [.. runs.Select(r => t.Unsqueeze(r.Outputs, 1))]) };
        for (var k = 0; k < cell.States; k++) outputs.Add(t.Concat(0, [.. runs.Select(r => t.Unsqueeze(r.Finals[k], 0))]));
        return outputs;
    }

    /// <summary>[steps, batch, 1]: whether a sequence has the step.</summary>
    Value Mask(Value lengths) => t.Less(t.Reshape(t.Counting(t.DimOf(x, 0)), -1, 1, 1), t.Reshape(t.Cast(lengths, ElementType.Int64), 1, -1, 1));

    (Value Outputs, Value[] Finals) Run(int index, bool backwards, Value? mask)
    {
        var scan = new ScanBuilder(t);
        var direction = Direction(index, traces is null ? null : new RecurrentTrace(t, scan, x, backwards));
        var projected = t.MatMul(x, direction.InputWeight);
        if (direction.InputBias is { } bias) projected = t.Add(projected, cell.AddHiddenBias(t, direction, bias));
        projected.Shape = new Shape(x.Shape![0], batch, cell.Gates * hidden);
        if (direction.Trace is { } trace)
        {
            trace.Projected = projected;
            traces!.Add(trace);
        }
        var step = cell.Prepare(t, direction);

        var states = Enumerable.Range(0, cell.States).Select(k => scan.Carry(Initial(5 + k, index))).ToArray();
        var slice = scan.Over(projected, 0, backwards);
        var isThere = mask is null ? null : scan.Over(mask, 0, backwards);
        var next = step(scan.Body, slice, states);
        // Past the end of its sequence a sample keeps its states and puts out zeros.
        for (var k = 0; k < states.Length; k++) scan.Next(states[k], isThere is null ? next[k] : scan.Body.Where(isThere, next[k], states[k]));
        var outputs = scan.Yield(isThere is null ? next[0] : scan.Body.Mask(isThere, next[0]), 0, backwards);
        scan.Emit();
        // ONNX Runtime ends a sequence without steps in zeros, not in its initial state.
        var hasSteps = n.Input(4) is { } lengths ? t.Greater(t.Reshape(lengths, -1, 1), t.ScalarLike(0, lengths)) : null;
        return (outputs, [.. states.Select(s => hasSteps is null ? scan.FinalOf(s) : t.Mask(hasSteps, scan.FinalOf(s)))]);
    }

    RecurrentDirection Direction(int index, RecurrentTrace? trace)
    {
        var width = cell.Gates * hidden;
        var biases = n.Input(3) is { } b ? t.Split(Part(b, index), 0, width, width) : null;
        var clip = n.Float("clip", float.NaN);
        return new RecurrentDirection(
            hidden, t.Transpose(Part(n.Inputs[1]!, index), 1, 0), t.Transpose(Part(n.Inputs[2]!, index), 1, 0),
            biases?[0], biases?[1],
            n.Input(7) is { } p ? Part(p, index) : null,
            RecurrentActivation.Of(n, cell.DefaultActivations, index),
            (inner, v) => float.IsNaN(clip) ? v : inner.Op("Clip", v, inner.ScalarLike(-clip, v), inner.ScalarLike(clip, v)), trace);
    }

    Value Initial(int input, int index)
    {
        var initial = n.Input(input) is { } given ? Part(given, index) : t.Full(t.Concat(0, batchSize, t.Ints(hidden)), 0, x.Type);
        if (initial.Shape is not { IsStatic: true }) initial.Shape = new Shape(batch, hidden);
        return initial;
    }

    /// <summary>One direction of a weight or state.</summary>
    Value Part(Value all, int index)
    {
        if (!parts.TryGetValue(all, out var split)) parts[all] = split = isBothWays ? t.Split(all, 0, 1, 1) : [all];
        return t.Squeeze(split[index], 0);
    }
}
