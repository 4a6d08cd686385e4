using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace GraphRewriter.Tests;

/// <summary>A model loaded in ONNX Runtime by its plain interface, to run with tensors of the IR.</summary>
sealed class PlainRuntime : IDisposable
{
    readonly InferenceSession session;
    readonly string[] outputs;

    public PlainRuntime(Model model, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_ALL)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = level,
            IntraOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        session = new InferenceSession(OnnxWriter.ToBytes(model), options);
        outputs = [.. session.OutputMetadata.Keys];
    }

    /// <summary>Runs the model and returns its outputs by name.</summary>
    public Dictionary<string, TensorData> Run(IReadOnlyDictionary<string, TensorData> feeds)
    {
        var values = feeds.Where(f => session.InputMetadata.ContainsKey(f.Key)).ToDictionary(f => f.Key, f => ToOrt(f.Value), StringComparer.Ordinal);
        try
        {
            using var options = new RunOptions();
            using var results = session.Run(options, values, outputs);
            return outputs.Zip(results).ToDictionary(r => r.First, r => FromOrt(r.Second), StringComparer.Ordinal);
        }
        finally
        {
            foreach (var v in values.Values) v.Dispose();
        }
    }

    public void Dispose() => session.Dispose();

    static OrtValue ToOrt(TensorData data)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)data.Type, [.. data.Dims]);
        if (data.Count > 0) data.Bytes.Span.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    static TensorData FromOrt(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var type = (ElementType)info.ElementDataType;
        return TensorData.FromBytes(type, info.Shape, info.ElementCount == 0 ? default : value.GetTensorMutableRawData().ToArray());
    }
}
