using System.Globalization;
using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Where a value counts samples during <see cref="BatchProof"/>.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="PerSample">How many of the axis' elements, lying together, belong to one sample.</param>
/// <param name="Outer">How often the axis runs through all samples: more than once where what came before the samples was joined with them.</param>
readonly record struct BatchPlace(int Axis, long PerSample, long Outer = 1)
{
    /// <summary>The symbol of the batch size; no file can hold it, as symbols are identifiers. A number behind it says how often all samples are run through.</summary>
    const string Symbol = "#batch";

    /// <summary>The elements of the axis that one sample has.</summary>
    public long Share => PerSample * Outer;

    /// <summary>The dimension of outer × batch × <paramref name="perSample"/> elements, the samples in the middle.</summary>
    public static Dim Dim(long perSample, long outer = 1) =>
        SymbolicProduct.Of(perSample, [outer == 1 ? Symbol : string.Create(CultureInfo.InvariantCulture, $"{Symbol}.{outer}")]);

    /// <summary>The place of a value; null where no axis counts samples, or more than one does, or samples are counted together with something unknown.</summary>
    public static BatchPlace? Of(Value? value)
    {
        if (value?.Shape is not { } shape) return null;
        BatchPlace? found = null;
        for (var i = 0; i < shape.Rank; i++)
        {
            var symbols = new List<string>();
            if (!SymbolicProduct.TryFactor(shape[i], symbols, out var number) || symbols.Find(s => s.StartsWith(Symbol, StringComparison.Ordinal)) is not { } symbol) continue;
            if (found is not null || symbols.Count > 1) return null;
            found = new BatchPlace(i, number, symbol.Length == Symbol.Length ? 1 : long.Parse(symbol.AsSpan(Symbol.Length + 1), CultureInfo.InvariantCulture));
        }
        return found;
    }
}
