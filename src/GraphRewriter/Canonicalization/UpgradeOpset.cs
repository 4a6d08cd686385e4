using GraphRewriter.Emission;
using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.NodeAdapter;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Lifts the operators of opset 6 to 20 to the canonical opset. Operators whose newer versions only accept more types are not listed: they mean the same.
/// Source: the operator change log of ONNX (docs/Changelog.md in the onnx repository).
/// </summary>
static class UpgradeOpset
{
    internal static readonly NodeAdapter[] All =
    [
        .. from op in (string[])["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"]
           select Until(7, op, "broadcast and axis become trailing axes of the second operand", AlignSecondOperand),
        Until(7,  "PRelu",              "a slope per channel gets trailing axes", AlignSlope),
        Until(7,  "Gemm",               "broadcast is always on", (r, n) => r.Drop("broadcast")),
        Until(14, "BatchNormalization", "five outputs mean training mode; per-activation statistics become arithmetic", NormalizeBatch),
        Until(12, "Dropout",            "ratio becomes an input, is_test goes, the mask is bool", UpgradeDropout),
        Until(10, "Slice",              "starts, ends, axes become inputs", SliceByInputs),
        Until(10, "TopK",               "k becomes an input", (r, n) => { r.SetInput(1, r.Tape.Ints(n.Int("k"))); r.Drop("k"); }),
        Until(11, "Pad",                "pads and value become inputs", PadByInputs),
        Until(11, "Clip",               "min and max become inputs", ClipByInputs),
        Until(13, "Split",              "split becomes an input", (r, n) => r.MoveIntsToInput("split", 1)),
        Until(18, "Split",              "equal parts are counted by num_outputs", CountParts),
        Until(13, "Squeeze",            "axes become an input", (r, n) => r.MoveIntsToInput("axes", 1)),
        Until(13, "Unsqueeze",          "axes become an input", (r, n) => r.MoveIntsToInput("axes", 1)),
        Until(13, "ReduceSum",          "axes become an input", (r, n) => r.MoveIntsToInput("axes", 1)),
        .. from op in (string[])["ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"]
           select Until(18, op, "axes become an input", (r, n) => r.MoveIntsToInput("axes", 1)),
        .. from op in (string[])["Softmax", "LogSoftmax", "Hardmax"]
           select Until(13, op, "works on the flattened trailing axes", FlattenTrailingAxes),
        Until(9,  "Upsample",           "Resize with scales as input", (r, n) => { UpsampleScales(r, n); ResizeAsUpsample(r, n); }),
        Until(10, "Upsample",           "Resize", (r, n) => { if (n.Is("Upsample")) ResizeAsUpsample(r, n); }),
        Until(11, "Resize",             "asymmetric coordinates, rounded as ONNX Runtime does", (r, n) => { if (n.Inputs.Count == 2) ResizeAsUpsample(r, n); }),
        Until(13, "Resize",             "empty roi, scales and sizes are left out; tf_half_pixel_for_nn is half_pixel", CleanResize),
        Until(11, "Scatter",            "ScatterElements", (_, n) => n.OpType = "ScatterElements"),
        Until(9,  "Scan",               "one Scan for each sample of the batch", ScanEachSample),
        Until(7,  "RNN",                "output_sequence goes", (r, n) => r.Drop("output_sequence")),
        Until(7,  "GRU",                "output_sequence goes", (r, n) => r.Drop("output_sequence")),
        Until(7,  "LSTM",               "output_sequence goes", (r, n) => r.Drop("output_sequence")),
        .. from op in (string[])["RNN", "GRU", "LSTM"]
           select Since(14, op, "layout 1 becomes layout 0 between Transposes", PutTimeFirst),
        Until(16, "RoiAlign",           "coordinates without the half-pixel shift", (_, n) => n.Set(Attribute.Of("coordinate_transformation_mode", "output_half_pixel"))),
        Until(20, "GridSample",         "bilinear is linear, bicubic is cubic", RenameGridModes),
        Until(20, "DFT",                "axis becomes an input", (r, n) => { r.SetInput(2, r.Tape.Const(TensorData.Scalar(n.Int("axis", 1)))); r.Drop("axis"); }),
        Until(21, "GroupNormalization", "scale and shift per group become per channel", ExpandGroups),
    ];

