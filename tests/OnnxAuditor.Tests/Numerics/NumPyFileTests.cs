using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Numerics;

public sealed class NumPyFileTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("numpy-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_array_of_each_version_is_read(int version)
    {
        var data = NumPyFile.ReadNpy(Write("a.npy", Npy("<f4", false, "(2, 3)", Floats(1, 2, 3, 4, 5, 6), version)));
        Assert.Equal((ElementType.Float32, "2×3"), (data.Type, data.Shape.ToString()));
        Assert.Equal([1, 2, 3, 4, 5, 6], data.ToFloats());
    }

    [Theory]
    [InlineData("<i8", ElementType.Int64, 8)]
    [InlineData("|u1", ElementType.UInt8, 1)]
    [InlineData("|b1", ElementType.Bool, 1)]
    [InlineData("<f2", ElementType.Float16, 2)]
    [InlineData("<u4", ElementType.UInt32, 4)]
    [InlineData("=i2", ElementType.Int16, 2)]
    public void Element_types_are_those_of_tensors(string descr, ElementType type, int size)
    {
        var data = NumPyFile.ReadNpy(Write("a.npy", Npy(descr, false, "(3,)", new byte[3 * size])));
        Assert.Equal((type, 3L), (data.Type, data.Count));
    }

    [Fact]
    public void Column_major_becomes_row_major() =>
        Assert.Equal([1, 3, 5, 2, 4, 6], NumPyFile.ReadNpy(Write("a.npy", Npy("<f4", true, "(2, 3)", Floats(1, 2, 3, 4, 5, 6)))).ToFloats());

    [Fact]
    public void Big_endian_becomes_little_endian()
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteSingleBigEndian(bytes, 1.5f);
        Assert.Equal([1.5f], NumPyFile.ReadNpy(Write("a.npy", Npy(">f4", false, "(1,)", bytes))).ToFloats());
    }

    [Fact]
    public void A_scalar_and_an_empty_array_are_read()
    {
        Assert.Equal([7], NumPyFile.ReadNpy(Write("a.npy", Npy("<f4", false, "()", Floats(7)))).ToFloats());
        Assert.Empty(NumPyFile.ReadNpy(Write("b.npy", Npy("<f4", false, "(0, 4)", []))).ToFloats());
    }

    [Fact]
    public void An_archive_gives_its_arrays_by_name()
    {
        var path = Path.Combine(folder, "a.npz");
        using (var zip = ZipFile.Open(path, ZipArchiveMode.Create))
            foreach (var (name, value) in new[] { ("x", 1f), ("y", 2f) })
            {
                using var entry = zip.CreateEntry($"{name}.npy").Open();
                entry.Write(Npy("<f4", false, "(1,)", Floats(value)));
            }
        var arrays = NumPyFile.ReadNpz(path);
        Assert.Equal(["x", "y"], arrays.Keys);
        Assert.Equal([2f], arrays["y"].ToFloats());
    }

    public static TheoryData<string, byte[], string> Bad => new()
    {
        { "text", Encoding.ASCII.GetBytes("this is no array at all"), "is no .npy" },
        { "empty", [], "ends before" },
        { "truncated", Npy("<f4", false, "(100,)", Floats(1)), "ends before" },
        { "pickle", Npy("|O", false, "(1,)", new byte[8]), "elements of type '|O'" },
        { "complex", Npy("<c8", false, "(1,)", new byte[8]), "elements of type" },
        { "huge", Npy("<f4", false, "(99999999, 99999999, 99999999)", []), "too large" },
        { "overflowing", Npy("<f8", false, "(2305843009213693952, 8)", []), "too large" },
        { "cut header", Npy("<f4", false, "(1,)", [])[..20], "ends before" },
        { "negative", Npy("<f4", false, "(-1,)", Floats(1)), "header" },
        { "structure", Npy("x', ('<f4", false, "(1,)", Floats(1)), "" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void What_cannot_be_read_is_told(string name, byte[] bytes, string expected)
    {
        var e = Assert.Throws<FormatException>(() => NumPyFile.ReadNpy(Write($"{name}.npy", bytes)));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_archive_is_told() => Assert.Contains("is no .npz", Assert.Throws<FormatException>(() => NumPyFile.ReadNpz(Write("a.npz", [1, 2, 3]))).Message, StringComparison.Ordinal);

    string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    static byte[] Floats(params float[] values)
    {
        var bytes = new byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * 4), values[i]);
        return bytes;
    }

    internal static byte[] Npy(string descr, bool isFortran, string shape, byte[] data, int version = 1)
    {
        var header = Encoding.ASCII.GetBytes($"{{'descr': '{descr}', 'fortran_order': {(isFortran ? "True" : "False")}, 'shape': {shape}, }}          \n");
        var length = new byte[version == 1 ? 2 : 4];
        if (version == 1) BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)header.Length);
        else BinaryPrimitives.WriteUInt32LittleEndian(length, (uint)header.Length);
        return [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', (byte)version, 0, .. length, .. header, .. data];
    }
}
