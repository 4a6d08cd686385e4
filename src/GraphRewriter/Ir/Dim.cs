namespace GraphRewriter.Ir;

/// <summary>One dimension of a shape: a number, a named symbol, or unknown.</summary>
/// <param name="Size">The number of elements along the dimension; -1 where it is not known.</param>
/// <param name="Symbol">The name the model gives an unknown dimension (dim_param); null for none.</param>
public readonly record struct Dim(long Size, string? Symbol = null)
{
    /// <summary>A dimension about which nothing is known.</summary>
    public static Dim Unknown => new(-1);

    /// <summary>Whether the size is a number.</summary>
    public bool IsKnown => Size >= 0;

    /// <summary>Converts a number; negative numbers mean unknown.</summary>
    public static implicit operator Dim(long size) => new(size < 0 ? -1 : size);

    /// <summary>Whether both dimensions are certainly equal: the same number or the same symbol.</summary>
    public static bool SurelyEqual(Dim a, Dim b) => a.IsKnown ? a.Size == b.Size : a.Symbol is not null && string.Equals(a.Symbol, b.Symbol, StringComparison.Ordinal) && !b.IsKnown;

    /// <inheritdoc/>
    public override string ToString() => IsKnown ? Size.ToString(System.Globalization.CultureInfo.InvariantCulture) : Symbol ?? "?";
}
