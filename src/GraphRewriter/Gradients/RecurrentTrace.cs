using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Takes down where one direction of a recurrent layer uses its weights, so that their gradients can be had step by step. To each product zeros are added that come from
/// outside, a slice a step: the gradient by the zeros is that by the product, stacked over the steps.
/// </summary>
/// <param name="outer">Where the Scan goes.</param>
/// <param name="scan">The Scan.</param>
/// <param name="x">The layer's input: [steps, batch, features].</param>
/// <param name="backwards">Whether the Scan runs from the last step.</param>
sealed class RecurrentTrace(Tape outer, ScanBuilder scan, Value x, bool backwards)
{
    /// <summary>The projected input, biases included: [steps, batch, gates * hidden].</summary>
    public Value Projected { get; set; } = null!;

    /// <summary>The products with parts of the hidden weight, in the order of their columns: rows [steps, batch, hidden] and the zeros added [steps, batch, columns].</summary>
    public List<(Value Rows, Value Zeros)> Products { get; } = [];

    /// <summary>By peephole: the cell states [steps, batch, hidden] and the zeros added.</summary>
    public SortedDictionary<int, (Value Cells, Value Zeros)> Peepholes { get; } = [];

    /// <summary>The zeros added.</summary>
    public IEnumerable<Value> Zeros => Products.Select(p => p.Zeros).Concat(Peepholes.Values.Select(p => p.Zeros));

    /// <summary>Takes down a product and returns what takes its place.</summary>
    public Value Product(Tape body, Value rows, Value product)
    {
        var (sum, zeros) = Disturbed(body, product);
        Products.Add((scan.Yield(rows, 0, backwards), zeros));
        return sum;
    }

    /// <summary>Takes down what a peephole adds and returns what takes its place.</summary>
    public Value Peephole(Tape body, int index, Value cell, Value product)
    {
        var (sum, zeros) = Disturbed(body, product);
        Peepholes[index] = (scan.Yield(cell, 0, backwards), zeros);
        return sum;
    }

    (Value Sum, Value Zeros) Disturbed(Tape body, Value product)
    {
        // A node of its own for each: equal constants would be one value, with one gradient for all.
        var sizes = outer.Concat(0, outer.DimOf(x, 0), outer.DimOf(x, 1), outer.DimOf(product, 1));
        var zeros = outer.Ops("Expand", 1, [], outer.Scalar(0, product.Type), sizes).Output;
        return (body.Add(product, scan.Over(zeros, 0, backwards)), zeros);
    }
}
