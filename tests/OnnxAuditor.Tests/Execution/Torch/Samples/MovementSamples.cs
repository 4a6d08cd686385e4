using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;
using static GraphRewriter.Ir.Attribute;
using static OnnxAuditor.Tests.Execution.Torch.Samples.Inputs;
using E = GraphRewriter.Ir.ElementType;

namespace OnnxAuditor.Tests.Execution.Torch.Samples;

/// <summary>Samples of operators that move data or make it, and of types and bounds beyond those of the gradient samples.</summary>
static class MovementSamples
{
    static readonly double inf = double.PositiveInfinity;

    internal static readonly OpSample[] All =
    [
        new("Reshape", "empty beside an inferred dimension", [F([0, 3]), I(3, -1)]),
        new("Reshape", "zero allowed", [F([0, 3]), I(3, 0)], [Of("allowzero", 1L)]),
        new("Reshape", "to a scalar", [V(E.Int64, 5), I()]),
        new("Flatten", "scalar", [F([], 1)], [Of("axis", 0L)]),
        new("Flatten", "whole rank", [Counting(E.Int64, [2, 3])], [Of("axis", 2L)]),
        new("Squeeze", "truth values", [V(E.Bool, [1, 2, 1], 1, 0)]),
        new("Unsqueeze", "not in order", [Counting(E.Int32, [2, 3]), I(3, 0)]),
        new("Transpose", "scalar", [F([], 1)]),
        new("Concat", "int64, one part empty", [V(E.Int64, 1, 2), V(E.Int64, [0]), V(E.Int64, 3)], [Of("axis", 0L)]),
        new("Split", "sizes of zero", [V(E.Int64, 1, 2), I(0, 2, 0)], Outputs: 3),
        new("Split", "uneven, last part smaller", [Counting(E.Int64, [7])], [Of("num_outputs", 3L)], Outputs: 3),
        new("Slice", "truth values backwards", [V(E.Bool, 1, 0, 0, 1, 1), I(-1), I(-6), I(0), I(-2)]),
        new("Slice", "from behind the end backwards", [Counting(E.Int64, [5]), I(100), I(-100), I(0), I(-3)]),
        new("Slice", "step beyond the axis", [Counting(E.Int64, [5]), I(1), I(long.MaxValue), I(0), I(1000)]),
        new("Slice", "step beyond the axis backwards", [Counting(E.Int64, [5]), I(-2), I(long.MinValue), I(0), I(-1000)]),
        new("Slice", "int32 bounds", [Counting(E.Int64, [3, 4]), V(E.Int32, 1, -3), V(E.Int32, 3, 4)]),
        new("Slice", "empty axis", [F([0, 2]), I(0), I(5), I(0)]),
        new("Expand", "a dimension of one in the shape asked for", [Counting(E.Int64, [3, 1]), I(2, 1, 4)]),
        new("Expand", "shape of lower rank", [Counting(E.Int64, [2, 1, 3]), I(4, 1)]),
        new("Expand", "to nothing", [Counting(E.Int64, [1]), I([1], 0)]),
        new("Tile", "not at all", [Counting(E.Int64, [2]), I([1], 0)]),
        new("Tile", "int32", [Counting(E.Int32, [2, 2]), I(2, 3)]),
        .. Pads("constant", "int64 with a value", E.Int64, [2, 3], [1, 0, 0, 2], V(E.Int64, [], 7)),
        .. Pads("constant", "truth values", E.Bool, [2, 2], [0, 1, 1, 0], V(E.Bool, [], 1)),
        .. Pads("constant", "-infinity", E.Float32, [2, 2], [0, 1, 1, 0], F([], -inf)),
        .. Pads("constant", "cut and padded", E.Float32, [4, 3], [-1, 2, 2, -1], null),
        .. Pads("reflect", "int32", E.Int32, [4, 3], [3, 0, 2, 2], null),
        .. Pads("reflect", "cut and padded", E.Float32, [5, 4], [-1, 2, 2, -1], null),
        .. Pads("edge", "int32", E.Int32, [2, 3], [3, 0, 2, 4], null),
        .. Pads("edge", "cut and padded", E.Float32, [5, 4], [-1, 2, 2, -1], null),
        .. Pads("wrap", "int32", E.Int32, [3, 2], [3, 0, 2, 2], null),
        .. Pads("wrap", "cut and padded", E.Float32, [5, 4], [-1, 2, 2, -1], null),
        .. Pads("wrap", "more than once round", E.Float32, [2, 3], [5, 0, 3, 7], null),
        new("CenterCropPad", "odd differences", [Counting(E.Float32, [4, 5]), I(7, 2)]),
        new("ReverseSequence", "int64", [Counting(E.Int64, [3, 2]), I(1, 3)]),
        new("DepthToSpace", "float64", [Counting(E.Float64, [1, 8, 1, 2])], [Of("blocksize", 2L), Of("mode", "CRD")]),
        new("SpaceToDepth", "float64", [Counting(E.Float64, [1, 2, 2, 4])], [Of("blocksize", 2L)]),
        new("Shape", "part, from the end", [F([2, 0, 4])], [Of("start", -2L)]),
        new("Shape", "bounds out of range", [Counting(E.Int32, [2, 3, 4])], [Of("start", -10L), Of("end", 10L)]),
        new("Shape", "crossed bounds", [Counting(E.Int32, [2, 3, 4])], [Of("start", 2L), Of("end", 1L)]),
        new("Shape", "scalar", [F([], 1)]),
        new("Size", "scalar", [F([], 1)]),
        new("Size", "empty", [F([3, 0])]),
        new("Identity", "truth values", [V(E.Bool, 1, 0)]),

        new("Gather", "int32 data, scalar index", [Counting(E.Int32, [3, 2]), V(E.Int32, [], -1)]),
        new("Gather", "truth values", [V(E.Bool, [2, 2], 1, 0, 0, 1), I(1, 0, 1)], [Of("axis", 1L)]),
        new("Gather", "no indices", [F([3], 1, 2, 3), I([2, 0], [])]),
        new("GatherElements", "int64, int32 indices", [Counting(E.Int64, [2, 3]), V(E.Int32, [1, 3], 1, -1, 0)]),
        new("GatherND", "slices of nothing", [F([3, 0]), I([2, 1], 0, 2)]),
        new("GatherND", "truth values", [V(E.Bool, [2, 2], 1, 0, 0, 1), I([2, 2], 0, 1, -1, -1)]),
        .. new[] { "none", "add", "mul", "max", "min" }.Select(r => new OpSample("ScatterElements", $"int64 {r}", [Counting(E.Int64, [2, 3], 3), I([1, 2], 1, -2), V(E.Int64, [1, 2], -5, 6)], [Of("reduction", r)])),
        .. new[] { "add", "mul", "max", "min" }.Select(r => new OpSample("ScatterElements", $"int32 {r}, three at a place", [Counting(E.Int32, [3]), I(1, 1, 0, 1), V(E.Int32, 4, -5, 2, 3)], [Of("reduction", r)])),
        .. new[] { "add", "mul", "max", "min" }.Select(r => new OpSample("ScatterND", $"int64 {r}", [Counting(E.Int64, [3, 2], 3), I([2, 1], 1, -2), V(E.Int64, [2, 2], -5, 6, 7, -8)], [Of("reduction", r)])),
        new("ScatterElements", "truth values", [V(E.Bool, 1, 0, 0), I(1), V(E.Bool, 1)]),
        new("Compress", "int32 by a long axis", [Counting(E.Int32, [3, 2]), V(E.Bool, 0, 1, 1)], [Of("axis", 0L)]),
        new("Compress", "nothing chosen", [Counting(E.Float32, [3, 2]), V(E.Bool, 0, 0)]),
        new("NonZero", "float32", [F([2, 2], 0, -1, 2, 0)]),
        new("NonZero", "int64 with none", [V(E.Int64, 0, 0)]),
        new("NonZero", "truth values in three axes", [V(E.Bool, [2, 1, 2], 1, 0, 1, 1)]),
        new("NonZero", "scalar", [F([], 3)]),
        new("ScatterElements", "nothing", [F(1, 2), I([0], []), F([0], [])], [Of("reduction", "max")]),
        new("OneHot", "negative and out of range", [V(E.Int64, 1, -1, 3, -4), V(E.Int64, [], 3), V(E.Int64, 2, 5)]),
        new("OneHot", "first axis, float indices", [F([2, 2], 0, 1, 2, -3), V(E.Float32, 3), F(0, 1)], [Of("axis", 0L)]),
        new("OneHot", "negative axis, int32 depth", [I(2, 0), V(E.Int32, 3), F(-1, 9)], [Of("axis", -2L)]),
        new("Unique", "sorted", [F(2, 1, 1, 3, 4, 3)], Outputs: 4),
        new("Unique", "in the order of meeting", [F(2, 1, 1, 3, 4, 3)], [Of("sorted", 0L)], Outputs: 4),
        new("Unique", "rows in the order of meeting", [F([4, 2], 3, 1, 1, 2, 3, 1, 0, 5)], [Of("axis", 0L), Of("sorted", 0L)], Outputs: 4),
        new("Unique", "columns of int64", [V(E.Int64, [2, 4], 3, 1, 3, 0, 1, 2, 1, 5)], [Of("axis", -1L)], Outputs: 4),
        new("Unique", "int8, values only", [V(E.Int8, 5, -3, 5)]),

        new("ConstantOfShape", "default", [I(2, 3)]),
        new("ConstantOfShape", "large int64", [I(2)], [Of("value", TensorData.FromInt64s([1], [long.MaxValue - 1]))]),
        new("ConstantOfShape", "truth value, scalar", [I()], [Of("value", TensorData.FromBools([1], [true]))]),
        new("ConstantOfShape", "uint16", [I(2)], [Of("value", TensorData.FromNumbers(E.UInt16, [1], [65535]))]),
        new("Constant", "int", [], [Of("value_int", 5L)]),
        new("Constant", "floats", [], [Of("value_floats", [1.5f, 2f])]),
        new("Constant", "tensor", [], [Of("value", TensorData.FromInt64s([2], [1, 2]))]),
        new("Range", "int64 down", [V(E.Int64, [], 5), V(E.Int64, [], -2), V(E.Int64, [], -3)]),
        new("Range", "float32", [F([], 1), F([], 2.25), F([], 0.5)]),
        new("Range", "float64, none", [V(E.Float64, [], 1), V(E.Float64, [], 0), V(E.Float64, [], 0.5)]),
        new("Range", "int16", [V(E.Int16, [], 1), V(E.Int16, [], 6), V(E.Int16, [], 2)]),
        new("EyeLike", "above the diagonal", [F([3, 4], new double[12])], [Of("k", 1L)]),
        new("EyeLike", "below, other type", [F([3, 2], new double[6])], [Of("k", -1L), Of("dtype", (long)E.Int64)]),
        new("Dropout", "training with ratio zero", [F(1, 2, 3), F([], 0), V(E.Bool, [], 1)], Outputs: 2),
        new("Dropout", "mask in inference", [F(1, 2, 3)], Outputs: 2),
        new("CastLike", "float32 to int32", [F(1.5, -1.5), V(E.Int32, 0)]),
    ];

    static SampleInput I(params long[] values) => SampleInput.I(values);

    static SampleInput I(long[] dims, params long[] values) => SampleInput.I(dims, values);

    static OpSample[] Pads(string mode, string name, ElementType type, long[] dims, long[] pads, SampleInput? value) =>
        [new("Pad", $"{mode}, {name}", [type == E.Bool ? V(type, dims, new double[dims.Aggregate(1L, (a, b) => a * b)]) : Counting(type, dims), SampleInput.I(pads), value], [Of("mode", mode)])];
}
