using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Strings, sequences and optionals, of which only little can be known.</summary>
static class TextRules
{
    internal static readonly ShapeRule[] All =
    [
        new("StringNormalizer", (in x) => x.Out(0, ElementType.String, x.ShapeOf(0) is { } s ? Shape.OfRank(s.Rank) : null)),
        new("StringSplit", StringSplit),
        new("TfIdfVectorizer", TfIdfVectorizer),
        new("SequenceLength", (in x) => x.Out(0, ElementType.Int64, Shape.Scalar)),
        new("OptionalHasElement", (in x) => x.Out(0, ElementType.Bool, Shape.Scalar)),
        new("OptionalGetElement", (in x) => x.Out(0, x.TypeOf(0), x.ShapeOf(0))),
    ];

    static void StringSplit(in InferenceContext x)
    {
        x.Out(0, ElementType.String, x.ShapeOf(0) is { } shape ? new Shape([.. shape, Dim.Unknown]) : null);
        x.Out(1, ElementType.Int64, x.ShapeOf(0));
    }

    static void TfIdfVectorizer(in InferenceContext x)
    {
        Dim width = x.Node.Ints("ngram_indexes") is { Length: > 0 } places ? places.Max() + 1 : Dim.Unknown;
        x.Out(0, ElementType.Float32, x.ShapeOf(0) switch
        {
            { Rank: 2 } shape => new Shape(shape[0], width),
            { Rank: < 2 } => new Shape(width),
            _ => null,
        });
    }
}
