using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;

namespace Testing;

/// <summary>Runs a model; its outputs by name.</summary>
/// <param name="model">The model, in canonical form.</param>
/// <param name="feeds">Contents by input name.</param>
delegate Dictionary<string, TensorData> Engine(Model model, IReadOnlyDictionary<string, TensorData> feeds);

/// <summary>A case of the ONNX project's operator test data: a model with stored inputs and outputs.</summary>
/// <param name="Folder">The case's folder.</param>
sealed record StoredCase(string Folder)
{
    /// <summary>What a float may differ by beside the ONNX project's own tolerances, as a share of the largest number of its tensor.</summary>
    public double OfLargest { get; init; }

    /// <summary>The case's name.</summary>
    public string Name => Path.GetFileName(Folder);

    string ModelPath => Path.Combine(Folder, "model.onnx");

    /// <summary>The cases below a folder of the test data, in order.</summary>
    public static IEnumerable<StoredCase> Below(string folder) =>
        Directory.GetDirectories(folder).Where(d => File.Exists(Path.Combine(d, "model.onnx")) && Directory.Exists(Path.Combine(d, "test_data_set_0"))).Order(StringComparer.Ordinal).Select(d => new StoredCase(d));

    /// <summary>Reads the model.</summary>
    public ModelFile Read() => OnnxReader.Read(ModelPath);

    /// <summary>Runs a case in canonical form on ONNX Runtime.</summary>
    public static Dictionary<string, TensorData> OnOnnxRuntime(Model model, IReadOnlyDictionary<string, TensorData> feeds) => OrtReference.Run(OnnxWriter.ToBytes(model), feeds);

    /// <summary>Runs the case in canonical form on each engine.</summary>
    /// <returns>For each engine null where it gives the stored outputs, and what is wrong where it does not.</returns>
    public string?[] Run(params ReadOnlySpan<Engine> engines)
    {
        var results = new string?[engines.Length];
        using var file = Read();
        var (inputs, expected) = (Stored("input", file.Model.Graph.Inputs), Stored("output", file.Model.Graph.Outputs));
        var options = new CanonicalOptions
        {
            InputShapes = file.Model.Graph.Inputs.Where(v => v is { Data: null, Shape: not { IsStatic: true } } && inputs.ContainsKey(v.Name)).ToDictionary(v => v.Name, v => inputs[v.Name].Shape, StringComparer.Ordinal),
            ComputeInFloat32 = false,
            FixControlInputs = false,
        };
        CanonicalModel canonical;
        try
        {
            canonical = Canonicalizer.Run(file.Model, options);
        }
        catch (ModelException e)
        {
            Array.Fill(results, FirstLine(e));
            return results;
        }
        var feeds = canonical.Model.Graph.Inputs.ToDictionary(v => v.Name, v => inputs[v.Name], StringComparer.Ordinal);
        for (var i = 0; i < results.Length; i++) results[i] = Wrong(engines[i], canonical, feeds, expected);
        return results;
    }

    /// <summary>Runs the case as it is, in ONNX Runtime.</summary>
    /// <returns>Null where that gives the stored outputs, and what is wrong where it does not.</returns>
    public string? RunOriginal()
    {
        using var file = Read();
        try
        {
            using var session = OrtReference.Open(ModelPath);
            return Difference(Stored("output", file.Model.Graph.Outputs), OrtReference.Run(session, Stored("input", file.Model.Graph.Inputs))) is { } off ? "ONNX Runtime's own result: " + off : null;
        }
        catch (OnnxRuntimeException e)
        {
            return "ONNX Runtime: " + FirstLine(e);
        }
    }

    /// <summary>The operators the model calls, with the opset of each.</summary>
    public IEnumerable<(string Domain, string OpType, long Opset)> Calls()
    {
        using var file = Read();
        return [.. file.Model.Graph.AllNodes().Select(n => (n.Domain, n.OpType, file.Model.Opsets.GetValueOrDefault(n.Domain, 1)))];
    }

    public override string ToString() => Name;

    string? Wrong(Engine engine, CanonicalModel canonical, Dictionary<string, TensorData> feeds, Dictionary<string, TensorData> expected)
    {
        try
        {
            return Difference(expected, engine(canonical.Model, feeds)) is { } wrong ? wrong + (canonical.Unsupported.Count > 0 ? $" ({canonical.Unsupported[0]})" : "") : null;
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelException)
        {
            return FirstLine(e);
        }
    }

    static string FirstLine(Exception e) => e.Message.Split('\n')[0];

    Dictionary<string, TensorData> Stored(string kind, List<Value> values)
    {
        var result = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < values.Count; i++)
        {
            var path = Path.Combine(Folder, "test_data_set_0", $"{kind}_{i}.pb");
            // What is no tensor is stored in another form.
            if (values[i].Other is not null || !File.Exists(path)) continue;
            using var external = new ExternalData(Folder);
            var data = new TensorReader(new ReadContext(long.MaxValue, external)).Read(TensorProto.Parser.ParseFrom(File.ReadAllBytes(path)), path);
            // bfloat16 is stored as the whole numbers that its bits are.
            result[values[i].Name] = data.Type == ElementType.UInt16 && values[i].Type == ElementType.BFloat16 ? TensorData.FromBytes(values[i].Type, [.. data.Dims], data.Bytes) : data;
        }
        return result;
    }

    /// <summary>What differs by more than the ONNX project's own tolerances (floats 1e-3 relative and 1e-7 absolute, all else exact), or null.</summary>
    string? Difference(Dictionary<string, TensorData> expected, Dictionary<string, TensorData> actual)
    {
        foreach (var (name, e) in expected)
        {
            if (!actual.TryGetValue(name, out var a)) return $"no output '{name}'";
            if (e.Type != a.Type || !e.Dims.SequenceEqual(a.Dims)) return $"'{name}' is {a}, expected {e}";
            if (OrtReference.RelativeDifference(e, a) <= (e.Type.IsFloat ? OfLargest : 0)) continue;
            if (e.Type == ElementType.String) return $"'{name}' holds other strings";
            var (x, y) = (e.ToDoubles(), a.ToDoubles());
            var (absolute, relative) = e.Type.IsFloat ? (1e-7, 1e-3) : (0, 0);
            for (var i = 0; i < x.Length; i++)
                if (x[i] != y[i] && !(double.IsNaN(x[i]) && double.IsNaN(y[i])) && !(Math.Abs(x[i] - y[i]) <= absolute + relative * Math.Abs(x[i]))) return $"'{name}'[{i}] is {y[i]}, expected {x[i]}";
        }
        return null;
    }
}
