using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Shows that a graph whose file fixes the batch size treats samples one by one: a symbol put in the place of the size must come through every operator on an axis of its own.
/// What holds the old size as a number (Reshape and Resize targets, tokens joined to a sequence, zero states) is rewritten on the way, where that is right for every size.
/// An axis may also hold batch × k elements, sample after sample, as flattened sequences and shuffled channels do.
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
        foreach (var output in graph.Outputs) if (BatchPlace.Of(output) is not { PerSample: 1 }) return $"output '{output.Name}' does not count samples";
        return null;
    }

    bool Repair(Node node) => node.OpType switch
    {
        "Reshape" => RepairReshape(node),
        "Resize" => RepairResize(node),
        "Concat" => RepairConcat(node),
        "RNN" or "GRU" or "LSTM" => RepairStates(node),
        _ => false,
    };

    bool RepairReshape(Node node)
    {
        if (Target(node) is not { } target) return false;
        var copied = BatchPlace.Of(node.Inputs[0]) == target.Place;
        // 0 copies the input's dimension; else the place is the one that is inferred.
        node.Inputs[1] = Constant(tape.Ints([.. target.Dims.Select((d, i) => i != target.Place.Axis ? d : copied ? 0 : -1)]));
        hints[node.Output] = new Shape(target.Dims.Select((d, i) => i == target.Place.Axis ? BatchPlace.Dim(target.Place.PerSample) : d));
        return true;
    }

    /// <summary>
    /// Where a Reshape with a constant target puts the samples. Its elements keep their order: where the numbers before a place of the target make up what lies before the
    /// samples, and those from there on one sample's share, the place counts samples. The input's own place comes first.
    /// </summary>
    (long[] Dims, BatchPlace Place)? Target(Node node)
    {
        if (size < 0 || node.Int("allowzero") != 0 || node.Inputs[0] is not { Shape: { } from } input || BatchPlace.Of(input) is not { } place || node.Input(1)?.Constant is not { Unavailable: null } target) return null;
        var before = new Shape(from.Take(place.Axis)).ElementCount;
        var after = new Shape(from.Skip(place.Axis + 1)).ElementCount;
        if (before <= 0 || after <= 0 || Resolve(target.ToInt64s(), [.. from.Select((d, i) => i == place.Axis ? size * place.PerSample : d.Size)]) is not { } dims) return null;
        foreach (var p in Enumerable.Range(0, dims.Length).OrderBy(i => i != place.Axis))
        {
            var perSample = dims[p] / size;
            if (dims[p] % size == 0 && Product(dims[..p]) == before && perSample * Product(dims[(p + 1)..]) == place.PerSample * after) return (dims, new BatchPlace(p, perSample));
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
        if (size != 1 || node.Inputs.Where(i => BatchPlace.Of(i) is not null).ToList() is not [{ } carrier, ..] || BatchPlace.Of(carrier) is not { PerSample: 1 } place) return false;
        var axis = node.Int("axis");
        if ((axis < 0 ? axis + carrier.Rank : axis) == place.Axis) return false;
        var single = node.Inputs.Where(i => BatchPlace.Of(i) is null).ToList();
        if (single.Count == 0 || !single.TrueForAll(v => v!.IsFloat && v.Shape is { IsStatic: true } s && s.Rank == carrier.Rank && s[place.Axis].Size == 1)) return false;
        tape.Origin = node.LogicalName;
        var count = tape.Op("Shape", [Attribute.Of("start", (long)place.Axis), Attribute.Of("end", place.Axis + 1L)], carrier);
        long[] Ones(int n) => [.. Enumerable.Repeat(1L, n)];
        var target = tape.Concat(0, tape.Ints(Ones(place.Axis)), count, tape.Ints(Ones(carrier.Rank - place.Axis - 1)));
        for (var i = 0; i < node.Inputs.Count; i++)
            if (single.Contains(node.Inputs[i])) node.Inputs[i] = tape.Ops("Expand", 1, [], node.Inputs[i], target).Output;
        tape.InsertInto(graph, graph.Nodes.IndexOf(node));
        return true;
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
