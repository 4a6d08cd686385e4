using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>A model in canonical form: one opset, no functions, constants as initializers, inputs bound, parameters found.</summary>
public sealed class CanonicalModel
{
    internal CanonicalModel(Model model) => Model = model;

    /// <summary>The canonical model; its values carry inferred types and shapes.</summary>
    public Model Model { get; }

    /// <summary>The opset of the standard operators that the given model was written in.</summary>
    public long SourceOpset { get; init; }

    /// <summary>Whether the model is older than opset 6 and has an operator that changed before it: its structure can be read, but no number is computed from it.</summary>
    public bool StructureOnly { get; init; }

    /// <summary>The parameters, each once, in the order in which the graph first uses them.</summary>
    public required IReadOnlyList<Parameter> Parameters { get; init; }

    /// <summary>What was changed or guessed, one line each, in the order in which it happened.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>The nodes that have no canonical form, with the reason.</summary>
    public required IReadOnlyList<UnsupportedNode> Unsupported { get; init; }

    /// <summary>How the inputs were bound, in the order of the graph's inputs.</summary>
    public required IReadOnlyList<InputBinding> Inputs { get; init; }

    /// <summary>Which dimension of the inputs is the batch, and whether it could be chosen.</summary>
    public required BatchBinding Batch { get; init; }
}

/// <summary>A node without canonical form.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="OpType">The operator, with its domain where that is not the standard one.</param>
/// <param name="Opset">The operator set version the node was written for.</param>
/// <param name="Reason">Why, in a clause.</param>
public sealed record UnsupportedNode(string Node, string OpType, long Opset, string Reason);

/// <summary>How an input was bound.</summary>
/// <param name="Name">The input.</param>
/// <param name="Declared">The shape the file declares; null for unknown rank.</param>
/// <param name="Bound">The shape after binding.</param>
/// <param name="Source">Where the sizes come from.</param>
/// <param name="Content">The fixed contents of an input that steers the graph and was removed from its inputs; null otherwise.</param>
public sealed record InputBinding(string Name, Shape? Declared, Shape? Bound, BindingSource Source, TensorData? Content = null);

/// <summary>Where the sizes of an input come from.</summary>
public enum BindingSource
{
    /// <summary>The file fixes every dimension.</summary>
    File,
    /// <summary>The user gave the shape.</summary>
    User,
    /// <summary>A dimension was unknown and a default was taken.</summary>
    Default,
    /// <summary>A dimension was unknown and stays so.</summary>
    Dynamic,
}

/// <summary>Which dimension of the inputs counts samples.</summary>
/// <param name="Kind">Whether the batch size could be chosen.</param>
/// <param name="Size">The batch size bound; -1 where it is dynamic, 1 where there is no batch dimension.</param>
/// <param name="Axes">The batch axis by input name; inputs without batch axis are not in it.</param>
/// <param name="Reason">Why the batch size could not be chosen; null where it could.</param>
public sealed record BatchBinding(BatchKind Kind, long Size, IReadOnlyDictionary<string, int> Axes, string? Reason = null);

/// <summary>Kinds of batch dimension.</summary>
public enum BatchKind
{
    /// <summary>Any number of samples goes through the graph at once.</summary>
    Free,
    /// <summary>The graph takes exactly the stated number of samples.</summary>
    Fixed,
    /// <summary>No input dimension counts samples.</summary>
    None,
}
