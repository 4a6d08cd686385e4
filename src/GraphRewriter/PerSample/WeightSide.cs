using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>
/// Takes gradients of single samples from what was computed of weights alone (a transposed or normalised weight) back to the weights: the node's own gradient rule,
/// once for each sample. For operators that only move elements the samples are one more axis; else a Scan runs over the samples.
/// </summary>
static class WeightSide
{
    /// <summary>The gradients of a node's inputs for each sample.</summary>
    /// <param name="t">Where to emit.</param>
    /// <param name="node">A node none of whose values counts samples.</param>
    /// <param name="dy">One per output: [N, shape]; null where nothing depends on it.</param>
    /// <param name="rules">The rules.</param>
    /// <returns>Inputs with their gradients [N, shape].</returns>
    /// <exception cref="ModelException">The operator has no gradient.</exception>
    public static IReadOnlyList<(Value Input, Value Gradient)> Back(Tape t, Node node, IReadOnlyList<Value?> dy, RuleSet rules)
    {
        if (node.Domain.Length > 0 || !rules.ByOp.TryGetValue(node.OpType, out var rule) || rule.GradientsByValue is not null)
            throw new ModelException(ModelProblem.Unsupported, $"{node} stands between a weight and its use, and gradients of single samples are not taken through it");
        if (dy[0] is { } only && Moved(t, node, only) is { } moved) return [(node.Inputs[0]!, moved)];
        var scan = new ScanBuilder(t);
        var each = dy.Select(d => d is null ? null : scan.Over(d)).ToList();
        var gradients = rule.Gradients(scan.Body, node, each);
        var result = new List<(Value, Value)>();
        for (var k = 0; k < gradients.Length; k++)
            if (gradients[k] is { } g && node.Inputs[k] is { IsFloat: true } input) result.Add((input, scan.Yield(scan.Body.SumTo(g, input))));
        scan.DropUnused();
        scan.Emit();
        return result;
    }

    static Value? Moved(Tape t, Node node, Value dy)
    {
        var x = node.Inputs[0]!;
        switch (node.OpType)
        {
            case "Identity":
                return dy;
            case "Cast":
                return t.Cast(dy, t.Computed(x.Type));
            case "Reshape" or "Flatten" or "Squeeze" or "Unsqueeze":
                return t.SamplesLike(dy, x);
            case "Transpose":
                var permutation = node.Ints("perm") ?? [.. Enumerable.Range(0, x.Rank).Reverse().Select(i => (long)i)];
                var inverse = new long[x.Rank];
                for (var i = 0; i < inverse.Length; i++) inverse[permutation[i]] = i + 1;
                return t.Transpose(dy, [0, .. inverse]);
            default:
                return null;
        }
    }
}
