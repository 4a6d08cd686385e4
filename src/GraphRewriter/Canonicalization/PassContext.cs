using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>What the passes share: the model being changed, the options, the notes, and names not yet taken.</summary>
sealed class PassContext
{
    readonly NameScope names;
    readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);
    readonly HashSet<string> noted = new(StringComparer.Ordinal);

    public PassContext(Model model, CanonicalOptions options)
    {
        Model = model;
        Options = options;
        SourceOpset = model.Opset;
        names = new NameScope(model.Graph);
        Tape = new Tape(names);
    }

    public Model Model { get; }

    public CanonicalOptions Options { get; }

    /// <summary>The standard opset of the model as given.</summary>
    public long SourceOpset { get; }

    /// <summary>Records what passes emit; its constants go to the main graph.</summary>
    public Tape Tape { get; }

    /// <summary>A tape of its own for a pass that runs after constants may have been removed.</summary>
    public Tape NewTape() => new(names);

    public List<string> Notes { get; } = [];

    public List<UnsupportedNode> Unsupported { get; } = [];

    /// <summary>The opset of nodes whose opset is not the model's: those of inlined functions.</summary>
    public Dictionary<Node, long> NodeOpsets { get; } = [];

    /// <summary>Initializers that were Constant nodes: their names are the exporter's, not the author's.</summary>
    public HashSet<Value> FromConstantNodes { get; } = [];

    /// <summary>The names of constants that had to give way to one of the same name in another subgraph; they get it back where that one goes.</summary>
    public Dictionary<Value, string> GivenNames { get; } = [];

    public long OpsetOf(Node node) => NodeOpsets.GetValueOrDefault(node, SourceOpset);

    /// <summary>A name that no value or node has: the wish itself, or with a number behind it.</summary>
    public string FreshName(string wish) => names.Fresh(wish);

    /// <summary>Adds a note, once.</summary>
    public void Note(string text)
    {
        if (noted.Add(text)) Notes.Add(text);
    }

    /// <summary>Counts something to be noted once, with its number, by <see cref="NoteCounts"/>.</summary>
    public void Count(string what) => counts[what] = counts.GetValueOrDefault(what) + 1;

    /// <summary>Turns what was counted into notes.</summary>
    public void NoteCounts()
    {
        foreach (var (what, times) in counts) Note(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{what}: {times} {(times == 1 ? "node" : "nodes")}."));
        counts.Clear();
    }

    /// <summary>Says that a node has no canonical form.</summary>
    public void Refuse(Node node, string reason)
    {
        var op = node.Domain.Length == 0 ? node.OpType : $"{node.Domain}::{node.OpType}";
        var opset = node.Domain.Length == 0 ? OpsetOf(node) : Model.Opsets.GetValueOrDefault(node.Domain, 1);
        var entry = new UnsupportedNode(node.LogicalName, op, opset, reason);
        if (!Unsupported.Contains(entry)) Unsupported.Add(entry);
    }
}