    static void AlignSecondOperand(NodeRewrite r, Node n)
    {
        var axis = n.Has("axis") ? (long?)n.Int("axis") : null;
        var broadcast = n.Int("broadcast") != 0;
        r.Drop("axis", "broadcast");
        if (!broadcast || axis is not { } first) return;
        var (a, b) = (n.Inputs[0]!, n.Inputs[1]!);
        if (a.Shape is null || b.Shape is null)
        {
            r.Refuse("its axis attribute needs operands of known rank");
            return;
        }
        var trailing = a.Rank - (int)(first < 0 ? first + a.Rank : first) - b.Rank;
        if (trailing > 0) n.Inputs[1] = r.View("Unsqueeze", [], b, r.Tape.Ints([.. Enumerable.Range(b.Rank, trailing).Select(i => (long)i)]));
    }

    static void AlignSlope(NodeRewrite r, Node n)
    {
        var (x, slope) = (n.Inputs[0]!, n.Inputs[1]!);
        if (slope.Shape is not { Rank: 1 } s || s[0].Size == 1 || x.Shape is not { Rank: > 2 } shape) return;
        n.Inputs[1] = r.View("Unsqueeze", [], slope, r.Tape.Ints([.. Enumerable.Range(1, shape.Rank - 2).Select(i => (long)i)]));
    }

    static void NormalizeBatch(NodeRewrite r, Node n)
    {
        var training = n.Outputs.Skip(1).Any(o => o is not null);
        var perActivation = n.Int("spatial", 1) == 0 && n.Input(1)?.Shape is not { Rank: 1 };
        r.Drop("is_test", "spatial", "consumed_inputs");
        if (perActivation)
        {
            if (training) r.Refuse("batch statistics per activation (spatial = 0) have no canonical form");
            else r.Bind(0, NormalizePerActivation(r.Tape, n));
            return;
        }
        if (!training) return;
        if (n.OutputAt(3) is not null || n.OutputAt(4) is not null)
        {
            // The saved statistics served a backward operator that never became part of ONNX; a model that reads them cannot be kept.
            var used = r.Context.Model.Graph.UsedValues();
            if ((n.OutputAt(3) is { } mean && used.Contains(mean)) || (n.OutputAt(4) is { } variance && used.Contains(variance)))
            {
                r.Refuse("its saved mean and variance outputs have no canonical form");
                return;
            }
            for (var i = 3; i < n.Outputs.Count; i++) n.SetOutput(i, null);
        }
        n.TrimOutputs();
        n.Set(Attribute.Of("training_mode", 1L));
    }

    static Value NormalizePerActivation(Tape t, Node n)
    {
        var (x, scale, shift, mean, variance) = (n.Inputs[0]!, n.Inputs[1]!, n.Inputs[2]!, n.Inputs[3]!, n.Inputs[4]!);
        var deviation = t.Sqrt(t.Ops("Add", 1, [], variance, t.ScalarLike(n.Float("epsilon", 1e-5f), variance)).Output);
        return t.Add(t.Mul(t.Div(t.Sub(x, mean), deviation), scale), shift);
    }

    static void UpgradeDropout(NodeRewrite r, Node n)
    {
        // Up to opset 11 whether Dropout acts was the runtime's affair; every runtime treats a loaded model as inference, where it does nothing.
        if (n.Has("ratio") || n.Input(1) is null) r.SetInput(1, r.Tape.Scalar(n.Float("ratio", 0.5f), ElementType.Float32));
        r.Drop("ratio", "is_test");
        if (r.Opset >= 10 || n.OutputAt(1) is not { } mask) return;
        var flags = new Value(r.Context.FreshName(mask.Name + "_bool"), ElementType.Bool);
        n.SetOutput(1, flags);
        r.EmitNode();
        var floats = r.Tape.Cast(flags, n.Inputs[0]!.Type);
        r.Adopt(mask, floats);
    }

    static void SliceByInputs(NodeRewrite r, Node n)
    {
        var axes = n.Ints("axes");
        r.MoveIntsToInput("starts", 1);
        r.MoveIntsToInput("ends", 2);
        if (axes is not null) r.MoveIntsToInput("axes", 3);
    }

    static void PadByInputs(NodeRewrite r, Node n)
    {
        r.MoveIntsToInput(n.Has("pads") ? "pads" : "paddings", 1);
        if (n.Has("value") && n.Float("value") != 0) r.SetInput(2, r.Tape.ScalarLike(n.Float("value"), n.Inputs[0]!));
        r.Drop("value");
    }

    static void ClipByInputs(NodeRewrite r, Node n)
    {
        var x = n.Inputs[0]!;
        var type = x.Type == ElementType.Undefined ? ElementType.Float32 : x.Type;
        if (n.Has("min")) r.SetInput(1, r.Tape.Scalar(n.Float("min"), type));
        if (n.Has("max")) r.SetInput(2, r.Tape.Scalar(n.Float("max"), type));
        r.Drop("min", "max", "consumed_inputs");
    }

