using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Brings every node to the canonical opset: older forms are lifted, newer operators lowered, fused operators of com.microsoft decomposed. One sweep in graph order,
/// with shapes inferred on the way, so that an adapter knows the ranks of its inputs.
/// </summary>
static class AdaptOperators
{
    internal const string MicrosoftDomain = "com.microsoft";

    /// <summary>The domain of convolutions and poolings whose channels lie in blocks, which ONNX Runtime's optimiser writes at its highest level.</summary>
    const string BlockedDomain = "com.microsoft.nchwc";

    /// <summary>The newest opset whose operators are known.</summary>
    internal const long NewestKnownOpset = 26;

    static readonly NodeAdapter[] All =
    [
        .. UpgradeOpset.All,
        .. UpgradeLegacy.All,
        .. LowerOpset.All,
        .. DecomposeContrib.All,
    ];

    static readonly FrozenDictionary<(string, string), NodeAdapter[]> ByOp =
        All.GroupBy(a => (a.Domain, a.OpType)).ToFrozenDictionary(g => g.Key, g => g.ToArray());

    /// <summary>The rows of all tables, for documentation and completeness tests.</summary>
    internal static IReadOnlyList<NodeAdapter> Table => All;

    public static void Apply(PassContext context)
    {
        var model = context.Model;
        if (model.Opset > NewestKnownOpset) context.Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Opset {model.Opset} is newer than {NewestKnownOpset}: its operators are taken to mean what they mean at {NewestKnownOpset}."));
        Sweep(context, model.Graph);
        model.Graph.Initializers.AddRange(context.Tape.Constants);
        context.Tape.Constants.Clear();
        model.Opsets[""] = Model.CanonicalOpset;
        model.IrVersion = Model.CanonicalIrVersion;
        var used = model.Graph.AllNodes().Select(n => n.Domain).ToHashSet(StringComparer.Ordinal);
        foreach (var domain in model.Opsets.Keys.Where(d => d.Length > 0 && !used.Contains(d)).ToList()) model.Opsets.Remove(domain);
    }

    static void Sweep(PassContext context, Graph graph)
    {
        var nodes = new List<Node>(graph.Nodes.Count);
        foreach (var node in graph.Nodes)
        {
            foreach (var (_, sub) in node.Subgraphs)
            {
                Sweep(context, sub);
                context.Tape.Forget();
            }
            Adapt(context, node);
            nodes.AddRange(context.Tape.Nodes);
            context.Tape.Nodes.Clear();
        }
        graph.Nodes.Clear();
        graph.Nodes.AddRange(nodes);
    }

    static void Adapt(PassContext context, Node node)
    {
        var opset = node.Domain.Length == 0 ? context.OpsetOf(node) : context.Model.Opsets.GetValueOrDefault(node.Domain, 1);
        var rewrite = new NodeRewrite(context, node, opset);
        context.Tape.Origin = node.LogicalName;
        context.Tape.Prefix = node.LogicalName + "/";
        var known = ByOp.TryGetValue((node.Domain, node.OpType), out var rows);
        foreach (var row in rows ?? [])
        {
            if (opset < row.From || opset >= row.Below) continue;
            Apply(row, rewrite, node);
            if (rewrite.Replaced || rewrite.Refused) break;
        }
        rewrite.Complete();
        if (!rewrite.Replaced) rewrite.EmitNode();
        else if (opset > Model.CanonicalOpset || node.Domain.Length > 0) context.Count($"{Label(node)} decomposed");
        if (!known) NameUnknown(context, node);
        context.Tape.Origin = null;
    }

    /// <summary>What an adapter has to know and does not (a rank or type behind an operator of another domain) makes it give up.</summary>
    static void Apply(NodeAdapter row, NodeRewrite rewrite, Node node)
    {
        try
        {
            row.Apply(rewrite, node);
        }
        catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
        {
            rewrite.Abandon(e.Message);
        }
    }

    static void NameUnknown(PassContext context, Node node)
    {
        if (string.Equals(node.Domain, BlockedDomain, StringComparison.Ordinal)) context.Refuse(node, "it works on blocks that fit one kind of processor; ONNX Runtime writes none at the level ORT_ENABLE_EXTENDED or below");
        else if (node.Domain.Length > 0) context.Refuse(node, "an operator of another domain; it is passed through as it is");
        else if (!StandardOperators.Names.Contains(node.OpType)) context.Refuse(node, "no operator of this name is in the ONNX standard");
    }

    static string Label(Node node) => node.Domain.Length == 0 ? node.OpType : $"{node.Domain}::{node.OpType}";
}
