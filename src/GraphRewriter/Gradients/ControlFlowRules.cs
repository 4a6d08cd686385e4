namespace GraphRewriter.Gradients;

/// <summary>Gradients of the operators with subgraphs. What a subgraph captures, weights among it, gets its gradient as the inputs do.</summary>
static class ControlFlowRules
{
    /// <summary>The rules.</summary>
    internal static readonly GradientRule[] All =
    [
        Rule.ByValue("If",   1, "an If on the same condition: each branch computes its forward pass again and the gradients of what it captures, zeros where it uses a value not", BranchGradient.Emit),
        Rule.ByValue("Loop", 1, "as Scan, over the runs that were made", (t, n, dy, scope) => IterationGradient.Emit(t, Iteration.OfLoop(n), dy, scope)),
        Rule.ByValue("Scan", 8, "a Scan from the last step to the first that carries the gradients of the states; a captured matrix gets one product of stacked rows", (t, n, dy, scope) => IterationGradient.Emit(t, Iteration.OfScan(n), dy, scope)),
    ];
}
