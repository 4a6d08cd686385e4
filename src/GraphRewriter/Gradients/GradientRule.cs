using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// Emits the gradients of a node's inputs from those of its outputs.
/// </summary>
/// <param name="tape">Where to emit.</param>
/// <param name="node">The node; its inputs and outputs may be used.</param>
/// <param name="outputGradients">One per output; null where nothing depends on the output. At least one is not null.</param>
/// <returns>
/// One per input, null where the input carries no gradient (indices, shapes). Each is of the type that the tape computes the input's in, and has the input's
/// shape, or a shape that the input was broadcast to: the sweep sums it.
/// </returns>
delegate Value?[] GradientFunction(Tape tape, Node node, IReadOnlyList<Value?> outputGradients);

/// <summary>
/// Emits the gradients of what a node uses, its inputs and the values its subgraphs capture, each with the value; otherwise as <see cref="GradientFunction"/>.
/// </summary>
delegate IReadOnlyList<(Value Input, Value Gradient)> GradientByValue(Tape tape, Node node, IReadOnlyList<Value?> outputGradients, SweepScope scope);

/// <summary>Emits the gradients of the inputs of a node whose first output alone carries a gradient; see <see cref="GradientFunction"/>.</summary>
delegate Value?[] SingleOutputGradient(Tape tape, Node node, Value outputGradient);

/// <summary>
/// How one operator is differentiated. In formulas X, Y are input and output, dY the gradient of the loss by Y; A, B are the inputs of a
/// two-input operator; · is the matrix product, * the elementwise one.
/// </summary>
/// <param name="OpType">The operator, in the standard domain at the canonical opset.</param>
/// <param name="Since">The first opset that has the operator.</param>
/// <param name="Formula">The formula, printed in docs/operators.md.</param>
/// <param name="Gradients">Emits the gradients.</param>
sealed record GradientRule(string OpType, int Since, string Formula, GradientFunction Gradients)
{
    /// <summary>Whether the operator is linear in its first input and the others are indices, shapes or settings without gradient.</summary>
    public bool IsLinearInData { get; init; }

    /// <summary>Emits the gradients in the place of <see cref="Gradients"/> where inputs are not all that the node uses; null for most operators.</summary>
    public GradientByValue? GradientsByValue { get; init; }

    /// <summary>A rule for an operator whose first output alone carries a gradient.</summary>
    public GradientRule(string opType, int since, string formula, SingleOutputGradient gradient)
        : this(opType, since, formula, (t, n, dy) => dy[0] is { } first ? gradient(t, n, first) : new Value?[n.Inputs.Count])
    {
    }
}

/// <summary>What the rule of a node with subgraphs is told of the sweep it is part of, and tells it.</summary>
/// <param name="wanted">The values whose gradients the sweep is after; those of others may be left out.</param>
/// <param name="rules">What operators are looked up in.</param>
sealed class SweepScope(IReadOnlySet<Value> wanted, RuleSet rules)
{
    /// <summary>What operators are looked up in.</summary>
    public RuleSet Rules { get; } = rules;

    /// <summary>The values whose gradients the sweep is after.</summary>
    public IReadOnlySet<Value> Wanted { get; } = wanted;

    /// <summary>The nodes at which the gradient stopped, last ones first, those in subgraphs among them.</summary>
    public List<BlockedNode> Blocked { get; } = [];

    /// <summary>The nodes inside subgraphs that lie between a target and the loss.</summary>
    public List<Node> InnerNodes { get; } = [];

    /// <summary>Takes over what a sweep inside a subgraph found.</summary>
    public void Add(DifferentiationResult inner)
    {
        Blocked.AddRange(inner.Blocked.Reverse());
        InnerNodes.AddRange(inner.ActiveNodes);
    }
}

/// <summary>Constructors of gradient rules by kind of operator.</summary>
static class Rule
{
    /// <summary>An operator that uses more than its inputs, or whose gradients come by value.</summary>
    public static GradientRule ByValue(string opType, int since, string formula, GradientByValue gradients) =>
        new(opType, since, formula, (Tape _, Node n, IReadOnlyList<Value?> _) => throw new InvalidOperationException($"{n} gives its gradients by value.")) { GradientsByValue = gradients };

    /// <summary>An operator of one input: dX from x, y and dy.</summary>
    public static GradientRule Unary(string opType, int since, string formula, Func<Tape, Value, Value, Value, Value> gradient) =>
        new(opType, since, formula, (t, n, dy) => [t.ShapedLike(gradient(t, n.Inputs[0]!, n.Output, dy), n.Inputs[0]!)]);

    /// <summary>An operator of two inputs, broadcast: dA and dB from a, b, y and dy; the sweep undoes the broadcasting.</summary>
    public static GradientRule Binary(string opType, int since, string formula, Func<Tape, Value, Value, Value, Value, (Value? A, Value? B)> gradient) =>
        new(opType, since, formula, (t, n, dy) =>
        {
            var (a, b) = gradient(t, n.Inputs[0]!, n.Inputs[1]!, n.Output, dy);
            return [a, b];
        });

    /// <summary>An operator that is linear in its first input and takes indices, shapes or other data without gradient as further inputs.</summary>
    public static GradientRule LinearInData(string opType, int since, string formula, Func<Tape, Node, Value, Value> gradient) =>
        new(opType, since, formula, (t, n, dy) =>
        {
            var result = new Value?[n.Inputs.Count];
            result[0] = gradient(t, n, dy);
            return result;
        })
        { IsLinearInData = true };

    /// <summary>
    /// An operator whose meaning is emitted in simpler operators, through which the sweep then goes. The forward pass is computed once more, which is worth it where
    /// the operator is rare and its gradient long.
    /// </summary>
    public static GradientRule ByDefinition(string opType, int since, string formula, Func<Tape, Node, Value> definition) =>
        new(opType, since, formula, (t, n, dy) =>
        {
            var from = t.Nodes.Count;
            var y = definition(t, n);
            var inputs = n.Inputs.Where(x => x is { IsFloat: true }).Select(x => t.Operand(x!)).Distinct().ToList();
            var gradients = Differentiate.Through(t, t.Nodes[from..], [(y, dy)], inputs);
            // A value used in two places is one target; its gradient is stated once.
            var stated = new HashSet<Value>();
            // Where only steps lead from an input to the result, its gradient is zero almost everywhere.
            return [.. n.Inputs.Select(x => x is { IsFloat: true } && stated.Add(x) ? gradients.GetValueOrDefault(t.Operand(x)) ?? t.ZerosLike(x) : null)];
        });
}
