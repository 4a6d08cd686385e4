using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// One row of the adapter tables: what to do with an operator written for opsets from <see cref="From"/> up to, not including, <see cref="Below"/>.
/// Rows of one operator apply in the order of the table, each seeing what the row before it left.
/// </summary>
/// <param name="OpType">The operator.</param>
/// <param name="From">The first opset concerned.</param>
/// <param name="Below">The first opset that needs no change any more.</param>
/// <param name="Does">What the row does, in a clause.</param>
/// <param name="Apply">Edits the node, or binds other values to its outputs.</param>
/// <param name="Domain">The operator's domain.</param>
sealed record NodeAdapter(string OpType, long From, long Below, string Does, Action<NodeRewrite, Node> Apply, string Domain = "")
{
    public static NodeAdapter Until(long below, string opType, string does, Action<NodeRewrite, Node> apply) => new(opType, 0, below, does, apply);

    public static NodeAdapter Since(long from, string opType, string does, Action<NodeRewrite, Node> apply) => new(opType, from, long.MaxValue, does, apply);

    public static NodeAdapter Contrib(string opType, string does, Action<NodeRewrite, Node> apply) => new(opType, 0, long.MaxValue, does, apply, AdaptOperators.MicrosoftDomain);
}
