namespace GraphRewriter.Gradients;

/// <summary>An operator through which no gradient flows, and why.</summary>
/// <param name="OpType">The operator, in the standard domain at the canonical opset.</param>
/// <param name="Since">The first opset that has the operator.</param>
/// <param name="Reason">Why the gradient stops, as a clause without full stop.</param>
sealed record GradientStop(string OpType, int Since, string Reason);
