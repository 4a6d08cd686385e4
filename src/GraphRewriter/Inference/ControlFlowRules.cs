using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Operators with subgraphs. A body runs many times: its inputs get shapes that hold for every time.</summary>
static class ControlFlowRules
{
    // Each round gives up at least one dimension; models need two, and a body that needs more has no shapes worth knowing.
    const int MaxRounds = 8;

    internal static readonly ShapeRule[] All =
    [
        new("If", If),
        new("Loop", Loop),
        new("Scan", Scan),
    ];

    static void If(in InferenceContext x)
    {
        if (x.Node.Subgraph("then_branch") is not { } yes || x.Node.Subgraph("else_branch") is not { } no) return;
        if (x.Constant(0) is { Type: ElementType.Bool, Count: 1 } condition)
        {
            var taken = condition.Bytes.Span[0] != 0 ? yes : no;
            ShapeInference.Infer(taken);
            Join(x, taken, taken);
            return;
        }
        var thenFails = Failure(yes);
        var elseFails = Failure(no);
        if (thenFails is not null && elseFails is not null) throw thenFails;
        Join(x, thenFails is null ? yes : no, elseFails is null ? no : yes);
    }

    // Exporters write If(dimension is 1, Squeeze, Identity): a branch whose shapes conflict is one that is never taken.
    static ModelException? Failure(Graph branch)
    {
        try
        {
            ShapeInference.Infer(branch);
            return null;
        }
        catch (ModelException e) when (e.Problem == ModelProblem.InvalidGraph)
        {
            return e;
        }
    }

    static void Join(in InferenceContext x, Graph yes, Graph no)
    {
        for (var i = 0; i < x.Node.Outputs.Count && i < yes.Outputs.Count && i < no.Outputs.Count; i++)
        {
            var (a, b) = (yes.Outputs[i], no.Outputs[i]);
            x.Out(i, a.Type, DimArithmetic.Join(a.Shape, b.Shape));
            if (a.Other is { } other) x.Node.OutputAt(i)?.Other = other;
        }
    }

    static void Loop(in InferenceContext x)
    {
        if (x.Node.Subgraph("body") is not { } body || body.Inputs.Count < x.InputCount || body.Inputs.Count < 2) return;
        Declare(body.Inputs[0], ElementType.Int64, Shape.Scalar);
        Declare(body.Inputs[1], ElementType.Bool, Shape.Scalar);
        var carried = Math.Max(0, x.InputCount - 2);
        InferBody(x, body, firstInput: 2, firstOutput: 1, carried, firstValue: 2);
        for (var i = 0; i < carried; i++) Carry(x, i, body.Inputs[i + 2]);
        var trips = Trips(x, body);
        for (var i = carried; i < x.Node.Outputs.Count && i + 1 < body.Outputs.Count; i++) Stack(x, i, body.Outputs[i + 1], trips, 0);
    }

    // The limit, if nothing can end the loop before it.
    static Dim Trips(in InferenceContext x, Graph body)
    {
        if (x.Integers(0) is not [var limit] || limit < 0) return Dim.Unknown;
        if (limit == 0) return 0;
        var starts = !x.HasInput(1) || IsTrue(x.Constant(1));
        var next = body.Outputs.Count > 0 ? body.Outputs[0] : null;
        while (next?.Producer is { } producer && producer.Is("Identity")) next = producer.Input(0);
        var goesOn = next is not null && (IsTrue(next.Constant) || next == body.Inputs[1] || next == x.Node.Input(1));
        return starts && goesOn ? limit : Dim.Unknown;
    }

    static bool IsTrue(TensorData? data) => data is { Type: ElementType.Bool, Unavailable: null, Count: 1 } && data.Bytes.Span[0] != 0;

    static void Scan(in InferenceContext x)
    {
        var scanned = (int)x.Node.Int("num_scan_inputs");
        var carried = x.InputCount - scanned;
        if (x.Node.Subgraph("body") is not { } body || scanned < 1 || carried < 0 || body.Inputs.Count < x.InputCount) return;
        var length = Dim.Unknown;
        var axes = x.Node.Ints("scan_input_axes");
        var outputAxes = x.Node.Ints("scan_output_axes");
        if (axes is not null && axes.Length != scanned) throw x.Conflict($"{axes.Length} axes for {scanned} scanned inputs");
        if (outputAxes is not null && outputAxes.Length != x.Node.Outputs.Count - carried)
            throw x.Conflict($"{outputAxes.Length} axes for {x.Node.Outputs.Count - carried} scanned outputs");
        for (var i = 0; i < scanned; i++)
        {
            if (x.ShapeOf(carried + i) is not { } shape)
            {
                Declare(body.Inputs[carried + i], x.TypeOf(carried + i), null);
                continue;
            }
            var axis = x.Axis(axes is null ? 0 : axes[i], shape.Rank);
            if (!DimArithmetic.TryUnify(length, shape[axis], out length)) throw x.Conflict("the scanned inputs have different lengths");
            Declare(body.Inputs[carried + i], x.TypeOf(carried + i), new Shape(shape.Where((_, d) => d != axis)));
        }
        InferBody(x, body, firstInput: 0, firstOutput: 0, carried, firstValue: 0);
        for (var i = 0; i < carried; i++) Carry(x, i, body.Inputs[i]);
        for (var i = carried; i < x.Node.Outputs.Count && i < body.Outputs.Count; i++)
            Stack(x, i, body.Outputs[i], length, outputAxes is null ? 0 : outputAxes[i - carried]);
    }

    static void Declare(Value value, ElementType type, Shape? shape)
    {
        if (type != ElementType.Undefined) value.Type = type;
        if (shape is not null) value.Shape = shape;
        value.Evaluated = null;
        value.Dims = default;
    }

    /// <summary>Infers a body with its carried values starting as the node's inputs, and weakens their shapes until what comes out is what went in.</summary>
    static void InferBody(in InferenceContext x, Graph body, int firstInput, int firstOutput, int carried, int firstValue)
    {
        for (var i = 0; i < carried; i++) Declare(body.Inputs[firstInput + i], x.TypeOf(firstValue + i), x.ShapeOf(firstValue + i));
        var declared = body.AllNodes().SelectMany(n => n.Outputs).Where(o => o is not null).Select(o => (Value: o!, o!.Shape)).ToList();
        for (var round = 0; ; round++)
        {
            ShapeInference.Infer(body);
            var stable = true;
            for (var i = 0; i < carried && firstOutput + i < body.Outputs.Count; i++)
            {
                var input = body.Inputs[firstInput + i];
                var joined = round < MaxRounds ? DimArithmetic.Join(input.Shape, body.Outputs[firstOutput + i].Shape) : null;
                if (joined is null ? input.Shape is null : joined.Equals(input.Shape)) continue;
                input.Shape = joined;
                stable = false;
            }
            if (stable) return;
            foreach (var (value, shape) in declared) value.Shape = shape;
        }
    }

    static void Carry(in InferenceContext x, int index, Value carried)
    {
        x.Out(index, carried.Type, carried.Shape);
        if (carried.Other is { } other) x.Node.OutputAt(index)?.Other = other;
    }

    // What each run of the body yields, stacked along a new axis.
    static void Stack(in InferenceContext x, int index, Value each, Dim length, long axis)
    {
        if (each.Shape is not { } shape)
        {
            x.Out(index, each.Type, null);
            return;
        }
        List<Dim> dims = [.. shape];
        dims.Insert(x.Axis(axis, shape.Rank + 1), length);
        x.Out(index, each.Type, new Shape(dims));
    }
}
