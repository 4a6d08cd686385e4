using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;

namespace OnnxAuditor.Numerics;

/// <summary>Reads NumPy's .npy (format versions 1 to 3) and .npz files into tensors.</summary>
static partial class NumPyFile
{
    /// <summary>The arrays of a .npz file by name.</summary>
    /// <exception cref="UsageException">The file is no .npz, or an array is of a type that no tensor has.</exception>
    public static SortedDictionary<string, TensorData> ReadNpz(string path)
    {
        var arrays = new SortedDictionary<string, TensorData>(StringComparer.Ordinal);
        try
        {
            using var archive = ZipFile.OpenRead(path);
            foreach (var entry in archive.Entries)
            {
                using var stream = entry.Open();
                arrays[entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName] = ReadNpy(stream, $"{path}:{entry.FullName}");
            }
        }
        catch (InvalidDataException e)
        {
            throw new UsageException($"'{path}' is no .npz file: {e.Message}");
        }
        return arrays;
    }

    /// <summary>The array of a .npy file.</summary>
    /// <exception cref="UsageException">The file is no .npy, or the array is of a type that no tensor has.</exception>
    public static TensorData ReadNpy(string path)
    {
        using var stream = File.OpenRead(path);
        return ReadNpy(stream, path);
    }

    static TensorData ReadNpy(Stream stream, string where)
    {
        try
        {
            Span<byte> start = stackalloc byte[8];
            stream.ReadExactly(start);
            if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8)) throw new UsageException($"'{where}' is no .npy file.");
            Span<byte> length = stackalloc byte[start[6] == 1 ? 2 : 4];
            stream.ReadExactly(length);
            var header = new byte[length.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(length) : checked((int)BinaryPrimitives.ReadUInt32LittleEndian(length))];
            stream.ReadExactly(header);
            return ReadBody(stream, Encoding.Latin1.GetString(header), where);
        }
        catch (EndOfStreamException)
        {
            throw new UsageException($"'{where}' ends before its data do.");
        }
    }

    static TensorData ReadBody(Stream stream, string header, string where)
    {
        var match = Header().Match(header);
        if (!match.Success) throw new UsageException($"'{where}' has a header that cannot be read: {header.Trim()}");
        var type = match.Groups["type"].Value switch
        {
            "<f4" => ElementType.Float32,
            "<f8" => ElementType.Float64,
            "<f2" => ElementType.Float16,
            "<i8" => ElementType.Int64,
            "<i4" => ElementType.Int32,
            "<i2" => ElementType.Int16,
            "|i1" => ElementType.Int8,
            "<u8" => ElementType.UInt64,
            "<u4" => ElementType.UInt32,
            "<u2" => ElementType.UInt16,
            "|u1" => ElementType.UInt8,
            "|b1" => ElementType.Bool,
            var other => throw new UsageException($"'{where}' holds elements of type '{other}'; little-endian floats, integers and booleans can be read."),
        };
        long[] dims = [.. match.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(d => long.Parse(d, NumberStyles.None, CultureInfo.InvariantCulture))];
        var bytes = new byte[checked((int)type.ByteCount(dims.Aggregate(1L, (a, b) => checked(a * b))))];
        stream.ReadExactly(bytes);
        return match.Groups["order"].Value == "True" && dims.Length > 1 ? FromColumnMajor(type, dims, bytes) : TensorData.FromBytes(type, dims, bytes);
    }

    static TensorData FromColumnMajor(ElementType type, long[] dims, byte[] bytes)
    {
        var size = type.Bits / 8;
        var result = new byte[bytes.Length];
        var index = new long[dims.Length];
        for (var target = 0; target < bytes.Length / size; target++)
        {
            long source = 0;
            for (var i = dims.Length - 1; i >= 0; i--) source = source * dims[i] + index[i];
            bytes.AsSpan((int)source * size, size).CopyTo(result.AsSpan(target * size));
            for (var i = dims.Length - 1; i >= 0 && ++index[i] == dims[i]; i--) index[i] = 0;
        }
        return TensorData.FromBytes(type, dims, result);
    }

    [GeneratedRegex(@"'descr':\s*'(?<type>[^']+)'.*'fortran_order':\s*(?<order>True|False).*'shape':\s*\((?<shape>[^)]*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Header();
}
