using GraphRewriter.Ir;
using static GraphRewriter.Tests.Gradients.SampleInput;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Gradients.Samples;

/// <summary>Samples of operators that pick or place elements by index.</summary>
static class IndexSamples
{
    internal static readonly OpSample[] All =
    [
        Pick("Gather", "embedding", F(6, 3), I([2, 3], 5, 0, 2, 2, 5, 2).Fed()),
        Pick("Gather", "negative indices and duplicates", F(2, 5, 2), I([4], -1, 4, -5, 1).Fed(), Axis(1)),
        Pick("Gather", "negative axis", F(2, 3, 4), I([2, 2], 0, 3, -1, 3).Fed(), Axis(-1)),
        Pick("Gather", "scalar index", F(2, 4, 3), Scalar(2).Fed(), Axis(1)),
        Pick("Gather", "constant scalar", F(2, 4, 3), Scalar(-1), Axis(1)),
        Pick("Gather", "constant permutation", F(2, 5), I(3, 0, 4, 1, 2), Axis(1)),
        Pick("Gather", "constant run", F(6, 2), I(1, 2, 3)),
        Pick("Gather", "constant steps", F(7, 2), I(1, 3, 5)),
        Pick("Gather", "constant subset", F(6, 2), I(4, -6, 3)),
        Pick("Gather", "constant duplicates", F(4, 2), I([2, 2], 1, 3, 1, -1)),
        Pick("Gather", "constant matrix of indices", F(6, 2), I([2, 2], 5, 3, 1, 2)),
        Pick("Gather", "narrow indices", F(4, 2), I(1, 3, 1).Fed() with { Type = ElementType.Int32 }),
        Pick("GatherElements", "rows", F(3, 4), I([2, 4], 0, 2, 1, 2, 2, 2, 0, 0).Fed()),
        Pick("GatherElements", "negative axis and indices", F(3, 4), I([3, 2], -1, 0, 3, 3, -4, -4).Fed(), Axis(-1)),
        Pick("GatherElements", "duplicates in three axes", F(2, 3, 2), I([2, 2, 2], 0, 0, 0, 2, 1, 1, 1, 1).Fed(), Axis(1)),
        Pick("GatherND", "elements", F(3, 4), I([3, 2], 0, 1, 2, 3, 0, 1).Fed()),
        Pick("GatherND", "slices, negative and duplicate", F(3, 4), I([2, 2, 1], -1, 2, 0, 1).Fed()),
        Pick("GatherND", "batch", F(2, 3, 4), I([2, 2, 1], 1, 1, -1, 0).Fed(), Attribute.Of("batch_dims", 1L)),
        Pick("GatherND", "two batch axes", F(2, 2, 3, 2), I([2, 2, 2], 0, 1, 2, 0, -1, -1, 1, 1).Fed(), Attribute.Of("batch_dims", 2L)),
        Pick("GatherND", "three indexed axes", F(2, 3, 2, 2), I([3, 3], 0, 1, 1, -1, -1, -1, 1, 2, 1).Fed()),

        Place("ScatterElements", "none", F(3, 4), I([2, 3], 0, 2, 1, 1, 0, 2).Fed(), F(2, 3), "none"),
        Place("ScatterElements", "none, negative axis and indices", F(3, 4), I([3, 2], -1, 0, 1, 2, -4, 3).Fed(), F(3, 2), "none", Axis(-1)),
        Place("ScatterElements", "sum with duplicates", F(3, 4), I([2, 4], 0, 2, 1, -1, 0, 2, 1, 2).Fed(), F(2, 4), "add"),
        Place("ScatterElements", "product with duplicates", F(3, 3), I([3, 3], 0, 2, 1, 0, 2, 1, 0, 1, -1).Fed(), F(3, 3), "mul") with { Linear = false },
        Place("ScatterElements", "product with zeros", F(3), I([4], 0, 0, 1, 2).Fed(), V(0, 2, 0, 3), "mul") with { Linear = false, NotTwice = "at a zero factor the product of the others is taken as a constant" },
        Place("ScatterElements", "product with two zeros at a place", F(2), I([3], 0, 0, 0).Fed(), V(0, 0, 3), "mul") with { Linear = false, NotTwice = "at a zero factor the product of the others is taken as a constant" },
        Place("ScatterElements", "maximum", F(3, 3), I([3, 3], 0, 2, 1, 0, 2, 1, 0, 1, -1).Fed(), F(3, 3), "max") with { Linear = false, Domain = Domain.Distinct },
        Place("ScatterElements", "minimum along the last axis", F(2, 4), I([2, 3], 0, 0, -1, 1, 2, 1).Fed(), F(2, 3), "min", Axis(1)) with { Linear = false, Domain = Domain.Distinct },
        Place("ScatterElements", "maximum with ties", V(1, 5, 2), I([4], 0, 0, 2, 1).Fed(), V(1, 1, 2, 4), "max") with { Linear = false, Expected = [[1.0 / 3, 1, 0.5], [1.0 / 3, 1.0 / 3, 0.5, 0]] },

        Place("ScatterND", "none", F(4, 3), I([2, 1], 2, -4).Fed(), F(2, 3), "none"),
        Place("ScatterND", "elements", F(3, 4), I([2, 2], 0, 1, -1, 3).Fed(), F(2), "none"),
        Place("ScatterND", "sum with duplicates", F(4, 3), I([3, 1], 2, 0, 2).Fed(), F(3, 3), "add"),
        Place("ScatterND", "product with duplicates", F(3, 2), I([3, 1], 2, 0, 2).Fed(), F(3, 2), "mul") with { Linear = false },
        Place("ScatterND", "maximum", F(3, 2), I([2, 2, 1], 2, 0, 2, 1).Fed(), F(2, 2, 2), "max") with { Linear = false, Domain = Domain.Distinct },
        Place("ScatterND", "minimum of elements", F(2, 3), I([3, 2], 0, 1, 1, 2, 0, 1).Fed(), F(3), "min") with { Linear = false, Domain = Domain.Distinct },
    ];

    static OpSample Pick(string op, string name, SampleInput x, SampleInput indices, params Attribute[] attributes) =>
        new(op, name, [x, op is "GatherND" ? indices.Shaped() : indices], attributes) { Linear = true };

    static OpSample Place(string op, string name, SampleInput x, SampleInput indices, SampleInput updates, string reduction, params Attribute[] attributes) =>
        new(op, name, [x, indices, updates], [Attribute.Of("reduction", reduction), .. attributes]) { Linear = true };

    static Attribute Axis(long axis) => Attribute.Of("axis", axis);
}
