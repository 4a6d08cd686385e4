using Google.Protobuf;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Writes ONNX models. The same model gives the same bytes.</summary>
public static class OnnxWriter
{
    /// <summary>The bytes of a model file.</summary>
    /// <param name="model">The model; every contents but those in <see cref="WriteOptions.References"/> must be available.</param>
    /// <param name="options">How to write it; <see cref="WriteOptions.ExternalThreshold"/> needs a file to write beside, see <see cref="Write"/>.</param>
    /// <exception cref="ModelException">The model is unsound, contents are unavailable, or the file would exceed 2 GB.</exception>
    public static byte[] ToBytes(Model model, WriteOptions? options = null)
    {
        options ??= new WriteOptions();
        if (options.ExternalThreshold is not null) throw new ArgumentException("Bytes have no second file beside them; write to a path, or give references.", nameof(options));
        var proto = Build(model, new TensorWriter(options, null));
        return proto.ToByteArray();
    }

    /// <summary>Writes a model file, and its second file where one is asked for. Files of these names are replaced once all is written.</summary>
    /// <param name="model">The model; every contents but those in <see cref="WriteOptions.References"/> must be available.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How to write it.</param>
    /// <exception cref="ModelException">The model is unsound, contents are unavailable, or the file would exceed 2 GB.</exception>
    public static void Write(Model model, string path, WriteOptions? options = null)
    {
        options ??= new WriteOptions();
        var name = options.SidecarName ?? Path.GetFileName(path) + ".data";
        if (!string.Equals(Path.GetFileName(name), name, StringComparison.Ordinal) || name is "" or "." or "..")
            throw new ArgumentException($"'{name}' is no plain file name.", nameof(options));
        var tensors = new TensorWriter(options, options.ExternalThreshold is null ? null : name);
        var proto = Build(model, tensors);
        if (tensors.Outside.Count > 0) Replace(Path.Combine(Path.GetDirectoryName(path) ?? "", name), tensors.WriteOutside);
        Replace(path, proto.WriteTo);
    }

    static ModelProto Build(Model model, TensorWriter tensors)
    {
        var proto = new GraphWriter(model, tensors).Write();
        // Sizes are 32-bit in protobuf; the contents alone are counted in 64, so that the sum below cannot wrap round unnoticed.
        var size = tensors.InlineBytes > int.MaxValue ? tensors.InlineBytes : (uint)proto.CalculateSize();
        return size <= int.MaxValue
            ? proto
            : throw new ModelException(ModelProblem.Unsupported,
                $"The model file would have {size} bytes, the format allows {int.MaxValue}: put initializers into a second file ({nameof(WriteOptions)}.{nameof(WriteOptions.ExternalThreshold)}).");
    }

    /// <summary>Writes beside the target and renames, so that neither a failure nor a model mapped from the old file leaves half a file.</summary>
    static void Replace(string path, Action<Stream> write)
    {
        var temporary = path + ".part";
        try
        {
            using (var stream = File.Create(temporary)) write(stream);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
