using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>The product of the Hessian with a vector, in the graph.</summary>
/// <param name="Directions">The graph input added for each target's part of the vector: <c>v/NAME</c>, of the target's type and shape.</param>
/// <param name="Products">The part of the product that belongs to each target, of the target's type and shape.</param>
/// <param name="Blocked">The nodes at which the second gradient stopped, in graph order; those of the first are in its own result.</param>
public sealed record HessianProducts(IReadOnlyDictionary<Value, Value> Directions, IReadOnlyDictionary<Value, Value> Products, IReadOnlyList<BlockedNode> Blocked);

/// <summary>
/// Products of a loss's Hessian H with vectors v, as the gradient of ⟨gradient, v⟩: a second sweep, over the graph with its first gradients in it, costs a few
/// backward passes whatever the number of parameters, and H is never formed (Pearlmutter, "Fast Exact Multiplication by the Hessian", Neural Computation 6, 1994;
/// there the same product is taken forward, as a directional derivative of the gradient). Where the loss has a kink, H is that of the branch that the gradient takes.
/// </summary>
public static class HessianVectorProduct
{
    /// <summary>
    /// Emits H v for the Hessian by all targets together: the product of a target is Σ_j ∂²loss/∂target∂target_j · v_j. A target has neither direction nor product, and
    /// counts as a constant, where the loss does not depend on it or its first gradient lacks a part for want of a rule; one whose second gradient lacks a part
    /// has no product. Both are told by the blocked nodes.
    /// </summary>
    /// <param name="graph">The graph, with the first gradients in it. The emitted nodes are appended and the directions become inputs.</param>
    /// <param name="first">The gradients of the loss, as <see cref="Differentiate"/> gave them for these targets.</param>
    /// <param name="targets">The targets and what their directions are named after.</param>
    /// <param name="names">The names taken in the graph; null to collect them.</param>
    public static HessianProducts Emit(Graph graph, DifferentiationResult first, IReadOnlyCollection<(string Name, Value Value)> targets, NameScope? names = null)
    {
        names ??= new NameScope(graph);
        var incomplete = LeadingToGaps(graph, first);
        var directions = new Dictionary<Value, Value>();
        foreach (var (name, target) in targets)
            if (first.Gradients.ContainsKey(target) && !incomplete.Contains(target) && !directions.ContainsKey(target))
                directions[target] = new Value(names.Fresh($"v/{name}"), target.Type, target.Shape);
        graph.Inputs.AddRange(directions.Values);

        var tape = new Tape(names) { Prefix = "hessian/" };
        var second = Differentiate.Run(graph, [.. directions.Select(d => (first.Gradients[d.Key], d.Value))], directions.Keys, tape);
        incomplete = LeadingToGaps(graph, second);
        // A gradient that does not depend on any target has a Hessian of zeros.
        var products = directions.Keys.Where(t => !incomplete.Contains(t)).ToDictionary(t => t, t => second.Gradients.GetValueOrDefault(t) ?? tape.ZerosLike(t));
        tape.AppendTo(graph);
        return new HessianProducts(directions, products, second.Blocked);
    }

    /// <summary>The values on whose way to the loss a rule is missing.</summary>
    static HashSet<Value> LeadingToGaps(Graph graph, DifferentiationResult result)
    {
        var gaps = result.Blocked.Where(b => b.IsMissingRule).Select(b => b.Node).ToHashSet();
        // One inside a subgraph, which may be a copy made for its gradient, is taken to lie in any node with subgraphs.
        var hidden = gaps.Except(graph.Nodes).Any();
        var nodes = graph.Nodes.Where(n => gaps.Contains(n) || (hidden && n.Subgraphs.Any()));
        return Differentiate.Upstream(graph.Nodes, nodes.SelectMany(n => n.Outputs).OfType<Value>()).Values;
    }
}
