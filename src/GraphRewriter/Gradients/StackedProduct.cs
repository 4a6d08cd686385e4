using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// A product by a captured matrix in the body of a loop, over all runs. The gradient of the matrix is one product of the stacked rows and their stacked
/// gradients, behind the loop, where adding up a matrix in each run would cost far more than the run itself.
/// </summary>
/// <param name="Weight">The captured matrix.</param>
/// <param name="Node">The MatMul or Gemm in the body.</param>
/// <param name="Rows">Its first factor in all runs.</param>
/// <param name="RowGradients">The gradient of its output in all runs, in the order of the runs.</param>
sealed record StackedProduct(Value Weight, Node Node, StackedRuns Rows, Value RowGradients)
{
    /// <summary>The products that are all that the body does with a value; none where there are other uses.</summary>
    public static IReadOnlyList<Node> UsesOf(Value captured, Graph body)
    {
        if (captured.Shape is not { Rank: 2 } || body.Outputs.Contains(captured)) return [];
        var users = body.Nodes.Where(n => n.UsedValues().Contains(captured)).ToList();
        var items = body.Inputs.ToHashSet();
        var made = body.Nodes.SelectMany(n => n.Outputs).OfType<Value>().ToHashSet();
        return users.TrueForAll(n => IsProduct(n, captured) && (items.Contains(n.Inputs[0]!) || made.Contains(n.Inputs[0]!))) ? users : [];
    }

    static bool IsProduct(Node n, Value weight) =>
        n.Inputs.Count(i => i == weight) == 1 && n.Input(1) == weight && n.Inputs[0]!.Shape is { Rank: >= 2 } && (n.Is("MatMul") || (n.Is("Gemm") && n.Int("transA") == 0));

    /// <summary>Emits the gradient of the matrix.</summary>
    public Value Gradient(Tape t)
    {
        var (rows, gradients) = (Matrix(t, Rows.Stack), Matrix(t, RowGradients));
        var alpha = Node.Is("Gemm") ? Node.Float("alpha", 1) : 1;
        var swap = Node.Is("Gemm") && Node.Int("transB") != 0;
        return LinearRules.Product(t, swap ? gradients : rows, swap ? rows : gradients, transA: true, alpha: alpha);
    }

    static Value Matrix(Tape t, Value stack) => t.Reshape(stack, t.Concat(0, t.Ints(-1), t.DimOf(stack, -1)));
}
