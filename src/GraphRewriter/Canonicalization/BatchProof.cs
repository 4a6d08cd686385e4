using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Shows that a graph whose file fixes the batch size treats samples one by one: a symbol put in the place of the size must come through every operator on an axis of its own.
/// What holds the old size as a number (Reshape and Resize targets, tokens joined to a sequence, zero states) is rewritten on the way, where that is right for every size.
/// An axis may also hold batch × k elements, sample after sample, as flattened sequences and shuffled channels do, or run through the samples k times, as flattened
/// sequences do that have their steps in front.
/// </summary>
/// <param name="context">Gives names.</param>
/// <param name="graph">The graph, which the proof changes.</param>
/// <param name="axes">The batch axis of each input.</param>
/// <param name="size">The batch size of the file; -1 where it is dynamic, and nothing holds it as a number.</param>
sealed class BatchProof(PassContext context, Graph graph, IReadOnlyDictionary<Value, int> axes, long size)
{
    readonly Tape tape = context.NewTape();
    readonly Dictionary<Value, Shape> hints = [];
    readonly HashSet<Node> repaired = [];

    /// <summary>The values found to hold the same for every sample, once for each, and where.</summary>
    public Dictionary<Value, BatchPlace> Repeated { get; } = [];

    /// <summary>Returns why samples may not be told apart, or null. The inputs' shapes hold the symbol afterwards.</summary>
    public string? Run(out int repairs)
    {
        foreach (var (input, axis) in axes) input.Shape = input.Shape!.With(axis, BatchPlace.Dim(1));
        repairs = 0;
        while (true)
        {
            // Each round repairs the first node that loses the symbol; inference then sees further.
            var trouble = InferenceTrial.Run(graph, hints);
            var failure = FirstMixing(out var culprit);
            if (failure is null) return trouble?.TrimEnd('.');
            if (culprit is null || !repaired.Add(culprit) || !Repair(culprit)) return failure;
            repairs++;
        }
    }

    /// <summary>The first node that takes the batch symbol and may mix samples, with what it does.</summary>
    string? FirstMixing(out Node? culprit)
    {
        foreach (var node in graph.Nodes)
        {
            culprit = node;
            if (BatchMixing.Objection(node) is { } does) return $"{node.OpType} '{node.LogicalName}' {does}";
            if (node.Is("Reshape") && !repaired.Contains(node) && Target(node) is { } target && BatchPlace.Of(node.Output) != target.Place) return $"Reshape '{node.LogicalName}' does not keep samples apart";
        }
        culprit = null;
        foreach (var output in graph.Outputs) if (BatchPlace.Of(output) is not { Share: 1 }) return $"output '{output.Name}' does not count samples";
        return null;
    }

    bool Repair(Node node) => node.OpType switch
    {
        "Reshape" => RepairReshape(node),
        "Expand" => RepairExpand(node),
        "Resize" => RepairResize(node),
        "Concat" => RepairConcat(node),
        "RNN" or "GRU" or "LSTM" => RepairStates(node),
        _ => false,
    };

    bool RepairReshape(Node node)
    {
        if (size < 0) return Reinterpret(node);
        if (Target(node) is not { } target) return false;
        var copied = BatchPlace.Of(node.Inputs[0]) == target.Place;
        // 0 copies the input's dimension; else the place is the one that is inferred.
        node.Inputs[1] = Constant(tape.Ints([.. target.Dims.Select((d, i) => i != target.Place.Axis ? d : copied ? 0 : -1)]));
        hints[node.Output] = new Shape(target.Dims.Select((d, i) => i == target.Place.Axis ? BatchPlace.Dim(target.Place.PerSample, target.Place.Outer) : d));
        return true;
    }

    /// <summary>Says of a Reshape that joins the samples with what lies before them how they lie then; from the sizes alone it looks as if they lay outermost.</summary>
    bool Reinterpret(Node node)
    {
        if (node.Inputs[0] is not { Shape: { } from } input || BatchPlace.Of(input) is not { } place || node.Output.Shape is not { } to || BatchPlace.Of(node.Output) is not { } seen) return false;
        var (before, after) = (new Shape(from.Take(place.Axis)).ElementCount * place.Outer, new Shape(from.Skip(place.Axis + 1)).ElementCount * place.PerSample);
        var (newBefore, newAfter) = (new Shape(to.Take(seen.Axis)).ElementCount, new Shape(to.Skip(seen.Axis + 1)).ElementCount);
        if (before <= 0 || after <= 0 || newBefore <= 0 || newAfter <= 0 || before % newBefore != 0 || after % newAfter != 0) return false;
        var (outer, perSample) = (before / newBefore, after / newAfter);
        if (outer * perSample != seen.Share) return false;
        hints[node.Output] = to.With(seen.Axis, BatchPlace.Dim(perSample, outer));
        return true;
    }