    static void CountParts(NodeRewrite r, Node n)
    {
        if (n.Input(1) is null) n.Set(Attribute.Of("num_outputs", (long)n.Outputs.Count));
    }

    /// <summary>
    /// Before opset 13 these operators saw a matrix: all axes from `axis` on as one. That is the newer meaning where at most one of those axes is longer than one;
    /// elsewhere the matrix is made.
    /// </summary>
    internal static void FlattenTrailingAxes(NodeRewrite r, Node n)
    {
        var x = n.Inputs[0]!;
        var axis = n.Int("axis", 1);
        if (x.Shape is { } shape)
        {
            var first = (int)(axis < 0 ? axis + shape.Rank : axis);
            var wide = Enumerable.Range(first, Math.Max(0, shape.Rank - first)).Where(i => shape[i].Size != 1).ToList();
            if (wide.Count <= 1 && shape.Rank > first)
            {
                n.Set(Attribute.Of("axis", (long)(wide.Count == 1 ? wide[0] : first)));
                return;
            }
        }
        var matrix = r.Tape.Op("Flatten", [Attribute.Of("axis", axis)], x);
        n.Set(Attribute.Of("axis", -1L));
        var flat = r.EmitSelf(matrix).Output;
        r.Bind(0, r.Tape.ReshapeLike(flat, x));
    }

    static void UpsampleScales(NodeRewrite r, Node n)
    {
        var scales = n.Floats("scales") ?? [1, 1, n.Float("height_scale", 1), n.Float("width_scale", 1)];
        r.SetInput(1, r.Tape.Const(TensorData.FromFloats([scales.Length], scales)));
        r.Drop("scales", "height_scale", "width_scale");
    }

    static void ResizeAsUpsample(NodeRewrite r, Node n)
    {
        var scales = n.Inputs[1]!;
        n.OpType = "Resize";
        if (n.String("mode") is "bilinear") n.Set(Attribute.Of("mode", "linear"));
        n.Set(Attribute.Of("coordinate_transformation_mode", "asymmetric"), Attribute.Of("nearest_mode", "floor"));
        n.Inputs[1] = null;
        r.SetInput(2, scales);
        if (n.String("mode", "nearest") is "nearest") ChooseNeighbour(r, n, scales);
    }

    /// <summary>
    /// The text of opset 10 leaves open which neighbour is nearest. ONNX Runtime takes the lower one where an axis grows and the upper one where it shrinks; where both happen,
    /// the axes that shrink are done first, as axes are independent of each other.
    /// </summary>
    static void ChooseNeighbour(NodeRewrite r, Node n, Value scales)
    {
        if (scales.Constant is not { } known)
        {
            r.Context.Note($"Resize '{n.LogicalName}' is taken to enlarge: its scales are only known at run time.");
            return;
        }
        var factors = known.ToFloats();
        if (!Array.Exists(factors, f => f < 1)) return;
        n.Set(Attribute.Of("nearest_mode", "ceil"));
        if (!Array.Exists(factors, f => f > 1)) return;
        var shrunk = r.EmitSelf(n.Inputs[0], null, r.Tape.Const(TensorData.FromFloats([factors.Length], [.. factors.Select(f => Math.Min(f, 1))]))).Output;
        n.Set(Attribute.Of("nearest_mode", "floor"));
        r.Bind(0, r.EmitSelf(shrunk, null, r.Tape.Const(TensorData.FromFloats([factors.Length], [.. factors.Select(f => Math.Max(f, 1))]))).Output);
    }

    static void CleanResize(NodeRewrite r, Node n)
    {
        for (var i = 1; i < n.Inputs.Count; i++) if (n.Inputs[i]?.Constant is { Count: 0 }) n.Inputs[i] = null;
        if (n.Input(2) is not null && n.Input(3) is not null) n.Inputs[2] = null;
        if (!string.Equals(n.String("coordinate_transformation_mode"), "tf_half_pixel_for_nn", StringComparison.Ordinal)) return;
        // Its coordinate is the half-pixel one, x, plus a half: rounded down it is x rounded half up, rounded half down it is x rounded up.
        var nearest = n.String("nearest_mode", "round_prefer_floor") switch { "floor" => "round_prefer_ceil", "round_prefer_floor" => "ceil", _ => null };
        if (nearest is not null) n.Set(Attribute.Of("coordinate_transformation_mode", "half_pixel"), Attribute.Of("nearest_mode", nearest));
        else r.Refuse("coordinate_transformation_mode tf_half_pixel_for_nn with this nearest_mode has no canonical form");
    }

