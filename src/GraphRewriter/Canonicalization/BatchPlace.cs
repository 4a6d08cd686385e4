using GraphRewriter.Inference;
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
    public static Dim Dim(long perSample) => SymbolicProduct.Of(perSample, [Symbol]);

    /// <summary>The place of a value; null where no axis counts samples, or more than one does, or samples are counted together with something unknown.</summary>
    public static BatchPlace? Of(Value? value)
    {
        if (value?.Shape is not { } shape) return null;
        BatchPlace? found = null;
        for (var i = 0; i < shape.Rank; i++)
        {
            var symbols = new List<string>();
            if (!SymbolicProduct.TryFactor(shape[i], symbols, out var number) || !symbols.Contains(Symbol, StringComparer.Ordinal)) continue;
            if (found is not null || symbols.Count > 1) return null;
            found = new BatchPlace(i, number);
        }
        return found;
    }
}