    /// <summary>
    /// Where a Reshape with a constant target puts the samples. Its elements keep their order: where the numbers before a place of the target make up what lies before the
    /// samples (all of it, or a part, the rest of which is then joined with them), and those from there on one sample's share, the place counts samples. The input's own
    /// place comes first.
    /// </summary>
    (long[] Dims, BatchPlace Place)? Target(Node node)
    {
        if (size < 0 || node.Int("allowzero") != 0 || node.Inputs[0] is not { Shape: { } from } input || BatchPlace.Of(input) is not { } place || node.Input(1)?.Constant is not { Unavailable: null } target) return null;
        var before = new Shape(from.Take(place.Axis)).ElementCount * place.Outer;
        var after = new Shape(from.Skip(place.Axis + 1)).ElementCount * place.PerSample;
        if (before <= 0 || after <= 0 || Resolve(target.ToInt64s(), [.. from.Select((d, i) => i == place.Axis ? size * place.Share : d.Size)]) is not { } dims) return null;
        foreach (var joined in (bool[])[false, true])
            foreach (var p in Enumerable.Range(0, dims.Length).OrderBy(i => i != place.Axis))
            {
                var (front, back) = (Product(dims[..p]), Product(dims[(p + 1)..]));
                if (front == 0 || back == 0 || before % front != 0 || after % back != 0 || (before == front) == joined) continue;
                var found = new BatchPlace(p, after / back, before / front);
                if (dims[p] == size * found.Share) return (dims, found);
            }
        return null;
    }

    /// <summary>The target with 0 and -1 resolved for the input's dimensions; null where it does not fit.</summary>
    static long[]? Resolve(long[] target, long[] from)
    {
        var dims = target.Select((d, i) => d == 0 && i < from.Length ? from[i] : d).ToArray();
        var open = Array.IndexOf(dims, -1);
        if (open < 0) return Product(dims) == Product(from) ? dims : null;
        dims[open] = 1;
        var known = Product(dims);
        if (known <= 0 || Product(from) % known != 0) return null;
        dims[open] = Product(from) / known;
        return dims;
    }

    static long Product(IEnumerable<long> dims) => dims.Aggregate(1L, (a, b) => a * b);

    /// <summary>Where the target repeats the number of samples, 1 leaves it as it is.</summary>
    bool RepairExpand(Node node)
    {
        if (BatchPlace.Of(node.Inputs[0]) is not { } place || node.Input(1)?.Constant is not { } target) return false;
        var dims = target.ToInt64s();
        var at = dims.Length - node.Inputs[0]!.Rank + place.Axis;
        if (at < 0 || dims[at] != size * place.Share) return false;
        dims[at] = 1;
        node.Inputs[1] = Constant(tape.Ints(dims));
        return true;
    }

    /// <summary>Sizes or scales of all axes become those of the axes after the samples'.</summary>
    bool RepairResize(Node node)
    {
        if (node.Has("axes") || BatchPlace.Of(node.Inputs[0]) is not { Axis: 0 } || node.Input(3)?.Constant is not { } sizes || node.Input(1) is not null || sizes.ToInt64s() is not [var first, .. var rest] || first != size) return false;
        node.Inputs[3] = Constant(tape.Ints(rest));
        node.Set(Attribute.Of("axes", [.. Enumerable.Range(1, rest.Length).Select(i => (long)i)]));
        return true;
    }

    /// <summary>What is joined to every sample, one for all, is expanded to the batch. Not whole numbers: they may name the sample.</summary>
    bool RepairConcat(Node node)
    {
        if (node.Inputs.Where(i => BatchPlace.Of(i) is not null).ToList() is not [{ } carrier, ..] || BatchPlace.Of(carrier) is not { Share: 1 } place) return false;
        var axis = node.Int("axis");
        if ((axis < 0 ? axis + carrier.Rank : axis) == place.Axis) return false;
        var single = node.Inputs.Where(i => BatchPlace.Of(i) is null).ToDictionary(v => v!, v => OneForAll(v!, carrier.Rank, place.Axis));
        if (single.Count == 0 || single.Values.Any(v => v is null)) return false;
        tape.Origin = node.LogicalName;
        var count = tape.Op("Shape", [Attribute.Of("start", (long)place.Axis), Attribute.Of("end", place.Axis + 1L)], carrier);
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (!single.TryGetValue(node.Inputs[i]!, out var one)) continue;
            Repeated[node.Inputs[i]!] = place;
            var sizes = node.Inputs[i]!.Shape!.ToArray();
            node.Inputs[i] = tape.Ops("Expand", 1, [], one, tape.Concat(0, [.. sizes.Select((d, k) => k == place.Axis ? count : tape.Ints(d))])).Output;
        }
        tape.InsertInto(graph, graph.Nodes.IndexOf(node));
        return true;
    }

    /// <summary>The value of which each sample gets the same: the value itself for a batch of one, else what it was expanded from; null where neither is so.</summary>
    Value? OneForAll(Value value, int rank, int axis)
    {
        if (!value.IsFloat || value.Shape is not { IsStatic: true } shape || shape.Rank != rank || shape[axis].Size != size) return null;
        if (size == 1) return value;
        if (value.Producer is not { } expand || !expand.Is("Expand") || expand.Inputs[0] is not { Shape: { IsStatic: true } from } source) return null;
        return axis < rank - from.Rank || from[axis - rank + from.Rank].Size == 1 ? source : null;
    }

    /// <summary>Initial states of zeros are left out: zeros of the right size are what the operator takes then.</summary>
    static bool RepairStates(Node node)
    {
        var dropped = false;
        for (var i = 5; i <= 6 && i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i]?.Constant is not { Unavailable: null } state || Array.Exists(state.ToFloats(), v => v != 0)) continue;
            node.Inputs[i] = null;
            dropped = true;
        }
        return dropped;
    }

    Value Constant(Value value)
    {
        graph.Initializers.AddRange(tape.Constants);
        tape.Constants.Clear();
        return value;
    }
}
