using GraphRewriter.Ir;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Testing;

/// <summary>Runs models in plain ONNX Runtime on the CPU, single-threaded: the judge of what the library writes.</summary>
static class OrtReference
{
    /// <summary>Opens a model from bytes; external data is not found this way.</summary>
    public static InferenceSession Open(byte[] model, bool optimize = true)
    {
        using var options = Options(optimize);
        return new InferenceSession(model, options);
    }

    /// <summary>Opens a model file.</summary>
    public static InferenceSession Open(string path, bool optimize = true)
    {
        using var options = Options(optimize);
        return new InferenceSession(path, options);
    }

    /// <summary>
    /// Seeded inputs that fit a session's metadata: floats uniform in [-1, 1), integers in [0, <paramref name="integersBelow"/>), bools by coin, strings "a", "b", …
    /// </summary>
    /// <param name="session">The session.</param>
    /// <param name="seed">The seed; inputs are drawn in the order of their names.</param>
    /// <param name="shapes">Shapes by input name, where the model leaves dimensions open; the others become 1.</param>
    /// <param name="integersBelow">The bound of integer inputs.</param>
    public static Dictionary<string, TensorData> SeededInputs(InferenceSession session, int seed = 0, IReadOnlyDictionary<string, long[]>? shapes = null, int integersBelow = 8)
    {
        var random = new Random(seed);
        var result = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var (name, meta) in session.InputMetadata.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            var dims = shapes?.GetValueOrDefault(name) ?? [.. meta.Dimensions.Select(d => d < 0 ? 1L : d)];
            result[name] = Seeded((ElementType)meta.ElementDataType, dims, random, integersBelow);
        }
        return result;
    }

    /// <summary>A seeded tensor.</summary>
    public static TensorData Seeded(ElementType type, long[] dims, Random random, int integersBelow = 8)
    {
        var count = (int)dims.Aggregate(1L, (a, b) => a * b);
        if (type == ElementType.String) return TensorData.FromStrings(dims, [.. Enumerable.Range(0, count).Select(_ => new[] { (byte)random.Next('a', 'z' + 1) })]);
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = type == ElementType.Bool ? random.Next(2) : type.IsInteger ? random.Next(integersBelow) : (random.NextDouble() * 2) - 1;
        return TensorData.FromNumbers(type, dims, values);
    }

    /// <summary>Runs a session; outputs by name, the elements of a sequence as "name[i]".</summary>
    public static Dictionary<string, TensorData> Run(InferenceSession session, IReadOnlyDictionary<string, TensorData> inputs)
    {
        var values = inputs.ToDictionary(i => i.Key, i => ToOrt(i.Value), StringComparer.Ordinal);
        try
        {
            using var options = new RunOptions();
            using var outputs = session.Run(options, values, session.OutputNames);
            var result = new Dictionary<string, TensorData>(StringComparer.Ordinal);
            for (var i = 0; i < outputs.Count; i++) AddTo(result, session.OutputNames[i], outputs[i]);
            return result;
        }
        finally
        {
            foreach (var value in values.Values) value.Dispose();
        }
    }

    /// <summary>Opens, runs and closes.</summary>
    public static Dictionary<string, TensorData> Run(byte[] model, IReadOnlyDictionary<string, TensorData> inputs, bool optimize = true)
    {
        using var session = Open(model, optimize);
        return Run(session, inputs);
    }

    /// <summary>The largest difference of two tensors over the largest magnitude of the first; 0 where they are equal bit by bit, infinite where their types or shapes differ.</summary>
    public static double RelativeDifference(TensorData expected, TensorData actual)
    {
        if (expected.Type != actual.Type || !expected.Dims.SequenceEqual(actual.Dims)) return double.PositiveInfinity;
        if (expected.Type == ElementType.String) return expected.Strings.Zip(actual.Strings).All(p => p.First.AsSpan().SequenceEqual(p.Second)) ? 0 : double.PositiveInfinity;
        if (expected.Bytes.Span.SequenceEqual(actual.Bytes.Span)) return 0;
        var (a, b) = (expected.ToDoubles(), actual.ToDoubles());
        double scale = 0, worst = 0;
        for (var i = 0; i < a.Length; i++)
        {
            if (double.IsNaN(a[i]) && double.IsNaN(b[i])) continue;
            var difference = a[i] == b[i] ? 0 : Math.Abs(a[i] - b[i]);
            if (double.IsNaN(difference)) return double.PositiveInfinity;
            worst = Math.Max(worst, difference);
            if (double.IsFinite(a[i])) scale = Math.Max(scale, Math.Abs(a[i]));
        }
        return worst == 0 ? 0 : scale > 0 ? worst / scale : double.PositiveInfinity;
    }

    static SessionOptions Options(bool optimize) => new()
    {
        IntraOpNumThreads = 1,
        InterOpNumThreads = 1,
        LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        GraphOptimizationLevel = optimize ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
    };

    static OrtValue ToOrt(TensorData data)
    {
        long[] dims = [.. data.Dims];
        if (data.Type == ElementType.String)
        {
            var strings = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, dims);
            for (var i = 0; i < data.Strings.Count; i++) strings.StringTensorSetElementAt(data.Strings[i], i);
            return strings;
        }
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)data.Type, dims);
        // The interface of the runtime divides by the size of an empty tensor.
        if (data.Count > 0) data.Bytes.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    static void AddTo(Dictionary<string, TensorData> result, string name, OrtValue value)
    {
        if (value.OnnxType == OnnxValueType.ONNX_TYPE_SEQUENCE)
        {
            value.ProcessSequence((element, i) => AddTo(result, $"{name}[{i}]", element), OrtAllocator.DefaultInstance);
            return;
        }
        var info = value.GetTensorTypeAndShape();
        var type = (ElementType)info.ElementDataType;
        result[name] = type == ElementType.String
            ? TensorData.FromStrings(info.Shape, [.. value.GetStringTensorAsArray().Select(System.Text.Encoding.UTF8.GetBytes)])
            : TensorData.FromBytes(type, info.Shape, info.ElementCount == 0 ? default : value.GetTensorMutableRawData().ToArray());
    }
}
