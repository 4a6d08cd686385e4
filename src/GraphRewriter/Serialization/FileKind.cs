using System.Text;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Tells what a file that is no ONNX model is instead, and what to do about it.</summary>
static class FileKind
{
    /// <summary>First bytes of files that are taken for models now and then.</summary>
    static readonly (int Offset, string Bytes, string What)[] Signatures =
    [
        (0, "version https://git-lfs", "is a git-LFS pointer, not the model itself: run 'git lfs pull'"),
        (0, "version https://hawser", "is a git-LFS pointer, not the model itself: run 'git lfs pull'"),
        (0, "PK\u0003\u0004", "is a zip archive (a PyTorch checkpoint, perhaps): unpack it or export the network to ONNX"),
        (0, "\u001f\u008b", "is gzip-compressed: unpack it"),
        (0, "\u0089HDF\r\n", "is an HDF5 file (Keras, perhaps): convert the network to ONNX"),
        (4, "TFL3", "is a TensorFlow Lite model: convert it to ONNX"),
        (4, "ORTM", "is an ONNX Runtime flatbuffer (.ort): take the .onnx file it was made from"),
        (0, "GGUF", "is a GGUF file: take the network's ONNX export"),
        (0, "\u0080\u0002", "is a Python pickle (a PyTorch checkpoint, perhaps): export the network to ONNX"),
        (0, "\u0093NUMPY", "is a NumPy array, not a model"),
    ];

    /// <summary>What the file is, where its first bytes say that it is no model; null where they do not.</summary>
    public static string? NotAModel(ReadOnlySpan<byte> file)
    {
        if (file.IsEmpty) return "is empty (0 bytes): fetch or export it again";
        foreach (var (offset, bytes, what) in Signatures)
            if (file.Length > offset && file[offset..].StartsWith(Encoding.Latin1.GetBytes(bytes))) return what;
        return TextOf(file[..Math.Min(file.Length, 4096)]) is { } text ? DescribeText(text, file.Length) : null;
    }

    /// <summary>Why a file that does not parse does not: cut off, damaged, or no protobuf message of this kind at all.</summary>
    public static string Unparsable(ReadOnlySpan<byte> file, string parserSays)
    {
        var fields = ModelProto.Descriptor;
        var position = 0;
        while (position < file.Length)
        {
            var known = Varint(file, ref position, out var tag) && fields.FindFieldByNumber((int)Math.Min(tag >> 3, int.MaxValue)) is { } field
                && (tag & 7) == (field.FieldType is Google.Protobuf.Reflection.FieldType.Int64 ? 0UL : 2UL);
            if (!known) return "is no ONNX model (its bytes are not in the format): check where it comes from";
            if (!Varint(file, ref position, out var value)) return "is truncated: fetch or export it again";
            if ((tag & 7) == 0) continue;
            var left = (ulong)(file.Length - position);
            if (value > left) return value < 1L << 40
                ? $"is truncated ({value - left} bytes or more are missing at the end): fetch or export it again"
                : "is no ONNX model (its bytes are not in the format): check where it comes from";
            position += (int)value;
        }
        return $"is damaged inside: fetch or export it again ({parserSays})";
    }

    static bool Varint(ReadOnlySpan<byte> file, ref int position, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && position < file.Length; shift += 7)
        {
            var b = file[position++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return true;
        }
        return false;
    }

    /// <summary>The bytes as text, where all of them are printable ASCII or white space.</summary>
    static string? TextOf(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith(Encoding.UTF8.Preamble)) start = start[3..];
        // A model begins with the tag of a field, which for the first four is a control character that texts do not begin with, or a tab, line feed and more.
        // So the whole start must be text, and models, which hold lengths and numbers everywhere, never are.
        foreach (var b in start) if (b is not ((>= 0x20 and < 0x7F) or (byte)'\t' or (byte)'\n' or (byte)'\r')) return LooksLikeMarkup(start) ? Encoding.UTF8.GetString(start) : null;
        return Encoding.ASCII.GetString(start);
    }

    static bool LooksLikeMarkup(ReadOnlySpan<byte> start)
    {
        var text = start.TrimStart(" \t\r\n"u8);
        return text.Length > 1 && text[0] == '<' && (text[1] is (byte)'!' or (byte)'?' || char.IsAsciiLetter((char)text[1]));
    }

    static string DescribeText(string text, int length)
    {
        var trimmed = text.Trim();
        if (trimmed.StartsWith('<'))
            return "is a web page (HTML or XML), not the model: the download went to a page, a login or an error instead; fetch the file itself";
        if (trimmed.Length > 0 && length <= 4096 && !trimmed.Contains('\n') && (trimmed.Contains('/') || trimmed.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase)))
            return $"is the text of a symbolic link to '{trimmed}' (checked out where links are not supported): take the file it names";
        return "is a text file, not a model: check where it comes from";
    }
}
