using GraphRewriter.Ir;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Rules;

/// <summary>A sum at the end of a residual block with an identity path.</summary>
/// <param name="Sum">The sum.</param>
/// <param name="Skip">The index of the summand that is the block's input.</param>
/// <param name="Branch">The index of the other, which a convolution, linear or recurrent layer has made of it.</param>
sealed record ResidualSum(Layer Sum, int Skip, int Branch);

/// <summary>Finds the ends of residual blocks.</summary>
static class ResidualSums
{
    /// <summary>Nodes of a branch that are followed back; a longer one is no block.</summary>
    const int MaxNodes = 200;

    /// <summary>
    /// The sums of two values one of which is computed from the other through at least one layer with weights, in graph order. Polynomials such as the inside of GELU have no layer in their branch; where
    /// the skip path has a projection, neither is computed from the other, and the two are no branch and skip to be told apart.
    /// </summary>
    public static IEnumerable<ResidualSum> In(RuleContext context)
    {
        if (context is not { Canonical: { StructureOnly: false } canonical }) yield break;
        var layers = FindLayers.WithMerges(canonical);
        var weighted = layers.Where(l => l.Kind is LayerKind.Convolution or LayerKind.Linear or LayerKind.Recurrent).Select(l => l.Node).ToHashSet();
        foreach (var sum in layers.Where(l => l.Kind == LayerKind.Sum && l.Node.Inputs.Count == 2))
        {
            var (a, b) = (sum.Node.Inputs[0]!, sum.Node.Inputs[1]!);
            if (IsBranchOf(b, a, weighted)) yield return new ResidualSum(sum, 0, 1);
            else if (IsBranchOf(a, b, weighted)) yield return new ResidualSum(sum, 1, 0);
        }
    }

    /// <summary>Whether a value is computed from the skip path with a weighted layer on the way.</summary>
    static bool IsBranchOf(Value branch, Value skip, HashSet<Node> weighted)
    {
        if (branch == skip) return false;
        var open = new Stack<(Value Value, bool Weighted)>([(branch, false)]);
        var seen = new HashSet<(Value, bool)>();
        while (open.TryPop(out var at))
        {
            if (at.Value == skip)
            {
                if (at.Weighted) return true;
                continue;
            }
            if (at.Value.Producer is not { } producer || !seen.Add(at)) continue;
            if (seen.Count > MaxNodes) return false;
            foreach (var input in producer.Inputs) if (input is { Data: null }) open.Push((input, at.Weighted || weighted.Contains(producer)));
        }
        return false;
    }
}
