using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>Gradients of single samples.</summary>
/// <param name="Gradients">By parameter: [N, shape of the parameter], or what leads to it where only products are asked for.</param>
/// <param name="Refused">By parameter, why it has none; a parameter that the loss does not depend on is in neither.</param>
/// <param name="Blocked">The nodes at which the gradient stopped.</param>
public sealed record PerSampleResult(IReadOnlyDictionary<Value, Value> Gradients, IReadOnlyDictionary<Value, string> Refused, IReadOnlyList<BlockedNode> Blocked);

/// <summary>The Gram matrix of the gradients of single samples.</summary>
/// <param name="Matrix">[N, N]: ⟨gᵢ, gⱼ⟩ over all parameters counted; null where no parameter has gradients.</param>
/// <param name="Counted">The parameters counted.</param>
/// <param name="Refused">By parameter, why it is not counted.</param>
/// <param name="Blocked">The nodes at which the gradient stopped.</param>
public sealed record GramResult(Value? Matrix, IReadOnlyList<Value> Counted, IReadOnlyDictionary<Value, string> Refused, IReadOnlyList<BlockedNode> Blocked);

/// <summary>
/// Emits gᵢ = ∂lᵢ/∂W for each sample i of a batch, where the loss is the mean (or the sum) of the samples' losses lᵢ. The backward pass down to the outputs of the nodes
/// that take weights is the batch's own: samples do not meet on the way, so the gradient of the loss by an output of sample i is that of lᵢ. At the weights the sum
/// over samples is left out.
/// </summary>
public static class PerSampleGradients
{
    /// <summary>Emits the gradients themselves.</summary>
    /// <param name="graph">The graph with the loss attached; the emitted nodes are appended to it.</param>
    /// <param name="samples">Where its values count samples.</param>
    /// <param name="loss">The loss.</param>
    /// <param name="isMean">Whether the loss is the mean of the samples' losses; else their sum.</param>
    /// <param name="parameters">Float initializers or inputs that are the same for all samples.</param>
    /// <param name="names">The names taken in the graph.</param>
    /// <param name="straightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate, as if these did nothing.</param>
    public static PerSampleResult Run(Graph graph, SampleAxes samples, Value loss, bool isMean, IReadOnlyCollection<Value> parameters, NameScope names, bool straightThrough = false)
    {
        var (tape, back) = Sweep(graph, samples, loss, isMean, parameters, names, straightThrough);
        var gradients = parameters.Distinct().Where(back.Reached).ToDictionary(p => p, p => tape.Stored(back.Gradient(p), p.Type));
        return new PerSampleResult(Finished(graph, tape, gradients), back.RefusedOf(parameters), back.Blocked);
    }

    /// <summary>
    /// Emits their Gram matrix, parameter by parameter: what a parameter adds is computed from its gradients, which are then let go, or without them where that is cheaper.
    /// </summary>
    /// <inheritdoc cref="Run"/>
    public static GramResult Gram(Graph graph, SampleAxes samples, Value loss, bool isMean, IReadOnlyCollection<Value> parameters, NameScope names, bool straightThrough = false)
    {
        var (tape, back) = Sweep(graph, samples, loss, isMean, parameters, names, straightThrough);
        var counted = parameters.Distinct().Where(back.Reached).ToList();
        Value? sum = null;
        foreach (var parameter in counted)
        {
            var part = back.Gram(parameter);
            sum = sum is null ? part : tape.Add(sum, part);
        }
        var matrix = sum is null ? null : Finished(graph, tape, new Dictionary<Value, Value> { [sum] = sum })[sum];
        return new GramResult(matrix, counted, back.RefusedOf(parameters), back.Blocked);
    }

    static (Tape, BackToWeights) Sweep(Graph graph, SampleAxes samples, Value loss, bool isMean, IReadOnlyCollection<Value> parameters, NameScope names, bool straightThrough)
    {
        NameDimensions.Apply(graph);
        var split = WeightSplit.Of(samples, parameters);
        var tape = new Tape(names) { Prefix = "grad/", Widens = true };
        var (input, axis) = samples.Input;
        var one = tape.FullLike(loss, 1);
        var seed = isMean ? tape.Mul(one, tape.CountOf(input, [axis], loss)) : one;
        var targets = split.Slots.SelectMany(s => s.Node.Outputs).OfType<Value>().Where(v => v.IsFloat).Distinct().ToList();
        var rules = straightThrough ? GradientRules.StraightThrough : GradientRules.Exact;
        var outputs = Differentiate.Sweep(graph.Nodes, [(loss, seed)], targets, tape, rules);
        return (tape, new BackToWeights(tape, samples, split, outputs, rules));
    }

    static IReadOnlyDictionary<Value, Value> Finished(Graph graph, Tape tape, IReadOnlyDictionary<Value, Value> gradients)
    {
        tape.Origin = null;
        tape.DropUnused(0, gradients.Values);
        tape.AppendTo(graph);
        return gradients;
    }
}
