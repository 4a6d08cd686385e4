using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;
using static GraphRewriter.Tests.Gradients.SampleInput;

namespace OnnxAuditor.Tests.Execution.Torch;

public class TorchTensorTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 1)]
    [InlineData(3, 0)]
    public void Contents_are_shared_where_their_memory_is_aligned_and_copied_where_not(int offset, int pins)
    {
        var memory = GC.AllocateArray<byte>(64, pinned: true);
        BitConverter.GetBytes(1.5f).CopyTo(memory, offset);
        BitConverter.GetBytes(-2f).CopyTo(memory, offset + 4);
        var handles = new List<System.Buffers.MemoryHandle>();
        using var scope = torch.NewDisposeScope();

        var tensor = TorchTensors.Share(TensorData.FromBytes(ElementType.Float32, [2], memory.AsMemory(offset, 8)), handles);

        Assert.Equal([1.5f, -2f], tensor.data<float>().ToArray());
        Assert.Equal(pins, handles.Count);
        foreach (var handle in handles) handle.Dispose();
    }

    /// <summary>Pairs of float64 that do not begin at a multiple of 16 bytes: libtorch's code for complex numbers reads them as one.</summary>
    [Fact]
    public void Numbers_in_pairs_are_transformed_wherever_they_lie()
    {
        var memory = GC.AllocateArray<byte>(8 * 8, pinned: true);
        var offset = TensorOffset(memory);
        foreach (var (number, i) in new double[] { 1, 0, 2, 0, 3, 0 }.Select((n, i) => (n, i))) BitConverter.GetBytes(number).CopyTo(memory, offset + 8 * i);
        var sample = new OpSample("DFT", "longer than the data", [F(1, 3, 2), Scalar(4)]);
        var graph = new SampleGraph(sample, [.. sample.Inputs.Select(i => i!.Values ?? new double[6])], ElementType.Float64);
        using var executor = new TorchExecutor(graph.Model);

        var x = TensorData.FromBytes(ElementType.Float64, [1, 3, 2], memory.AsMemory(offset, 48));

        var y = executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x0"] = x }, ["y0"], TestContext.Current.CancellationToken)[0];

        Assert.Equal([6, 0, -2, -2, 2, 0, -2, 2], y.ToDoubles());
    }

    /// <summary>The first place in the memory that is a multiple of 8 bytes and not of 16.</summary>
    static unsafe int TensorOffset(byte[] memory)
    {
        fixed (byte* start = memory) return (int)((24 - (nint)start % 16) % 16);
    }
}
