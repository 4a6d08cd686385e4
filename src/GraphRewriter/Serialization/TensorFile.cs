using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Reads files that hold one tensor (a TensorProto), as ONNX's test data does.</summary>
static class TensorFile
{
    /// <summary>Reads the tensor and the name it carries, empty for none.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ModelException">The file cannot be read or holds no tensor.</exception>
    public static (string Name, TensorData Data) Read(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var proto = TensorProto.Parser.ParseFrom(bytes);
            using var external = new ExternalData(null);
            var context = new ReadContext(new ReadOptions().MaxBytes, external);
            var data = new TensorReader(context).Read(proto, $"'{path}'");
            if (context.Errors.Count > 0) throw new ModelException(ModelProblem.Unreadable, context.Errors[0]);
            return (proto.Name, data);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidProtocolBufferException)
        {
            throw new ModelException(ModelProblem.Unreadable, $"'{path}' holds no tensor that can be read: {e.Message}", e);
        }
    }
}
