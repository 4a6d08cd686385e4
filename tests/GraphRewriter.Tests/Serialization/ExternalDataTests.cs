using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public sealed partial class ExternalDataTests : IDisposable
{
    static readonly float[] Weights = [1, 2, 3, 4];

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Good_external_data_is_a_view_of_the_mapped_file_until_the_model_file_is_disposed()
    {
        File.WriteAllBytes(folder.File("w.bin"), [9, 9, 9, 9, .. MemoryMarshal.AsBytes(Weights.AsSpan())]);

        TensorData data;
        using (var file = Read(("location", "w.bin"), ("offset", "4"), ("length", "16")))
        {
            Assert.Empty(file.Problems);
            data = file.Model.Graph.Initializers[0].Data!;
            Assert.Equal(Weights, data.ToFloats());
            Assert.False(MemoryMarshal.TryGetArray(data.Bytes, out _));
        }
        Assert.Throws<ObjectDisposedException>(() => data.ToFloats());
    }

    [Fact]
    public void Data_in_a_folder_below_and_without_stated_length_are_found()
    {
        Directory.CreateDirectory(folder.File("sub"));
        Write(Path.Combine("sub", "w.bin"));

        using var file = Read(("location", "sub/w.bin"), ("checksum", "whatever"));

        Assert.Empty(file.Problems);
        Assert.Equal(Weights, file.Model.Graph.Initializers[0].Data!.ToFloats());
    }

    [Theory]
    [InlineData("/etc/passwd", "is absolute")]
    [InlineData("\\\\server\\share\\w.bin", "is absolute")]
    [InlineData("C:\\w.bin", "is absolute")]
    [InlineData("../w.bin", "leaves the model's folder")]
    [InlineData("sub/../../w.bin", "leaves the model's folder")]
    [InlineData("sub\\..\\..\\w.bin", "leaves the model's folder")]
    [InlineData("*/_ORT_MEM_ADDR_/*", "is a memory address")]
    [InlineData("w.bin\0.txt", "holds control characters")]
    public void A_path_that_is_absolute_or_leaves_the_folder_is_refused(string location, string why) => AssertMissing("SEC001", why, ("location", location));

    [Fact]
    public void A_symbolic_link_is_refused()
    {
        Write("real.bin");
        File.CreateSymbolicLink(folder.File("w.bin"), folder.File("real.bin"));

        AssertMissing("SEC001", "symbolic link", ("location", "w.bin"));
    }

    [Fact]
    public void A_path_through_a_linked_folder_is_refused()
    {
        Directory.CreateDirectory(folder.File("real"));
        Write(Path.Combine("real", "w.bin"));
        Directory.CreateSymbolicLink(folder.File("sub"), folder.File("real"));

        AssertMissing("SEC001", "symbolic link", ("location", "sub/w.bin"));
    }

    [Fact]
    public void A_hard_linked_file_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The test makes hard links with a call of Linux.");
        Write("real.bin");
        Assert.Equal(0, Link(folder.File("real.bin"), folder.File("w.bin")));

        AssertMissing("SEC001", "hard-linked (2 names)", ("location", "w.bin"));
    }

    [Fact]
    public void A_pipe_is_refused_without_being_opened()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The test makes pipes with a call of Linux.");
        // Opening a pipe that nobody writes to would block this test for ever.
        Assert.Equal(0, MakePipe(folder.File("w.bin"), 0x180));

        AssertMissing("SEC001", "no ordinary file", ("location", "w.bin"));
    }

    [Fact]
    public void A_folder_is_refused()
    {
        Directory.CreateDirectory(folder.File("sub"));

        AssertMissing("SEC001", "is a folder", ("location", "sub"));
    }

    [Fact]
    public void An_unknown_key_is_refused_even_where_the_file_is_good()
    {
        Write("w.bin");

        AssertMissing("SEC001", "unknown key 'command'", ("location", "w.bin"), ("command", "rm"));
    }

    [Fact]
    public void A_key_given_twice_is_refused()
    {
        Write("w.bin");

        AssertMissing("SEC001", "gives 'location' twice", ("location", "w.bin"), ("location", "../w.bin"));
    }

    [Fact]
    public void A_missing_file_is_named() => AssertMissing("ONX003", "'w.bin' is missing", ("location", "w.bin"));

    [Fact]
    public void A_missing_location_is_named() => AssertMissing("ONX003", "without location", ("offset", "0"));

    [Theory]
    [InlineData("1", "16", "has 16 bytes, the tensor needs 16 from offset 1")]
    [InlineData("9223372036854775807", "16", "has 16 bytes")]
    [InlineData("0", "17", "declares 17 bytes, type and dimensions need 16")]
    [InlineData("-1", "16", "no non-negative number")]
    [InlineData("0x10", "16", "no non-negative number")]
    [InlineData("99999999999999999999", "16", "no non-negative number")]
    public void An_offset_or_length_that_does_not_fit_is_named(string offset, string length, string why)
    {
        Write("w.bin");

        AssertMissing("ONX003", why, ("location", "w.bin"), ("offset", offset), ("length", length));
    }

    [Fact]
    public void An_empty_file_is_too_short()
    {
        File.WriteAllBytes(folder.File("w.bin"), []);

        AssertMissing("ONX003", "has 0 bytes", ("location", "w.bin"));
    }

    [Fact]
    public void Without_a_folder_external_data_are_not_looked_for()
    {
        using var file = Model(("location", "w.bin")).Read(folder: null);

        Assert.Contains("not read from a folder", Assert.Single(file.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_of_a_tensor_without_elements_are_not_mapped()
    {
        File.WriteAllBytes(folder.File("w.bin"), []);
        var tensor = External(("location", "w.bin"));
        tensor.Dims[0] = 0;

        using var file = ProtoModels.WithInitializer(tensor).Read(folder.Path);

        Assert.Empty(file.Problems);
        Assert.Empty(file.Model.Graph.Initializers[0].Data!.ToFloats());
    }

    void AssertMissing(string code, string why, params (string Key, string Value)[] entries)
    {
        using var file = Read(entries);

        var problem = Assert.Single(file.Problems);
        Assert.Equal((code, "initializer 'w'"), (problem.Code, problem.Where));
        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
        var data = file.Model.Graph.Initializers[0].Data!;
        Assert.Equal("Float32[4]", data.ToString());
        Assert.Contains(why, data.Unavailable, StringComparison.Ordinal);
        Assert.Equal(ModelProblem.ExternalData, Assert.Throws<ModelException>(() => data.Bytes).Problem);
    }

    void Write(string name) => File.WriteAllBytes(folder.File(name), MemoryMarshal.AsBytes(Weights.AsSpan()).ToArray());

    ModelFile Read(params (string Key, string Value)[] entries) => Model(entries).Read(folder.Path);

    static ModelProto Model(params (string Key, string Value)[] entries) => ProtoModels.WithInitializer(External(entries));

    static TensorProto External(params (string Key, string Value)[] entries)
    {
        var tensor = new TensorProto { DataType = 1, Dims = { 4 }, DataLocation = TensorProto.Types.DataLocation.External };
        tensor.ExternalData.AddRange(entries.Select(e => new StringStringEntryProto { Key = e.Key, Value = e.Value }));
        return tensor;
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string existing, string added);

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MakePipe(string path, uint mode);
}
