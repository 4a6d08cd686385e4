using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>Arithmetic on dimensions of which some are unknown or symbols.</summary>
static class DimArithmetic
{
    /// <summary>More dimensions than any tensor has; a longer vector is no shape.</summary>
    public const int MaxRank = 1024;

    const string MinusOneSymbol = "-1";

    /// <summary>
    /// The number -1 among dimensions used as contents, where it asks Reshape to work a dimension out. <see cref="Dim"/> has no negative numbers, so it is a
    /// symbol of its own.
    /// </summary>
    public static Dim MinusOne => new(-1, MinusOneSymbol);

    /// <summary>A number as a content; negative ones other than -1 are forgotten.</summary>
    public static Dim Of(long number) => number >= 0 ? new Dim(number) : number == -1 ? MinusOne : Dim.Unknown;

    /// <summary>The number a content stands for, where it stands for one.</summary>
    public static bool TryNumber(Dim dim, out long number)
    {
        number = dim.Size;
        return dim.IsKnown || dim.Symbol is MinusOneSymbol;
    }

    /// <summary>A content used as a dimension of a shape: -1 is none.</summary>
    public static Dim AsSize(Dim dim) => dim.Symbol is MinusOneSymbol ? Dim.Unknown : dim;

    /// <summary>The sum.</summary>
    public static Dim Add(Dim a, Dim b)
    {
        if (a.IsKnown && b.IsKnown) return Checked((Int128)a.Size + b.Size);
        return a.Size == 0 ? b : b.Size == 0 ? a : Dim.Unknown;
    }

    /// <summary>The sum with a number of any sign; unknown where it is negative.</summary>
    public static Dim Add(Dim a, long b) => b == 0 ? a : a.IsKnown ? Checked((Int128)a.Size + b) : Dim.Unknown;

    /// <summary>The product.</summary>
    public static Dim Multiply(Dim a, Dim b)
    {
        if (a.IsKnown && b.IsKnown) return Checked((Int128)a.Size * b.Size);
        return a.Size == 1 ? b : b.Size == 1 ? a : a.Size == 0 || b.Size == 0 ? 0 : SymbolicProduct.Multiply(a, b);
    }

    /// <summary>The quotient rounded down; of symbols only where it is exact.</summary>
    public static Dim Divide(Dim a, long b) => b == 1 ? a : b <= 0 ? Dim.Unknown : a.IsKnown ? a.Size / b : SymbolicProduct.Divide(a, b);

    /// <summary>The product of the dimensions from one axis to before another.</summary>
    public static Dim Product(Shape shape, int from, int to)
    {
        Dim product = 1;
        for (var i = from; i < to; i++) product = Multiply(product, shape[i]);
        return product;
    }

    /// <summary>The dimension that two must both be; the better known of them.</summary>
    /// <returns>False where they are different numbers.</returns>
    public static bool TryUnify(Dim a, Dim b, out Dim result)
    {
        result = a.IsKnown ? a : b.IsKnown ? b : a.Symbol is not null ? a : b;
        return !a.IsKnown || !b.IsKnown || a.Size == b.Size;
    }

    /// <summary>The dimension that is right whichever of two it turns out to be.</summary>
    public static Dim Join(Dim a, Dim b) => a == b ? a : Dim.Unknown;

    /// <summary>The shape that is right whichever of two it turns out to be; null where the ranks differ.</summary>
    public static Shape? Join(Shape? a, Shape? b)
    {
        if (a is null || b is null || a.Rank != b.Rank) return null;
        if (a.Equals(b)) return a;
        var dims = new Dim[a.Rank];
        for (var i = 0; i < dims.Length; i++) dims[i] = Join(a[i], b[i]);
        return new Shape(dims);
    }

    /// <summary>The inferred shape, with the declared one's dimensions where inference knows none and the ranks agree.</summary>
    public static Shape? Fill(Shape? inferred, Shape? declared)
    {
        if (inferred is null || declared is null || ReferenceEquals(inferred, declared)) return inferred ?? declared;
        if (inferred.Rank != declared.Rank) return inferred;
        Dim[]? dims = null;
        for (var i = 0; i < inferred.Rank; i++)
        {
            if (inferred[i] != Dim.Unknown || declared[i] == Dim.Unknown) continue;
            dims ??= [.. inferred];
            dims[i] = declared[i];
        }
        return dims is null ? inferred : new Shape(dims);
    }

    /// <summary>The dimension that two broadcast to.</summary>
    /// <returns>False where they are different numbers, neither of them 1.</returns>
    public static bool TryBroadcast(Dim a, Dim b, out Dim result)
    {
        if (a.Size == 1 || b.Size == 1)
        {
            result = a.Size == 1 ? b : a;
            return true;
        }
        // An unknown dimension beside a number other than 1 is that number or 1.
        result = a.IsKnown ? a : b.IsKnown ? b : Dim.SurelyEqual(a, b) ? a : Dim.Unknown;
        return !a.IsKnown || !b.IsKnown || a.Size == b.Size;
    }

    /// <summary>The shape that two broadcast to, or null where they conflict.</summary>
    public static Shape? Broadcast(Shape a, Shape b)
    {
        if (a.Rank == 0 || Shape.SurelyEqual(a, b)) return b;
        if (b.Rank == 0) return a;
        var dims = new Dim[Math.Max(a.Rank, b.Rank)];
        for (var i = 1; i <= dims.Length; i++)
        {
            var left = i <= a.Rank ? a[^i] : 1;
            var right = i <= b.Rank ? b[^i] : 1;
            if (!TryBroadcast(left, right, out dims[^i])) return null;
        }
        return new Shape(dims);
    }

    static Dim Checked(Int128 number) => number >= 0 && number <= long.MaxValue ? (long)number : Dim.Unknown;
}
