using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

public class TorchExecutorTests
{
    /// <summary>Sixteen times the sine of 64 Ki numbers, 256 KiB each.</summary>
    static string Chain { get; } = $"""
        opset 21
        input x f32[65536]
        const w f32[65536] = seeded
        y0 = Mul(x, w) ; first
        {string.Join('\n', Enumerable.Range(1, 16).Select(i => $"y{i} = Sin(y{i - 1}) ; sine{i}"))}
        output y16
        """;

    const long Bytes = 65536 * sizeof(float);

    static readonly TensorData Input = TensorData.FromFloats([65536], [.. Enumerable.Range(0, 65536).Select(i => i / 65536f)]);

    static Dictionary<string, TensorData> Feeds => new(StringComparer.Ordinal) { ["x"] = Input };

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Weights_and_inputs_lie_in_our_own_memory()
    {
        var model = TextGraph.Parse(Chain);
        using var executor = new TorchExecutor(model);
        using var pass = executor.Forward(Feeds, [], [], Cancellation);
        using var recorded = executor.Forward(Feeds, model.Graph.Outputs, model.Graph.Initializers, Cancellation);
        var (x, w) = (model.Graph.Inputs[0], model.Graph.Initializers[0]);

        Assert.Equal(AddressOf(Input), AddressOf(pass[x]));
        Assert.Equal(AddressOf(w.Data!), AddressOf(pass[w]));
        Assert.Equal(AddressOf(w.Data!), AddressOf(recorded[w]));
        Assert.True(recorded[w].requires_grad);
    }

    [Fact]
    public void Tensors_are_let_go_after_their_last_use()
    {
        var model = TextGraph.Parse(Chain);
        using var executor = new TorchExecutor(model);
        using var pass = executor.Forward(Feeds, model.Graph.Outputs, [], Cancellation);

        // A node's input and its output.
        Assert.Equal(2 * Bytes, pass.PeakBytes);
    }

    [Fact]
    public void Nothing_is_left_of_a_run()
    {
        var model = TextGraph.Parse(Chain);
        using var executor = new TorchExecutor(model);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var before = Live;

        executor.Run(Feeds, ["y16"], Cancellation);
        Assert.Equal(before, Live);

        using (var pass = executor.Forward(Feeds, model.Graph.Outputs, model.Graph.Initializers, Cancellation))
        {
            // The input, the leaf and the output.
            Assert.Equal(before + 3, Live);
            using var made = torch.NewDisposeScope();
            using var seed = torch.ones(65536);
            Assert.NotNull(pass.Gradients(model.Graph.Outputs[0], model.Graph.Initializers, seed)[0]);
        }
        Assert.Equal(before, Live);

        Assert.Throws<OperationCanceledException>(() => executor.Run(Feeds, ["y16"], cancelled.Token));
        Assert.Throws<ModelException>(() => executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([3], [1, 2, 3]) }, ["y16"], Cancellation));
        Assert.Equal(before, Live);

        executor.Dispose();
        Assert.Equal(before - 1, Live);
    }

    [Fact]
    public void Long_loops_leave_nothing_behind_and_end_when_they_are_cancelled()
    {
        using var executor = new TorchExecutor(TextGraph.Parse("""
            opset 21
            input x f32[4]
            const yes bool[] = 1
            graph inner
            input i i64[]
            input on bool[]
            input s f32[4]
            on2 = Identity(on) ; keep
            s2 = Sin(s) ; bend
            output on2
            output s2
            main
            y = Loop(, yes, x) body=@inner ; endless
            output y
            """));
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        var before = Live;

        Assert.Throws<OperationCanceledException>(() => executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([4], [1, 2, 3, 4]) }, ["y"], soon.Token));

        Assert.Equal(before, Live);
    }

    [Fact]
    public void What_fails_is_named()
    {
        using var executor = new TorchExecutor(TextGraph.Parse("""
            opset 21
            input x f32[?]
            const w f32[3] = 1
            y = Add(x, w) ; unequal
            z = NonsenseOperator(y) ; unknown
            output z
            """));

        var unequal = Assert.Throws<ModelException>(() => executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2], [1, 2]) }, ["z"], Cancellation));
        var unknown = Assert.Throws<ModelException>(() => executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([1], [1]) }, ["z"], Cancellation));
        var unfed = Assert.Throws<ModelException>(() => executor.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal), ["z"], Cancellation));

        Assert.StartsWith("Torch failed at Add 'unequal': The size of tensor a (2) must match", unequal.Message, StringComparison.Ordinal);
        Assert.StartsWith("Torch cannot run NonsenseOperator 'unknown'", unknown.Message, StringComparison.Ordinal);
        Assert.Equal("The input 'x' was not fed.", unfed.Message);
    }

    [Fact]
    public void In_float64_everything_is_computed_in_float64()
    {
        var model = TextGraph.Parse("""
            opset 21
            input x f32[2]
            const w f32[2] = 0.1
            a = Mul(x, w) ; product
            b = Sin(a) ; sine
            output b
            """);
        using var executor = new TorchExecutor(model, new TorchSettings(Float64: true));
        using var pass = executor.Forward(new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([2], [0.3f, 2]) }, model.Graph.Outputs, model.Graph.Initializers, Cancellation);
        using var made = torch.NewDisposeScope();
        using var seed = torch.ones(2, torch.float64);
        var gradient = TorchTensors.Fetch(pass.Gradients(model.Graph.Outputs[0], model.Graph.Initializers, seed)[0]!, ElementType.Float64);

        Assert.Equal([Math.Sin((double)0.3f * 0.1f), Math.Sin((double)0.1f * 2)], pass[model.Graph.Outputs[0]].data<double>());
        Assert.Equal([0.3f * Math.Cos((double)0.3f * 0.1f), 2 * Math.Cos((double)0.1f * 2)], gradient.ToDoubles());
        Assert.Equal(ElementType.Float32, model.Graph.Initializers[0].Type);
    }

    [Theory]
    [InlineData("npu", "Torch runs on cpu and cuda, not on 'npu'.")]
    [InlineData("cuda:x", "'x' is no device number; write 'cuda:0'.")]
    public void A_device_that_is_none_is_refused(string device, string message) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => new TorchExecutor(TextGraph.Parse(Chain), new TorchSettings(device))).Message);

    [Fact]
    public void Where_CUDA_is_absent_the_package_that_has_it_is_named()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has CUDA.");
        var refused = Assert.Throws<UsageException>(() => new TorchExecutor(TextGraph.Parse(Chain), new TorchSettings("cuda:1")));

        Assert.Contains(OperatingSystem.IsWindows() ? "libtorch-cuda-12.8-win-x64" : "libtorch-cuda-12.8-linux-x64", refused.Message, StringComparison.Ordinal);
    }

    static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    static unsafe nint AddressOf(torch.Tensor tensor) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));

    static unsafe nint AddressOf(TensorData data)
    {
        using var pin = data.Bytes.Pin();
        return (nint)pin.Pointer;
    }
}