    /// <summary>Scan of opset 8 has a batch axis before the scanned one. It becomes a Scan for each sample, stacked.</summary>
    static void ScanEachSample(NodeRewrite r, Node n)
    {
        var scanned = (int)n.Int("num_scan_inputs");
        var states = n.Inputs.Count - 1 - scanned;
        if (n.Inputs[0] is not null)
        {
            r.Refuse("sequence lengths of Scan in opset 8 have no canonical form");
            return;
        }
        if (n.Inputs[1]!.Shape is not { Rank: > 0 } shape || !shape[0].IsKnown)
        {
            r.Refuse("Scan of opset 8 needs a known batch size");
            return;
        }
        var batch = shape[0].Size;
        var parts = Enumerable.Range(0, n.Outputs.Count).Select(_ => new List<Value?>()).ToArray();
        for (var b = 0L; b < batch; b++)
        {
            var inputs = n.Inputs.Skip(1).Select(v => (Value?)r.Tape.Gather(v!, r.Tape.Const(TensorData.Scalar(b)))).ToArray();
            var each = EmitScan(r, n, inputs, states, b == 0);
            for (var i = 0; i < parts.Length; i++) if (n.OutputAt(i) is not null) parts[i].Add(r.Tape.Unsqueeze(each.OutputAt(i)!, 0));
        }
        for (var i = 0; i < parts.Length; i++) if (n.OutputAt(i) is not null) r.Bind(i, r.Tape.Concat(0, [.. parts[i]]));
    }

    static Node EmitScan(NodeRewrite r, Node n, Value?[] inputs, int states, bool first)
    {
        var body = n.Subgraph("body")!;
        if (!first)
        {
            body = body.Copy([]);
            foreach (var v in body.AllValues().Distinct()) v.Name = r.Context.FreshName(v.Name);
            foreach (var node in body.AllNodes()) node.Name = r.Context.FreshName(node.Name);
        }
        var attributes = new List<Attribute> { Attribute.Of("body", body), Attribute.Of("num_scan_inputs", n.Int("num_scan_inputs")) };
        if (n.Ints("directions") is { } directions) attributes.Add(Attribute.Of("scan_input_directions", directions));
        var outputs = Enumerable.Range(0, n.Outputs.Count).Select(i => new Value(r.Context.FreshName($"{n.Name}/{(i < states ? "state" : "scan")}")));
        return r.Tape.Emit(new Node("Scan", inputs, outputs, attributes, name: r.Context.FreshName(n.Name + "/Scan")));
    }

    /// <summary>With layout 1 the batch is the first axis of sequences and states; ONNX Runtime's CPU kernels know layout 0 only.</summary>
    static void PutTimeFirst(NodeRewrite r, Node n)
    {
        var batchFirst = n.Int("layout") != 0;
        r.Drop("layout");
        if (!batchFirst) return;
        var t = r.Tape;
        var inputs = n.Inputs.ToArray();
        foreach (var i in (int[])[0, 5, 6]) if (i < inputs.Length && inputs[i] is { } x) inputs[i] = t.Transpose(x, 1, 0, 2);
        var made = r.EmitSelf(inputs);
        if (made.OutputAt(0) is { } all) r.Bind(0, t.Transpose(all, 2, 0, 1, 3));
        for (var i = 1; i < n.Outputs.Count; i++) if (made.OutputAt(i) is { } last) r.Bind(i, t.Transpose(last, 1, 0, 2));
    }

    static void RenameGridModes(NodeRewrite r, Node n)
    {
        var mode = n.String("mode", "bilinear");
        n.Set(Attribute.Of("mode", mode switch { "bilinear" => "linear", "bicubic" => "cubic", _ => mode }));
    }

    static void ExpandGroups(NodeRewrite r, Node n)
    {
        var groups = n.Int("num_groups");
        if (n.Inputs[0]!.Shape is not { Rank: > 1 } shape || !shape[1].IsKnown)
        {
            r.Refuse("scale per group needs a known number of channels");
            return;
        }
        var channels = shape[1].Size;
        // Some writers gave a scale per channel before the standard did.
        if (n.Inputs[1]?.Shape is { Rank: 1 } given && given[0].Size == channels) return;
        for (var i = 1; i <= 2; i++)
        {
            var column = r.View("Unsqueeze", [], n.Inputs[i], r.Tape.Ints(1));
            var table = r.View("Expand", [], column, r.Tape.Ints(groups, channels / groups));
            n.Inputs[i] = r.ViewAs(table, channels);
        }
    }
}
