using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

/// <summary>Canonicalises a model in text form and checks that ONNX Runtime computes the same from both.</summary>
static class Canonical
{
    public static CanonicalModel Of(string text, CanonicalOptions? options = null)
    {
        var model = TextGraph.Parse(text);
        options ??= new CanonicalOptions();
        var canonical = Canonicalizer.Run(model, options);
        // Unoptimised: ONNX Runtime's optimiser computes products with quantised weights in whole numbers.
        using var original = OrtReference.Open(OnnxWriter.ToBytes(model), optimize: false);
        using var mine = OrtReference.Open(OnnxWriter.ToBytes(canonical.Model));
        var shapes = canonical.Inputs.Where(i => i.Bound is { IsStatic: true }).ToDictionary(i => i.Name, i => i.Bound!.ToArray(), StringComparer.Ordinal);
        var feeds = OrtReference.SeededInputs(original, seed: 3, shapes, integersBelow: 2);
        foreach (var input in canonical.Inputs) if (input.Content is { } content) feeds[input.Name] = content;
        var expected = OrtReference.Run(original, feeds);
        var actual = OrtReference.Run(mine, canonical.Model.Graph.Inputs.ToDictionary(v => v.Name, v => As(feeds[v.Name], v.Type), StringComparer.Ordinal));
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, e => Assert.InRange(OrtReference.RelativeDifference(As(e.Value, actual[e.Key].Type), actual[e.Key]), 0, e.Value.Type == ElementType.Float16 ? 2e-3 : 1e-5));
        return canonical;
    }

    /// <summary>The operators of the main graph in order.</summary>
    public static string Operators(this CanonicalModel canonical) => string.Join(' ', canonical.Model.Graph.Nodes.Select(n => n.OpType));

    /// <summary>Each parameter as "name role", those that are not trainable with "(frozen)".</summary>
    public static string[] Roles(this CanonicalModel canonical) => [.. canonical.Parameters.Select(p => $"{p.Name} {p.Role}{(p.Trainable ? "" : " (frozen)")}")];

    static TensorData As(TensorData data, ElementType type) => data.Type == type || type == ElementType.Undefined ? data : TensorData.FromNumbers(type, [.. data.Dims], data.ToDoubles());
}
