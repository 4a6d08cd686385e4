using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Inference;

/// <summary>
/// Products of numbers and symbols, written as symbols of their own: 4 heads times "batch" is "4*batch". Equal products have equal names, so that shapes
/// built of them compare.
/// </summary>
static class SymbolicProduct
{
    /// <summary>Splits a dimension into a number and symbols, which are appended; false where the dimension is not known even by name.</summary>
    public static bool TryFactor(Dim dim, List<string> symbols, out long number)
    {
        number = dim.IsKnown ? dim.Size : 1;
        if (dim.IsKnown) return true;
        if (dim.Symbol is not { Length: > 0 } name || DimArithmetic.TryNumber(dim, out _))
        {
            number = 1;
            return false;
        }
        if (!name.Contains('*', StringComparison.Ordinal) || !TrySplit(name, symbols, ref number)) symbols.Add(name);
        return true;
    }

    /// <summary>The dimension that a number times symbols is; unknown where the number is no size.</summary>
    public static Dim Of(Int128 number, List<string> symbols)
    {
        if (number < 0 || number > long.MaxValue) return Dim.Unknown;
        if (symbols.Count == 0 || number == 0) return (long)number;
        if (symbols.Count == 1 && number == 1) return new Dim(-1, symbols[0]);
        symbols.Sort(StringComparer.Ordinal);
        var names = string.Join('*', symbols.Select(s => IsName(s) ? s : $"({s})"));
        return new Dim(-1, number == 1 ? names : $"{number}*{names}");
    }

    /// <summary>The product of two dimensions that are not both numbers; unknown where one has not even a name.</summary>
    public static Dim Multiply(Dim a, Dim b)
    {
        var symbols = new List<string>();
        return TryFactor(a, symbols, out var m) && TryFactor(b, symbols, out var n) ? Of((Int128)m * n, symbols) : Dim.Unknown;
    }

    /// <summary>The exact quotient of a product by a number; unknown where it leaves a remainder.</summary>
    public static Dim Divide(Dim dim, long divisor)
    {
        var symbols = new List<string>();
        return TryFactor(dim, symbols, out var number) && number % divisor == 0 ? Of(number / divisor, symbols) : Dim.Unknown;
    }

    // Names between '*', or anything between parentheses; other operators make the whole a name that only means itself.
    static bool TrySplit(string product, List<string> symbols, ref long number)
    {
        var before = symbols.Count;
        var start = 0;
        var depth = 0;
        for (var i = 0; i <= product.Length; i++)
        {
            var c = i < product.Length ? product[i] : '*';
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (depth > 0 || c != '*') continue;
            var factor = product[start..i];
            start = i + 1;
            if (int.TryParse(factor, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0) number *= n;
            else if (IsName(factor)) symbols.Add(factor);
            else if (factor is ['(', .., ')'] && factor.IndexOf(')', StringComparison.Ordinal) == factor.Length - 1) symbols.Add(factor[1..^1]);
            else
            {
                symbols.RemoveRange(before, symbols.Count - before);
                number = 1;
                return false;
            }
        }
        return true;
    }

    static bool IsName(string text)
    {
        foreach (var c in text) if (!char.IsLetterOrDigit(c) && c is not ('_' or '.' or ':' or '#' or '?')) return false;
        return text.Length > 0;
    }
}
