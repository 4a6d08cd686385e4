using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Weighs the elements of a shape against dimensions taken out of it one by one. Symbols cancel, so that [N, 8, 8] over [N, ?] leaves 64.
/// </summary>
ref struct ElementBalance
{
    readonly Shape? shape;
    readonly List<Dim> unknown = [];
    readonly bool countable;
    bool missing;
    readonly Int128 product = 1;
    Int128 taken = 1;

    /// <summary>Starts with all elements of a shape.</summary>
    public ElementBalance(Shape? shape)
    {
        this.shape = shape;
        countable = shape is not null;
        if (shape is null) return;
        foreach (var dim in shape)
        {
            if (!dim.IsKnown) unknown.Add(dim);
            else if (!Multiply(ref product, dim.Size)) countable = false;
        }
    }

    /// <summary>Takes a dimension; false where its size is not known, so that it may be what is left over.</summary>
    public bool Take(Dim dim)
    {
        if (dim.IsKnown) return Multiply(ref taken, dim.Size) || (missing = true);
        if (dim.Symbol is null) return false;
        // A symbol that does not cancel could stand for any number.
        if (!unknown.Remove(dim)) missing = true;
        return true;
    }

    /// <summary>Takes a dimension of the shape itself: it cancels even where it is unknown.</summary>
    public void TakeAxis(int axis)
    {
        var dim = shape![axis];
        if (dim.IsKnown) Take(dim);
        else if (!unknown.Remove(dim)) missing = true;
    }

    /// <summary>What is left for one more dimension; null where that is not decided, unknown where no number fits.</summary>
    public readonly Dim? Rest
    {
        get
        {
            if (!countable || missing || taken == 0) return null;
            if (unknown.Count == 0) return Divides ? (long)(product / taken) : Dim.Unknown;
            return unknown.Count == 1 && product == taken ? unknown[0] : null;
        }
    }

    /// <summary>Whether the elements divide among the dimensions taken; true where that is not known.</summary>
    public readonly bool Divides => !countable || missing || unknown.Count > 0 || taken == 0 || product % taken == 0;

    /// <summary>Whether the dimensions taken certainly hold another number of elements than the shape.</summary>
    public readonly bool Differs => countable && !missing && unknown.Count == 0 && product != taken;

    static bool Multiply(ref Int128 product, long factor)
    {
        product *= factor;
        // Two 63-bit factors fit 128 bits; what outgrows 64 bits is no tensor.
        return product <= long.MaxValue;
    }
}
