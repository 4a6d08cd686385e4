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

    /// <summary>Checks that the model bound to several samples computes for each what the model bound to one computes.</summary>
    public static void AssertSamplesStayApart(CanonicalModel one, CanonicalModel many)
    {
        var count = (int)many.Batch.Size;
        var input = many.Model.Graph.Inputs.Single();
        var batch = OrtReference.Seeded(input.Type, input.Shape!.ToArray(), new Random(2));
        var together = Run(many, batch);
        for (var i = 0; i < count; i++)
        {
            var alone = Run(one, Sample(batch, i, count));
            Assert.All(alone, a => Assert.InRange(OrtReference.RelativeDifference(a.Value, Sample(together[a.Key], i, count)), 0, 1e-5));
        }

        Dictionary<string, TensorData> Run(CanonicalModel model, TensorData x) => OrtReference.Run(OnnxWriter.ToBytes(model.Model), new Dictionary<string, TensorData>(StringComparer.Ordinal) { [input.Name] = x });
    }

    static TensorData Sample(TensorData batch, int index, int count)
    {
        var values = batch.ToDoubles();
        var size = values.Length / count;
        return TensorData.FromNumbers(batch.Type, [1, .. batch.Dims.Skip(1)], values.AsSpan(index * size, size));
    }

    /// <summary>The operators of the main graph in order.</summary>
    public static string Operators(this CanonicalModel canonical) => string.Join(' ', canonical.Model.Graph.Nodes.Select(n => n.OpType));

    /// <summary>Each parameter as "name role", those that are not trainable with "(frozen)".</summary>
    public static string[] Roles(this CanonicalModel canonical) => [.. canonical.Parameters.Select(p => $"{p.Name} {p.Role}{(p.Trainable ? "" : " (frozen)")}")];

    static TensorData As(TensorData data, ElementType type) => data.Type == type || type == ElementType.Undefined ? data : TensorData.FromNumbers(type, [.. data.Dims], data.ToDoubles());
}
