using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of operators that move data without computing with it.</summary>
static class ShapeSamples
{
    internal static readonly OpSample[] All =
    [
        Move("Reshape", "other axes", [F(2, 6), I(3, 4)]),
        Move("Reshape", "inferred and copied dimensions", [F(2, 3, 4), I(0, -1)]),
        Move("Reshape", "scalar", [F(1, 1), I()]),
        Move("Flatten", "in the middle", [F(2, 3, 4)], Attribute.Of("axis", 2L)),
        Move("Flatten", "negative axis", [F(2, 3, 4)], Attribute.Of("axis", -1L)),
        Move("Flatten", "axis 0", [F(2, 3)], Attribute.Of("axis", 0L)),
        Move("Squeeze", "given axes", [F(1, 3, 1, 2), I(0, -2)]),
        Move("Squeeze", "all axes of one", [F(1, 3, 1)]) with { StaticOnly = "which axes are squeezed follows from the sizes" },
        Move("Squeeze", "to a scalar", [F(1), I(0)]),
        Move("Unsqueeze", "in front and behind", [F(3, 2), I(0, -1)]),
        Move("Unsqueeze", "scalar", [F(), I(0)]),
        Move("Unsqueeze", "between", [F(3, 2), I(1)]),
        Move("Transpose", "reversed", [F(2, 3, 4)]),
        Move("Transpose", "permutation that is not its own inverse", [F(2, 3, 4)], Ints("perm", 1, 2, 0)),
        Move("Transpose", "two axes swapped", [F(2, 3, 4, 2)], Ints("perm", 0, 3, 2, 1)),
        Move("Expand", "new axes and broadcast ones", [F(3, 1), I(2, 3, 4)]),
        Move("Expand", "shape with ones", [F(2, 3), I(1, 1)]),
        Move("Expand", "scalar", [F(), I(2, 2)]),
        Move("Tile", "each axis", [F(2, 3), I(2, 3)]),
        Move("Tile", "one axis", [F(2, 3, 2), I(1, 2, 1)]),
        Move("Tile", "repeats fed", [F(2, 3), I(2, 1).Fed().Shaped()]),
        Move("Slice", "one axis", [F(5, 4), I(1), I(4), I(0)]),
        Move("Slice", "default axes", [F(5, 4), I(1, 0), I(4, 3)]),
        Move("Slice", "steps", [F(7, 5), I(1, 0), I(7, 5), I(0, 1), I(3, 2)]),
        Move("Slice", "negative steps", [F(7, 5), I(-1, 3), I(0, -100), I(0, 1), I(-2, -1)]),
        Move("Slice", "whole axis turned round", [F(4, 3), I(-1), I(long.MinValue), I(-2), I(-1)]),
        Move("Slice", "bounds out of range", [F(4, 3), I(-10), I(100), I(1), I(1)]),
        Move("Slice", "negative bounds", [F(6, 3), I(-4), I(-1), I(0), I(2)]),
        Move("Slice", "nothing", [F(4, 3), I(3), I(2), I(0)]),
        Move("Slice", "bounds fed", [F(6, 4), I(-5, 1).Fed().Shaped(), I(5, 100).Fed().Shaped(), I(0, 1), I(1, 1)]),
        Move("Slice", "bounds fed, negative step", [F(6, 4), I(-2).Fed().Shaped(), I(0).Fed().Shaped(), I(0), I(-2)]),
        Move("Trilu", "upper", [F(3, 4)]),
        Move("Trilu", "lower with offset", [F(2, 4, 4), Scalar(1)], Attribute.Of("upper", 0L)),
        Move("Trilu", "upper with negative offset", [F(4, 3), Scalar(-1)]),
        Move("DepthToSpace", "depth first", [F(2, 8, 2, 3)], Attribute.Of("blocksize", 2L)),
        Move("DepthToSpace", "columns first", [F(2, 8, 2, 3)], Attribute.Of("blocksize", 2L), Attribute.Of("mode", "CRD")),
        Move("DepthToSpace", "blocks of three", [F(1, 9, 2, 2)], Attribute.Of("blocksize", 3L), Attribute.Of("mode", "DCR")),
        Move("SpaceToDepth", "blocks of two", [F(2, 2, 4, 6)], Attribute.Of("blocksize", 2L)),
        Move("SpaceToDepth", "blocks of three", [F(1, 1, 3, 6)], Attribute.Of("blocksize", 3L)),
        Move("SpaceToDepth", "one block", [F(1, 3, 2, 2)], Attribute.Of("blocksize", 2L)),
        Move("CenterCropPad", "cut", [F(5, 6), I(2, 3)]),
        Move("CenterCropPad", "padded", [F(2, 3), I(5, 6)]),
        Move("CenterCropPad", "one of each, by axes", [F(2, 5, 3), I(2, 6)], Ints("axes", 1, -1)),
        Move("ReverseSequence", "time first", [F(4, 3, 2), I(2, 4, 1)]),
        Move("ReverseSequence", "batch first", [F(3, 4), I(1, 4, 3)], Attribute.Of("batch_axis", 0L), Attribute.Of("time_axis", 1L)),
        Move("ReverseSequence", "nothing reversed", [F(2, 3), I(1, 1, 1)]),
        Move("Compress", "axis", [F(3, 4), B([4], 1, 0, 1, 1)], Attribute.Of("axis", 1L)),
        Move("Compress", "negative axis, short condition", [F(3, 4, 2), B([2], 0, 1)], Attribute.Of("axis", -3L)),
        Move("Compress", "flattened", [F(3, 2), B([6], 1, 0, 0, 1, 1, 0)]),
        Move("Concat", "three parts", [F(2, 3), F(2, 1), F(2, 2)], Attribute.Of("axis", 1L)),
        Move("Concat", "negative axis", [F(2, 3), F(2, 2)], Attribute.Of("axis", -1L)),
        Move("Concat", "one part", [F(2, 3)], Attribute.Of("axis", 0L)),
        Move("Split", "equal parts", [F(6, 2)], Attribute.Of("num_outputs", 3L)) with { Outputs = 3 },
        Move("Split", "sizes given, negative axis", [F(2, 7), I(2, 4, 1)], Attribute.Of("axis", -1L)) with { Outputs = 3 },
        Move("Split", "uneven", [F(2, 7)], Attribute.Of("axis", 1L), Attribute.Of("num_outputs", 2L)) with { Outputs = 2 },
        Move("Pad", "zeros", [F(3, 4), I(1, 0, 2, 3)]),
        Move("Pad", "value", [F(3, 4), I(1, 0, 2, 3), F()]),
        Move("Pad", "negative amounts", [F(5, 4), I(-1, 2, -2, -1), F()]),
        Move("Pad", "axes", [F(2, 3, 4), I(1, 2, 0, 1), null, I(2, -2)]),
        Move("Pad", "amounts fed", [F(3, 4), I(1, 0, 2, 3).Fed().Shaped(), F()]),
        Move("Pad", "reflected", [F(4, 5), I(2, 1, 3, 4)], Attribute.Of("mode", "reflect")),
        Move("Pad", "reflected on one side", [F(2, 1, 5), I(0, 0, 0, 0, 0, 2)], Attribute.Of("mode", "reflect")),
        Move("Pad", "edge", [F(3, 4), I(2, 1, 0, 5)], Attribute.Of("mode", "edge")),
        Move("Pad", "edge with axes", [F(2, 3, 4), I(2, 1), null, I(-1)], Attribute.Of("mode", "edge")),
        Move("Pad", "wrapped", [F(3, 4), I(2, 1, 3, 4)], Attribute.Of("mode", "wrap")),
        Move("Pad", "edge with negative amounts", [F(5, 4), I(-1, 2, 2, -1)], Attribute.Of("mode", "edge")),
    ];

    static OpSample Move(string op, string name, SampleInput?[] inputs, params Attribute[] attributes) => new(op, name, inputs, attributes) { Linear = true };

    static Attribute Ints(string name, params long[] values) => Attribute.Of(name, values);
}
