using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Where a value counts samples during <see cref="BatchProof"/>.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="PerSample">How many of the axis' elements, lying together, belong to one sample.</param>
readonly record struct BatchPlace(int Axis, long PerSample)
{
    /// <summary>The symbol of the batch size; no file can hold it, as symbols are identifiers.</summary>
    const string Symbol = "#batch";

    /// <summary>The dimension of batch × <paramref name="perSample"/> elements.</summary>
    public static Dim Dim(long perSample) => new(-1, perSample == 1 ? Symbol : string.Create(CultureInfo.InvariantCulture, $"{Symbol}*{perSample}"));

    /// <summary>The place of a value; null where no axis counts samples, or more than one does.</summary>
    public static BatchPlace? Of(Value? value)
    {
        if (value?.Shape is not { } shape) return null;
        BatchPlace? found = null;
        for (var i = 0; i < shape.Rank; i++)
        {
            if (shape[i].Symbol is not { } symbol || !symbol.StartsWith(Symbol, StringComparison.Ordinal)) continue;
            if (found is not null) return null;
            found = new BatchPlace(i, symbol.Length == Symbol.Length ? 1 : long.Parse(symbol.AsSpan(Symbol.Length + 1), CultureInfo.InvariantCulture));
        }
        return found;
    }
}
