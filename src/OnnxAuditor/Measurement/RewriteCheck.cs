using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;

namespace OnnxAuditor.Measurement;

/// <summary>Holds the outputs of a model in canonical form against those of the model as it was read, both on ONNX Runtime.</summary>
static class RewriteCheck
{
    static readonly string[] Random = ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"];

    /// <summary>Compares the float outputs.</summary>
    /// <param name="original">The model as it was read.</param>
    /// <param name="canonical">Its canonical form.</param>
    /// <param name="inputs">The canonical model's inputs.</param>
    /// <param name="settings">How ONNX Runtime runs.</param>
    /// <param name="cancellation">Ends the runs early.</param>
    /// <returns>The comparison, or why there is none.</returns>
    public static (IReadOnlyList<ComparedTensor> Outputs, string? Skipped) Run(
        Model original, CanonicalModel canonical, IReadOnlyDictionary<string, InputData> inputs, OrtSettings settings, CancellationToken cancellation)
    {
        if (WhyNot(original, canonical) is { } why) return ([], why);
        var outputs = canonical.Model.Graph.Outputs.Where(o => o.Type == ElementType.Float32 && original.Graph.Outputs.Exists(p => string.Equals(p.Name, o.Name, StringComparison.Ordinal))).ToList();
        string[] names = [.. outputs.Select(o => o.Name)];
        if (names.Length == 0) return ([], "no output is a float tensor");
        var fixedInputs = canonical.Inputs.Where(i => i.Content is not null).ToDictionary(i => i.Name, i => i.Content!, StringComparer.Ordinal);
        try
        {
            // Optimised, ONNX Runtime computes products with quantised weights in whole numbers.
            using var asRead = new OrtExecutor(original, settings with { Optimize = false });
            using var rewritten = new OrtExecutor(canonical.Model, settings);
            var compared = CompareRuns.Judge(names, _ => false, Both, inputs.ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal));
            return (compared, null);

            IReadOnlyList<(TensorData, TensorData)> Both(IReadOnlyDictionary<string, TensorData> feeds)
            {
                var all = new Dictionary<string, TensorData>(feeds, StringComparer.Ordinal);
                foreach (var (name, content) in fixedInputs) all[name] = content;
                return [.. asRead.Run(all, names, cancellation).Zip(rewritten.Run(feeds, names, cancellation))];
            }
        }
        catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
        {
            return ([], e.Message);
        }
    }

    static string? WhyNot(Model original, CanonicalModel canonical)
    {
        var values = original.Graph.AllValues().ToList();
        if (values.Exists(v => v.Type is ElementType.Float16 or ElementType.BFloat16)) return "the file computes in float16 or bfloat16, the audit in float32";
        if (original.Graph.AllNodes().FirstOrDefault(n => Random.Contains(n.OpType, StringComparer.Ordinal) && (n.OpType != "Dropout" || n.Input(2) is not null)) is { } random) return $"{random} may draw at random";
        foreach (var input in canonical.Inputs.Where(i => i.Content is null))
            if (input.Declared is { } declared && input.Bound is { } bound && declared.Rank == bound.Rank && declared.Zip(bound).Any(d => d.First.IsKnown && d.First.Size != d.Second.Size))
                return $"the file fixes the shape of '{input.Name}' to {declared}, the audit feeds {bound}";
        return null;
    }
}
