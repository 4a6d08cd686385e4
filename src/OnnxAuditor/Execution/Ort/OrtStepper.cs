using System.Buffers;
using GraphRewriter.Ir;
using Microsoft.ML.OnnxRuntime;

namespace OnnxAuditor.Execution.Ort;

/// <summary>A value that a step takes and gives anew.</summary>
/// <param name="Input">The graph input.</param>
/// <param name="Output">The graph output of the same type and shape.</param>
/// <param name="Initial">What the first step takes.</param>
readonly record struct StepValue(string Input, string Output, TensorData Initial);

/// <summary>
/// Runs a graph again and again, each time on what it gave the time before. Carried values lie in tensors of ONNX Runtime, two of each: a step reads one and writes the other, and the next
/// step the other way round, so that nothing is copied or allocated between steps.
/// </summary>
sealed class OrtStepper : IDisposable
{
    readonly OrtExecutor.Session opened;
    readonly IReadOnlyList<StepValue> carried;
    readonly Dictionary<string, List<MemoryHandle>> pins = new(StringComparer.Ordinal);
    readonly Dictionary<string, OrtValue> feeds = new(StringComparer.Ordinal);
    readonly OrtValue[][] values;
    readonly OrtIoBinding[] bindings;
    readonly OrtValue scale = Allocate(ElementType.Float32, []);
    readonly OrtValue result;
    // Which of the two tensors of each value the next step reads.
    int side;

    /// <summary>Makes a session and places all values.</summary>
    /// <param name="model">The graph; its only outputs are the scalar and those of the carried values.</param>
    /// <param name="settings">Device and threads. Off the processor, ONNX Runtime moves the values at each step.</param>
    /// <param name="scalarInput">The float32 scalar that each step is told.</param>
    /// <param name="scalarOutput">The float32 scalar that each step gives.</param>
    /// <param name="carried">What goes from step to step.</param>
    /// <param name="fixedFeeds">The contents of all other inputs.</param>
    /// <exception cref="ModelException">ONNX Runtime cannot load the graph.</exception>
    public OrtStepper(Model model, OrtSettings settings, string scalarInput, string scalarOutput, IReadOnlyList<StepValue> carried, IReadOnlyDictionary<string, TensorData> fixedFeeds)
    {
        this.carried = carried;
        opened = OrtExecutor.Session.Open(model, settings, shareFrom: 1024);
        result = Allocate(ElementType.Float32, model.Graph.Outputs.Find(o => o.Name.Equals(scalarOutput, StringComparison.Ordinal))?.Shape is { Rank: 1 } ? [1] : []);
        foreach (var (name, data) in fixedFeeds) feeds[name] = OrtExecutor.Feed(data, pins[name] = []);
        values = [[.. carried.Select(c => Allocate(c.Initial))], [.. carried.Select(c => Allocate(c.Initial))]];
        bindings = [Bind(0), Bind(1)];
        Reset();

        OrtIoBinding Bind(int reads)
        {
            var binding = opened.Inference.CreateIoBinding();
            var known = opened.Inference.InputMetadata;
            foreach (var (name, value) in feeds) if (known.ContainsKey(name)) binding.BindInput(name, value);
            binding.BindInput(scalarInput, scale);
            binding.BindOutput(scalarOutput, result);
            for (var i = 0; i < carried.Count; i++)
            {
                binding.BindInput(carried[i].Input, values[reads][i]);
                binding.BindOutput(carried[i].Output, values[1 - reads][i]);
            }
            return binding;
        }
    }

    /// <summary>Begins anew with the initial values.</summary>
    public void Reset()
    {
        side = 0;
        for (var i = 0; i < carried.Count; i++) carried[i].Initial.Bytes.Span.CopyTo(values[0][i].GetTensorMutableRawData());
    }

    /// <summary>Replaces a fixed input's contents, of the same type and shape as before, by others.</summary>
    public void Feed(string name, TensorData data)
    {
        var pinned = new List<MemoryHandle>();
        var fresh = OrtExecutor.Feed(data, pinned);
        foreach (var binding in bindings) binding.BindInput(name, fresh);
        feeds[name].Dispose();
        foreach (var pin in pins[name]) pin.Dispose();
        (feeds[name], pins[name]) = (fresh, pinned);
    }

    /// <summary>Makes a step.</summary>
    /// <param name="scalar">What the step is told: the learning rate.</param>
    /// <param name="cancellation">Ends the step early.</param>
    /// <returns>The scalar it gives: the loss at the values it began with.</returns>
    /// <exception cref="ModelException">A kernel failed; the message is ONNX Runtime's own, in one line.</exception>
    /// <exception cref="OperationCanceledException">The step was cancelled.</exception>
    public float Step(float scalar, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        scale.GetTensorMutableDataAsSpan<float>()[0] = scalar;
        try
        {
            using var run = new RunOptions();
            using var registration = cancellation.Register(() => run.Terminate = true);
            opened.Inference.RunWithBinding(run, bindings[side]);
        }
        catch (OnnxRuntimeException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (OnnxRuntimeException e)
        {
            throw OrtExecutor.Failed(e);
        }
        side = 1 - side;
        return result.GetTensorDataAsSpan<float>()[0];
    }

    /// <summary>A carried float32 value as the last step left it; valid until the next step.</summary>
    /// <param name="index">Its place among the carried values.</param>
    public ReadOnlySpan<float> Now(int index) => values[side][index].GetTensorDataAsSpan<float>();

    /// <summary>A carried float32 value as the last step found it; valid until the next step.</summary>
    /// <param name="index">Its place among the carried values.</param>
    public ReadOnlySpan<float> Before(int index) => values[1 - side][index].GetTensorDataAsSpan<float>();

    /// <summary>A carried value as the last step left it, copied.</summary>
    /// <param name="index">Its place among the carried values.</param>
    public TensorData Copy(int index) => TensorData.FromBytes(carried[index].Initial.Type, [.. carried[index].Initial.Dims], values[side][index].GetTensorMutableRawData().ToArray());

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var binding in bindings) binding.Dispose();
        foreach (var value in values.SelectMany(v => v).Concat(feeds.Values).Append(scale).Append(result)) value.Dispose();
        opened.Dispose();
        foreach (var pin in pins.Values.SelectMany(p => p)) pin.Dispose();
    }

    static OrtValue Allocate(TensorData like) => Allocate(like.Type, [.. like.Dims]);

    static OrtValue Allocate(ElementType type, long[] dims) => OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (Microsoft.ML.OnnxRuntime.Tensors.TensorElementType)type, dims);
}
