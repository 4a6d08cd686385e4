using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace GraphRewriter.PerSample;

/// <summary>
/// Where the values of a graph count samples, found by following the batch dimension as a symbol through every operator. A graph that is not known to keep samples
/// apart has no such places: its samples go through one by one.
/// </summary>
public sealed class SampleAxes
{
    readonly Dictionary<Value, BatchPlace> places;

    SampleAxes(Dictionary<Value, BatchPlace> places, IReadOnlyList<Node> nodes, (Value Value, int Axis) input)
    {
        this.places = places;
        Nodes = nodes;
        Input = input;
    }

    /// <summary>The nodes that were followed, in graph order.</summary>
    internal IReadOnlyList<Node> Nodes { get; }

    /// <summary>An input that counts samples, and its axis.</summary>
    internal (Value Value, int Axis) Input { get; }

    /// <summary>Finds the places; what is appended to the graph later has none.</summary>
    /// <param name="model">The model as it will run: statistics chosen, dropout removed. It is not changed.</param>
    /// <param name="batch">The batch axis of each input, and the size bound (-1 for a dynamic one).</param>
    /// <param name="objection">Why samples may not be told apart, naming the node; null where they can.</param>
    /// <returns>The places; null where there is an objection.</returns>
    public static SampleAxes? Find(Model model, BatchBinding batch, out string? objection)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        var counting = model.Graph.Inputs.Where(i => batch.Axes.ContainsKey(i.Name)).ToList();
        if (counting.Count == 0)
        {
            objection = "no input dimension counts samples";
            return null;
        }
        var map = new Dictionary<Value, Value>();
        var copy = model.Copy(map);
        var axes = counting.ToDictionary(i => map[i], i => batch.Axes[i.Name]);
        var proof = new BatchProof(new PassContext(copy, new CanonicalOptions()), copy.Graph, axes, batch.Size);
        objection = proof.Run(out _);
        if (objection is not null) return null;
        var found = new Dictionary<Value, BatchPlace>();
        foreach (var (value, image) in map)
            if (BatchPlace.Of(image) is { } place || proof.Repeated.TryGetValue(image, out place)) found[value] = place;
        return new SampleAxes(found, [.. model.Graph.Nodes], (counting[0], batch.Axes[counting[0].Name]));
    }

    /// <summary>Where a value counts samples; null where it holds the same for all.</summary>
    internal BatchPlace? Of(Value? value) => value is not null && places.TryGetValue(value, out var place) ? place : null;
}
