using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The gradients of each sample's summed logits by the sample's own input.</summary>
/// <param name="Rows">By sample, flattened.</param>
/// <param name="By">What they are taken by, in words.</param>
sealed record InputJacobianRows(float[][] Rows, string By);

/// <summary>
/// Gradients of the sum of all logits by the float inputs, or where tokens go in by the looked-up embeddings. With batch statistics samples meet, and a row holds what the batch's sum depends on.
/// </summary>
static class InputJacobian
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<InputJacobianRows> Instrument = new("input-jacobian", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var by = Places(site).Where(v => v is { Type: ElementType.Float32, Shape: { IsStatic: true, Rank: > 0 } s } && s.ElementCount > 0 && s[0].Size == site.Batch).Distinct().ToList();
        if (site.Source.Batch.Axes.Count == 0 || by.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no float input or embedding has samples on its first axis");
        var gradients = site.LogitGradients(by).Gradients;
        var reached = by.Where(gradients.ContainsKey).ToList();
        if (reached.Count == 0) throw new ModelException(ModelProblem.Unsupported, $"no gradient of the outputs reaches {string.Join(", ", by.Select(v => $"'{v.Name}'"))}");
        foreach (var (index, value) in reached.Index()) site.Show($"gradient/{index}", site.Tape.Reshape(gradients[value], site.Batch, value.Shape!.ElementCount / site.Batch));
        site.Kept = string.Join(", ", reached.Select(v => v.Name));
    }

    static IEnumerable<Value> Places(InstrumentSite site)
    {
        var inputs = site.Source.Model.Graph.Inputs.Where(i => site.Source.Batch.Axes.TryGetValue(i.Name, out var axis) && axis == 0).ToList();
        var floats = inputs.Where(i => i.IsFloat).Select(site.Image).ToList();
        if (floats.Count > 0) return floats;
        return site.Source.Parameters.Where(p => p.Role == ParameterRole.Embedding).SelectMany(p => p.Uses).Select(u => site.Image(u.Node.Output));
    }

    static InputJacobianRows Read(InstrumentOutputs outputs)
    {
        float[][]? rows = null;
        foreach (var (_, key) in outputs.Numbered("gradient"))
        {
            var (values, count, columns) = outputs.Rows(key);
            float[][] part = [.. Enumerable.Range(0, count).Select(r => values[(r * columns)..((r + 1) * columns)])];
            rows = rows is null ? part : [.. rows.Zip(part, (a, b) => (float[])[.. a, .. b])];
        }
        return new InputJacobianRows(rows!, outputs.Kept<string>());
    }
}
