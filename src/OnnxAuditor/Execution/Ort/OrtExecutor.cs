using System.Buffers;
using System.Text.RegularExpressions;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxAuditor.Execution.Ort;

/// <summary>How a session is made.</summary>
/// <param name="Device">The device; see <see cref="OrtDevice"/>.</param>
/// <param name="Threads">Threads of one operator; 0 for the physical cores.</param>
/// <param name="Optimize">Whether ONNX Runtime may fuse and re-lay the graph.</param>
/// <param name="ProfilePrefix">Where each run's kernel times are written: the beginning of a file's path; null for nowhere.</param>
sealed record OrtSettings(string Device = "cpu", int Threads = 0, bool Optimize = true, string? ProfilePrefix = null);

/// <summary>Runs a model on ONNX Runtime. Tensors are fed from the memory they lie in (a mapped file, an array), without copies.</summary>
sealed partial class OrtExecutor : IExecutor
{
    readonly InferenceSession session;
    readonly SharedInitializers shared;

    /// <summary>Makes a session.</summary>
    /// <param name="model">The model; graph inputs without contents are fed at each run.</param>
    /// <param name="settings">Device and threads.</param>
    /// <param name="shareFrom">Initializers of at least this many bytes are shared with the session instead of being serialised.</param>
    /// <exception cref="ModelException">ONNX Runtime cannot load the model; the message is its own, in one line.</exception>
    public OrtExecutor(Model model, OrtSettings settings, int shareFrom = 1024)
    {
        var opened = Session.Open(model, settings, shareFrom);
        (session, shared, Provider) = (opened.Inference, opened.Shared, opened.Provider);
    }

    /// <summary>The execution provider that was asked for.</summary>
    public string Provider { get; }

    /// <summary>Runs the model.</summary>
    /// <param name="feeds">Contents by input name; every input without contents needs one.</param>
    /// <param name="outputs">The names of the outputs wanted.</param>
    /// <param name="cancellation">Ends the run early.</param>
    /// <returns>The outputs, in the order asked for, copied out of the session.</returns>
    /// <exception cref="ModelException">A kernel failed; the message is ONNX Runtime's own, in one line.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public TensorData[] Run(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<string> outputs, CancellationToken cancellation = default)
    {
        var pins = new List<MemoryHandle>(feeds.Count);
        var values = new Dictionary<string, OrtValue>(feeds.Count, StringComparer.Ordinal);
        try
        {
            foreach (var (name, data) in feeds) values[name] = Feed(data, pins);
            using var run = new RunOptions();
            using var registration = cancellation.Register(() => run.Terminate = true);
            using var results = session.Run(run, values, outputs);
            return [.. results.Select(Fetch)];
        }
        catch (OnnxRuntimeException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (OnnxRuntimeException e)
        {
            throw Failed(e);
        }
        finally
        {
            foreach (var value in values.Values) value.Dispose();
            foreach (var pin in pins) pin.Dispose();
        }
    }

    /// <summary>Ends profiling, which the settings asked for; returns the path of the file written (Chrome trace events).</summary>
    public string EndProfiling() => session.EndProfiling();

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        shared.Dispose();
    }

    /// <summary>ONNX Runtime's CPU ScatterND with a reduction loses updates of duplicate indices when it runs on more than one thread.</summary>
    internal static bool HasRacyScatter(Graph graph) => graph.AllNodes().Any(n => n.Is("ScatterND") && n.String("reduction", "none") != "none");

    /// <summary>What a failed run throws.</summary>
    internal static ModelException Failed(OnnxRuntimeException e) => new(ModelProblem.Unsupported, $"ONNX Runtime failed while running the graph: {InOneLine(e)}", e);

    /// <summary>A tensor over the memory of data, which stays pinned by the handles added.</summary>
    internal static unsafe OrtValue Feed(TensorData data, List<MemoryHandle> pins)
    {
        long[] dims = [.. data.Dims];
        if (data.Type == ElementType.String)
        {
            var strings = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, dims);
            for (var i = 0; i < data.Strings.Count; i++) strings.StringTensorSetElementAt(data.Strings[i].AsSpan(), i);
            return strings;
        }
        if (data.Bytes.Length == 0) return OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)data.Type, dims);
        var pin = data.Bytes.Pin();
        pins.Add(pin);
        return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)data.Type, dims, (nint)pin.Pointer, data.Bytes.Length);
    }

    /// <summary>An open session with what it holds on to.</summary>
    /// <param name="Inference">ONNX Runtime's session.</param>
    /// <param name="Shared">The weights that it reads where they lie.</param>
    /// <param name="Provider">The execution provider that was asked for.</param>
    internal sealed record Session(InferenceSession Inference, SharedInitializers Shared, string Provider) : IDisposable
    {
        /// <summary>Opens a session; see the constructor of <see cref="OrtExecutor"/>.</summary>
        public static Session Open(Model model, OrtSettings settings, int shareFrom)
        {
            using var options = new SessionOptions
            {
                GraphOptimizationLevel = settings.Optimize ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
                IntraOpNumThreads = HasRacyScatter(model.Graph) ? 1 : settings.Threads,
            };
            options.AddSessionConfigEntry("session.use_deterministic_compute", "1");
            // On graphs of thousands of nodes it takes as long as all other optimisations together, and our graphs hold little for it.
            options.AddSessionConfigEntry("optimization.disable_specified_optimizers", "CommonSubexpressionElimination");
            if (settings.ProfilePrefix is { } prefix)
            {
                options.EnableProfiling = true;
                options.ProfileOutputPathPrefix = prefix;
            }
            // Spinning threads take the processor from whoever else works on the machine.
            options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
            var provider = OrtDevice.Append(options, settings.Device);
            var shared = new SharedInitializers(options, model.Graph.Initializers.Where(v => v.Data is { Unavailable: null, Type: not ElementType.String } d && d.Bytes.Length >= shareFrom));
            try
            {
                return new(new InferenceSession(OnnxWriter.ToBytes(model, new WriteOptions { References = shared.References }), options), shared, provider);
            }
            catch (OnnxRuntimeException e)
            {
                shared.Dispose();
                throw new ModelException(ModelProblem.Unsupported, $"ONNX Runtime cannot load the graph: {InOneLine(e)}", e);
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Inference.Dispose();
            Shared.Dispose();
        }
    }

    /// <summary>ONNX Runtime's message without the place in its own sources where it was thrown.</summary>
    static string InOneLine(OnnxRuntimeException e) => SourcePlace().Replace(e.Message.ReplaceLineEndings(" "), "");

    [GeneratedRegex(@"/onnxruntime_src/\S+:\d+ .*?\)(?: const)? ", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SourcePlace();

    static TensorData Fetch(OrtValue value)
    {
        if (!value.IsTensor) throw new ModelException(ModelProblem.Unsupported, $"An output is a {value.OnnxType}, which is no tensor.");
        var info = value.GetTensorTypeAndShape();
        var type = (ElementType)info.ElementDataType;
        if (type == ElementType.String) return TensorData.FromStrings(info.Shape, [.. value.GetStringTensorAsArray().Select(System.Text.Encoding.UTF8.GetBytes)]);
        return TensorData.FromBytes(type, info.Shape, info.ElementCount == 0 ? default : value.GetTensorMutableRawData().ToArray());
    }
}
