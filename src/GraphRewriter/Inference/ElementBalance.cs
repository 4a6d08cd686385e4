using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Weighs the elements of a shape against dimensions taken out of it one by one. Symbols cancel, so that [N, 8, 8] over [N, ?] leaves 64.
/// </summary>
ref struct ElementBalance
{
    readonly Shape? shape;
    readonly List<string> symbols = [];
    readonly bool countable;
    readonly Int128 product = 1;
    int nameless;
    bool missing;
    Int128 taken = 1;

    /// <summary>Starts with all elements of a shape.</summary>
    public ElementBalance(Shape? shape)
    {
        this.shape = shape;
        countable = shape is not null;
        if (shape is null) return;
        foreach (var dim in shape)
        {
            if (!SymbolicProduct.TryFactor(dim, symbols, out var number)) nameless++;
            else if (!Multiply(ref product, number)) countable = false;
        }
    }

    /// <summary>Takes a dimension; false where it is not known, so that it may be what is left over.</summary>
    public bool Take(Dim dim)
    {
        var factors = new List<string>();
        if (!SymbolicProduct.TryFactor(dim, factors, out var number)) return false;
        if (!Multiply(ref taken, number)) missing = true;
        // A symbol that does not cancel could stand for any number.
        foreach (var symbol in factors) if (!symbols.Remove(symbol)) missing = true;
        return true;
    }

    /// <summary>Takes a dimension of the shape itself: it cancels even where it is unknown.</summary>
    public void TakeAxis(int axis)
    {
        if (!Take(shape![axis])) nameless--;
    }

    /// <summary>What is left for one more dimension; null where that is not decided, unknown where no number fits.</summary>
    public readonly Dim? Rest
    {
        get
        {
            if (!countable || missing || taken == 0) return null;
            if (nameless > 0) return nameless == 1 && symbols.Count == 0 && product == taken ? Dim.Unknown : null;
            if (product % taken == 0) return SymbolicProduct.Of(product / taken, symbols);
            return symbols.Count == 0 ? Dim.Unknown : null;
        }
    }

    /// <summary>Whether the elements divide among the dimensions taken; true where that is not known.</summary>
    public readonly bool Divides => !countable || missing || nameless > 0 || symbols.Count > 0 || taken == 0 || product % taken == 0;

    /// <summary>Whether the dimensions taken certainly hold another number of elements than the shape.</summary>
    public readonly bool Differs => countable && !missing && nameless == 0 && symbols.Count == 0 && product != taken;

    static bool Multiply(ref Int128 product, long factor)
    {
        product *= factor;
        // Two 63-bit factors fit 128 bits; what outgrows 64 bits is no tensor.
        return product <= long.MaxValue;
    }
}
