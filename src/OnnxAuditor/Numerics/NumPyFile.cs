using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;

namespace OnnxAuditor.Numerics;

/// <summary>
/// Reads NumPy's .npy (format versions 1 to 3) and .npz files into tensors, brought into little-endian, row-major order. Arrays of objects, which are pickled
/// Python code, and of structures are refused.
/// </summary>
static partial class NumPyFile
{
    const int LongestHeader = 1 << 20;

    /// <summary>Element types by NumPy's code without the byte order.</summary>
    static readonly Dictionary<string, ElementType> Types = new(StringComparer.Ordinal)
    {
        ["f2"] = ElementType.Float16,
        ["f4"] = ElementType.Float32,
        ["f8"] = ElementType.Float64,
        ["b1"] = ElementType.Bool,
        ["i1"] = ElementType.Int8,
        ["i2"] = ElementType.Int16,
        ["i4"] = ElementType.Int32,
        ["i8"] = ElementType.Int64,
        ["u1"] = ElementType.UInt8,
        ["u2"] = ElementType.UInt16,
        ["u4"] = ElementType.UInt32,
        ["u8"] = ElementType.UInt64,
    };

    static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>The arrays of a .npz file by name.</summary>
    /// <exception cref="FormatException">The file cannot be read, is no .npz, or an array is of a type that no tensor has.</exception>
    public static SortedDictionary<string, TensorData> ReadNpz(string path) => Guarded(path, () =>
    {
        var arrays = new SortedDictionary<string, TensorData>(StringComparer.Ordinal);
        using var archive = ZipFile.OpenRead(path);
        foreach (var entry in archive.Entries)
        {
            using var stream = entry.Open();
            arrays[entry.FullName.EndsWith(".npy", StringComparison.Ordinal) ? entry.FullName[..^4] : entry.FullName] = Read(stream, $"{path}:{entry.FullName}");
        }
        return arrays;
    });

    /// <summary>The array of a .npy file.</summary>
    /// <exception cref="FormatException">The file cannot be read, is no .npy, or the array is of a type that no tensor has.</exception>
    public static TensorData ReadNpy(string path) => Guarded(path, () =>
    {
        using var stream = File.OpenRead(path);
        return Read(stream, path);
    });

    static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EndOfStreamException e)
        {
            throw new FormatException($"'{path}' ends before its data do.", e);
        }
        catch (InvalidDataException e)
        {
            throw new FormatException($"'{path}' is no .npz file: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    static TensorData Read(Stream stream, string where)
    {
        var (type, isBigEndian, isColumnMajor, dims) = ReadHeader(stream, where);
        var size = type.Bits / 8;
        var count = 1L;
        foreach (var d in dims)
        {
            if (d > 0 && count > Array.MaxLength / size / d) throw new FormatException($"'{where}' declares the shape ({string.Join(", ", dims)}), which is too large.");
            count *= d;
        }
        var bytes = ReadElements(stream, (int)count * size);
        if (isBigEndian) ReverseEach(bytes, size);
        return TensorData.FromBytes(type, dims, isColumnMajor ? RowMajor(bytes, dims, size) : bytes);
    }

    static (ElementType Type, bool IsBigEndian, bool IsColumnMajor, long[] Dims) ReadHeader(Stream stream, string where)
    {
        Span<byte> start = stackalloc byte[8];
        stream.ReadExactly(start);
        if (!start[..6].SequenceEqual(Magic)) throw new FormatException($"'{where}' is no .npy file.");
        Span<byte> length = stackalloc byte[4];
        length.Clear();
        stream.ReadExactly(length[..(start[6] == 1 ? 2 : 4)]);
        var count = BinaryPrimitives.ReadInt32LittleEndian(length);
        if (count is < 0 or > LongestHeader) throw new FormatException($"'{where}' has a damaged header.");
        var header = new byte[count];
        stream.ReadExactly(header);
        var match = Header().Match(Encoding.Latin1.GetString(header));
        if (!match.Success) throw new FormatException($"'{where}' has a header that cannot be read; arrays of objects and of structures are not.");
        var code = match.Groups["type"].Value;
        var order = code.Length > 0 && code[0] is '<' or '>' or '=' or '|' ? code[0] : '<';
        if (!Types.TryGetValue(code.TrimStart('<', '>', '=', '|'), out var type)) throw new FormatException($"'{where}' holds elements of type '{code}'; floats, integers and booleans can be read.");
        var dims = match.Groups["shape"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(d => long.Parse(d, NumberStyles.None, CultureInfo.InvariantCulture));
        return (type, order == '>', match.Groups["order"].Value is "True", [.. dims]);
    }

    /// <summary>Reads in steps, so that a file that declares more than it holds costs no memory.</summary>
    static byte[] ReadElements(Stream stream, int length)
    {
        const int Step = 1 << 24;
        var result = new byte[Math.Min(length, Step)];
        for (var at = 0; at < length;)
        {
            if (at == result.Length) Array.Resize(ref result, (int)Math.Min(length, 2L * result.Length));
            var read = stream.Read(result, at, result.Length - at);
            if (read == 0) throw new EndOfStreamException();
            at += read;
        }
        return result;
    }

    static void ReverseEach(byte[] bytes, int size)
    {
        for (var i = 0; i < bytes.Length; i += size) bytes.AsSpan(i, size).Reverse();
    }

    /// <summary>Brings column-major elements into row-major order.</summary>
    static byte[] RowMajor(byte[] bytes, long[] dims, int size)
    {
        if (dims.Length < 2) return bytes;
        var result = new byte[bytes.Length];
        var index = new long[dims.Length];
        for (var target = 0; target < bytes.Length; target += size)
        {
            long source = 0;
            for (var i = dims.Length - 1; i >= 0; i--) source = source * dims[i] + index[i];
            bytes.AsSpan((int)source * size, size).CopyTo(result.AsSpan(target));
            for (var i = dims.Length - 1; i >= 0 && ++index[i] == dims[i]; i--) index[i] = 0;
        }
        return result;
    }

    [GeneratedRegex(@"'descr':\s*'(?<type>[^']*)'.*'fortran_order':\s*(?<order>True|False).*'shape':\s*\((?<shape>[0-9, ]*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Header();
}
