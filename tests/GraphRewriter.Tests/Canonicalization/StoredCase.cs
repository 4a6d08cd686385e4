using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;

namespace GraphRewriter.Tests.Canonicalization;

/// <summary>A case of the ONNX project's operator test data: a model with stored inputs and outputs.</summary>
/// <param name="Folder">The case's folder.</param>
sealed record StoredCase(string Folder)
{
    /// <summary>How a case ended: passed; left out, as ONNX Runtime itself does not give the stored outputs; or failed.</summary>
    internal enum Outcome
    {
        Passed,
        LeftOut,
        Failed,
    }

    /// <summary>
    /// Runs a case in canonical form, and where that does not give the stored outputs, as it is: a case that ONNX Runtime itself cannot run or gets otherwise decides nothing.
    /// </summary>
    /// <returns>The outcome, and for all but <see cref="Outcome.Passed"/> the reason.</returns>
    public (Outcome Outcome, string Reason) Run()
    {
        var path = Path.Combine(Folder, "model.onnx");
        using var file = OnnxReader.Read(path);
        if (file.Model.Graph.Inputs.Concat(file.Model.Graph.Outputs).Any(v => v.Other is not null)) return (Outcome.LeftOut, "takes or gives something that is no tensor");
        var (inputs, expected) = (Stored("input", file.Model.Graph.Inputs), Stored("output", file.Model.Graph.Outputs));
        if (Canonical(file.Model, inputs, expected) is not { } wrong) return (Outcome.Passed, "");
        if (ReferenceEquals(wrong, TooOld)) return (Outcome.LeftOut, wrong);
        return Original(path, inputs, expected) is { } excuse ? (Outcome.LeftOut, $"{excuse}; canonical: {wrong}") : (Outcome.Failed, wrong);
    }

    const string TooOld = "older than opset 6, of which only the structure is read";

    static string? Canonical(Model model, Dictionary<string, TensorData> inputs, Dictionary<string, TensorData> expected)
    {
        var options = new CanonicalOptions
        {
            InputShapes = model.Graph.Inputs.Where(v => v.Data is null && inputs.ContainsKey(v.Name)).ToDictionary(v => v.Name, v => inputs[v.Name].Shape, StringComparer.Ordinal),
            ComputeInFloat32 = false,
            FixControlInputs = false,
        };
        try
        {
            var canonical = Canonicalizer.Run(model, options);
            if (canonical.StructureOnly) return TooOld;
            var feeds = canonical.Model.Graph.Inputs.ToDictionary(v => v.Name, v => inputs[v.Name], StringComparer.Ordinal);
            var actual = OrtReference.Run(OnnxWriter.ToBytes(canonical.Model), feeds);
            return Difference(expected, actual) is { } wrong ? wrong + (canonical.Unsupported.Count > 0 ? $" ({canonical.Unsupported[0]})" : "") : null;
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelException)
        {
            return e.Message.Split('\n')[0];
        }
    }

    static string? Original(string path, Dictionary<string, TensorData> inputs, Dictionary<string, TensorData> expected)
    {
        try
        {
            using var session = OrtReference.Open(path);
            return Difference(expected, OrtReference.Run(session, inputs)) is { } off ? "ONNX Runtime's own result: " + off : null;
        }
        catch (OnnxRuntimeException e)
        {
            return "ONNX Runtime: " + e.Message.Split('\n')[0];
        }
    }

    /// <summary>The operators the model calls, with the opset of each.</summary>
    public IEnumerable<(string Domain, string OpType, long Opset)> Calls()
    {
        using var file = OnnxReader.Read(Path.Combine(Folder, "model.onnx"));
        return [.. file.Model.Graph.AllNodes().Select(n => (n.Domain, n.OpType, file.Model.Opsets.GetValueOrDefault(n.Domain, 1)))];
    }

    /// <summary>The cases below a folder of the test data, in order.</summary>
    public static IEnumerable<StoredCase> Below(string folder) =>
        Directory.GetDirectories(folder).Where(d => File.Exists(Path.Combine(d, "model.onnx")) && Directory.Exists(Path.Combine(d, "test_data_set_0"))).Order(StringComparer.Ordinal).Select(d => new StoredCase(d));

    public override string ToString() => Path.GetFileName(Folder);

    Dictionary<string, TensorData> Stored(string kind, List<Value> values)
    {
        var result = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < values.Count; i++)
        {
            var path = Path.Combine(Folder, "test_data_set_0", $"{kind}_{i}.pb");
            if (!File.Exists(path)) continue;
            using var external = new ExternalData(Folder);
            result[values[i].Name] = new TensorReader(new ReadContext(long.MaxValue, external)).Read(TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)), path);
        }
        return result;
    }

    /// <summary>What differs by more than the ONNX project's own tolerances (1e-3 relative, 1e-7 absolute; 1e-5 of the largest number), or null.</summary>
    static string? Difference(Dictionary<string, TensorData> expected, Dictionary<string, TensorData> actual)
    {
        foreach (var (name, e) in expected)
        {
            if (!actual.TryGetValue(name, out var a)) return $"no output '{name}'";
            if (e.Type != a.Type || !e.Dims.SequenceEqual(a.Dims)) return $"'{name}' is {a}, expected {e}";
            if (OrtReference.RelativeDifference(e, a) <= 1e-5) continue;
            if (e.Type == ElementType.String) return $"'{name}' holds other strings";
            var (x, y) = (e.ToDoubles(), a.ToDoubles());
            for (var i = 0; i < x.Length; i++)
                if (x[i] != y[i] && !(double.IsNaN(x[i]) && double.IsNaN(y[i])) && !(Math.Abs(x[i] - y[i]) <= 1e-7 + 1e-3 * Math.Abs(x[i]))) return $"'{name}'[{i}] is {y[i]}, expected {x[i]}";
        }
        return null;
    }
}
