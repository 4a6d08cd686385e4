using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>The gradient of Einsum, for any number of operands, with ellipses, diagonals and labels that are only summed over.</summary>
static class EinsumRule
{
    const string Alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    /// <summary>A factor of the product: its value, one label per axis.</summary>
    sealed record Factor(Value Value, string Labels);

    /// <summary>Emits the gradients of an Einsum node's operands.</summary>
    internal static Value?[] Gradients(Tape t, Node n, Value dy)
    {
        var (operands, output, unused) = Parse(n);
        var factors = new List<Factor>();
        var units = new List<Factor>();
        foreach (var operand in operands) factors.Add(WithoutRepeats(t, operand, units, ref unused));
        var outputFactor = new Factor(dy, output);
        var result = new Value?[n.Inputs.Count];
        for (var i = 0; i < result.Length; i++)
        {
            List<Factor> others = [outputFactor, .. factors.Where((_, j) => j != i), .. units];
            result[i] = OperandGradient(t, factors[i], others);
        }
        return result;
    }

    /// <summary>
    /// The contraction of the other factors to the operand's labels. A label that no other factor has, or that the others hold with length one only,
    /// was only summed over: the gradient is the same all along it.
    /// </summary>
    static Value OperandGradient(Tape t, Factor operand, List<Factor> others)
    {
        var carried = new string([.. operand.Labels.Where((c, axis) => others.Exists(o => Carries(o, c, operand.Value.Shape![axis])))]);
        var equation = $"{string.Join(',', others.Select(o => o.Labels))}->{carried}";
        var contracted = t.Einsum(equation, [.. others.Select(o => o.Value)]);
        if (carried.Length == operand.Labels.Length) return contracted;
        long[] missing = [.. Enumerable.Range(0, operand.Labels.Length).Where(axis => !carried.Contains(operand.Labels[axis])).Select(axis => (long)axis)];
        return t.Expand(t.Unsqueeze(contracted, missing), t.ShapeOf(operand.Value));
    }

    static bool Carries(Factor factor, char label, Dim size)
    {
        var axis = factor.Labels.IndexOf(label, StringComparison.Ordinal);
        return axis >= 0 && (factor.Value.Shape![axis].Size != 1 || size.Size == 1);
    }

    /// <summary>Gives each axis a label of its own; where two had the same, their equality is a factor: the unit matrix.</summary>
    static Factor WithoutRepeats(Tape t, Factor factor, List<Factor> units, ref string unused)
    {
        var labels = factor.Labels.ToCharArray();
        for (var i = 0; i < labels.Length; i++)
        {
            var first = Array.IndexOf(labels, labels[i]);
            if (first == i) continue;
            var fresh = unused[0];
            unused = unused[1..];
            var size = t.DimOf(factor.Value, i);
            var unit = t.Op("EyeLike", t.Full(t.Concat(0, size, size), 0, factor.Value.Type));
            units.Add(new Factor(unit, $"{labels[first]}{fresh}"));
            labels[i] = fresh;
        }
        return factor with { Labels = new string(labels) };
    }

    static (List<Factor> Operands, string Output, string Unused) Parse(Node n)
    {
        var equation = n.String("equation").Replace(" ", "", StringComparison.Ordinal);
        var unused = new string([.. Alphabet.Where(c => !equation.Contains(c))]);
        var arrow = equation.IndexOf("->", StringComparison.Ordinal);
        var terms = (arrow < 0 ? equation : equation[..arrow]).Split(',');
        if (terms.Length != n.Inputs.Count) throw new ModelException(ModelProblem.InvalidGraph, $"The equation '{equation}' of {n} has {terms.Length} terms for {n.Inputs.Count} operands.");
        // The ellipsis stands for as many axes as the operand with most of them has; they are aligned at the end, as broadcasting does.
        var extents = terms.Select((term, i) => term.Contains("...", StringComparison.Ordinal) ? n.Inputs[i]!.Rank - (term.Length - 3) : 0).ToArray();
        var ellipsis = unused[..extents.Max()];
        unused = unused[ellipsis.Length..];
        var operands = terms.Select((term, i) => new Factor(n.Inputs[i]!, term.Replace("...", ellipsis[(ellipsis.Length - extents[i])..], StringComparison.Ordinal))).ToList();
        var output = arrow < 0 ? Implicit(terms, ellipsis) : equation[(arrow + 2)..].Replace("...", ellipsis, StringComparison.Ordinal);
        return (operands, output, unused);
    }

    /// <summary>Without an arrow the output has the ellipsis, then the labels that occur once, in alphabetical order.</summary>
    static string Implicit(string[] terms, string ellipsis)
    {
        var all = string.Concat(terms).Replace("...", "", StringComparison.Ordinal);
        return ellipsis + new string([.. all.Where(c => all.Count(d => d == c) == 1).Order()]);
    }
}
