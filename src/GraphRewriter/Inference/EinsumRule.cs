using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Sums of products by an equation, as "bij,bjk->bik": a letter names one size wherever it stands, an ellipsis the dimensions it spans, which broadcast.
/// </summary>
static class EinsumRule
{
    const string Dots = "...";

    /// <summary>States the output of an Einsum node.</summary>
    public static void Infer(in InferenceContext x)
    {
        var equation = x.Node.String("equation").Replace(" ", "", StringComparison.Ordinal);
        var arrow = equation.IndexOf("->", StringComparison.Ordinal);
        var terms = (arrow < 0 ? equation : equation[..arrow]).Split(',');
        if (terms.Length != x.InputCount) throw x.Conflict($"equation '{equation}' names {terms.Length} operands");
        var sizes = new SortedDictionary<char, Dim>();
        Shape? ellipsis = Shape.Scalar;
        for (var i = 0; i < terms.Length; i++) ellipsis = Read(x, i, terms[i], sizes, ellipsis);
        var output = arrow >= 0 ? equation[(arrow + 2)..] : Dots + string.Concat(sizes.Keys.Where(c => string.Concat(terms).Count(t => t == c) == 1));
        x.Out(0, x.TypeOf(0), Output(x, output, sizes, ellipsis));
    }

    // Adds what an operand tells of its letters; returns what the ellipses span with this one, null where that is not known.
    static Shape? Read(in InferenceContext x, int operand, string term, SortedDictionary<char, Dim> sizes, Shape? ellipsis)
    {
        var letters = term.Replace(Dots, "", StringComparison.Ordinal);
        var dots = term.IndexOf(Dots, StringComparison.Ordinal);
        if (x.ShapeOf(operand) is not { } shape)
        {
            foreach (var c in letters) sizes.TryAdd(c, Dim.Unknown);
            return dots < 0 ? ellipsis : null;
        }
        var spanned = shape.Rank - letters.Length;
        if (dots < 0 ? spanned != 0 : spanned < 0) throw x.Conflict($"term '{term}' does not fit operand {operand}");
        for (var k = 0; k < letters.Length; k++)
        {
            var dim = shape[dots >= 0 && k >= dots ? k + spanned : k];
            if (!sizes.TryGetValue(letters[k], out var known)) sizes[letters[k]] = dim;
            else if (DimArithmetic.TryBroadcast(known, dim, out var both)) sizes[letters[k]] = both;
            else throw x.Conflict($"'{letters[k]}' has two sizes, {known} and {dim}");
        }
        if (dots < 0 || ellipsis is null) return ellipsis;
        return DimArithmetic.Broadcast(ellipsis, new Shape(shape.Skip(dots).Take(spanned))) ?? throw x.Conflict("the ellipses do not broadcast");
    }

    static Shape? Output(in InferenceContext x, string output, SortedDictionary<char, Dim> sizes, Shape? ellipsis)
    {
        var dims = new List<Dim>();
        for (var k = 0; k < output.Length; k++)
        {
            if (output[k] == '.')
            {
                if (ellipsis is null) return null;
                dims.AddRange(ellipsis);
                k += Dots.Length - 1;
            }
            else dims.Add(sizes.TryGetValue(output[k], out var dim) ? dim : throw x.Conflict($"output '{output[k]}' is in no operand"));
        }
        return new Shape(dims);
    }
}
