using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;

namespace OnnxAuditor.Measurement;

/// <summary>What a measurement of curvature runs.</summary>
/// <param name="Protocol">Statistics, inputs, loss and seed; the weights are the shipped ones.</param>
/// <param name="Torch">How Torch runs.</param>
/// <param name="Data">The user's data by input name.</param>
/// <param name="DataSource">Where they came from.</param>
/// <param name="Labels">The user's targets; null for seeded ones.</param>
/// <param name="Target">The output that the loss is attached to; null for all float outputs.</param>
sealed record CurvatureSettings(Protocol Protocol, TorchSettings Torch, IReadOnlyDictionary<string, TensorData> Data, string DataSource, TensorData? Labels, string? Target);

/// <summary>Measures second derivatives of the loss, and first ones of an output by an input, on Torch.</summary>
static class MeasureCurvature
{
    /// <summary>Of the largest eigenvalue.</summary>
    const double Tolerance = 0.02;

    /// <summary>Products with the Hessian for its ends, as many vectors are kept; and for its trace.</summary>
    const int MostSteps = 24;
    const int FewestSteps = 8;
    const int TraceSamples = 12;

    /// <summary>Bytes that vectors of the Lanczos iteration, and what autograd keeps of a pass, may take.</summary>
    const long MostBytes = 4L << 30;

    /// <summary>What autograd keeps for second derivatives, of the values of a forward pass: these, the first gradients, and what both are made of.</summary>
    const int KeptCopies = 4;

    /// <summary>Measures. What cannot be measured is said in the result.</summary>
    /// <param name="canonical">The canonical model.</param>
    /// <param name="settings">What is run.</param>
    /// <param name="cancellation">Ends the measurement early.</param>
    /// <exception cref="UsageException">The user's data do not fit.</exception>
    /// <exception cref="OperationCanceledException">The measurement was cancelled.</exception>
    public static CurvatureMeasurement Run(CanonicalModel canonical, CurvatureSettings settings, CancellationToken cancellation)
    {
        if (TorchLibrary.Unavailable is { } why) return CurvatureMeasurement.Failed($"it needs Torch: {why.TrimEnd('.')}");
        try
        {
            var inputs = MakeInputs.For(canonical, settings.Protocol, samples: 1, settings.Data, settings.DataSource);
            // The Hessian is that of a training step, in which BatchNormalization takes the batch's statistics; gradients by the input are those of single samples.
            var (hessian, hessianSkipped) = On(canonical.Batch.Size > 1 ? NormStatistics.Batch : settings.Protocol.Statistics, canonical, settings, inputs, (graph, executor, feeds) => Hessian(canonical, graph, executor, feeds, settings.Protocol.Seed, cancellation));
            var (input, inputSkipped) = On(NormStatistics.Frozen, canonical, settings, inputs, (graph, executor, feeds) => InputGradients.Measure(canonical, graph, executor, feeds, settings, cancellation));
            return new CurvatureMeasurement(hessian, hessianSkipped, input, inputSkipped) { OwnTargets = settings.Labels is not null };
        }
        catch (ModelException e) when (e.Problem != ModelProblem.Budget)
        {
            return CurvatureMeasurement.Failed(e.Message.TrimEnd('.'));
        }
    }

    static (T? Result, string? Why) On<T>(
        NormStatistics statistics, CanonicalModel canonical, CurvatureSettings settings, IReadOnlyDictionary<string, InputData> inputs, Func<LossGraph, TorchExecutor, Dictionary<string, TensorData>, T> measure) where T : class
    {
        try
        {
            var graph = LossGraph.Build(canonical, statistics, settings.Protocol.Loss, settings.Target);
            var values = graph.Model.Graph.AllNodes().SelectMany(n => n.Outputs).OfType<Value>().Sum(v => Math.Max(0, v.Shape?.ElementCount ?? 0)) * sizeof(float);
            if (values * KeptCopies > MostBytes)
                return (null, string.Create(CultureInfo.InvariantCulture, $"it would need about {values * KeptCopies / 1e9:0.0} GB at this batch; a smaller --batch needs less"));
            using var executor = new TorchExecutor(graph.Model, settings.Torch);
            return (measure(graph, executor, graph.Feeds(inputs, canonical.Parameters, settings.Protocol.Seed, settings.Labels)), null);
        }
        catch (ModelException e) when (e.Problem != ModelProblem.Budget)
        {
            return (null, e.Message.TrimEnd('.'));
        }
    }

    static HessianMeasurement Hessian(CanonicalModel canonical, LossGraph graph, TorchExecutor executor, Dictionary<string, TensorData> feeds, long seed, CancellationToken cancellation)
    {
        Value[] parameters = [.. canonical.Parameters.Where(p => p.Trainable && p.Count > 0).Select(p => graph.Images[p.Value]).Where(v => v.Data is { Unavailable: null })];
        var count = parameters.Sum(p => p.Data!.Count);
        if (count == 0) throw new ModelException(ModelProblem.Unsupported, "the model has no trainable parameters");
        var steps = (int)Math.Min(MostSteps, MostBytes / sizeof(float) / count);
        if (steps < FewestSteps) throw new ModelException(ModelProblem.Unsupported, string.Create(CultureInfo.InvariantCulture, $"{count} parameters leave no room for the vectors of the Lanczos iteration"));
        using var pass = executor.Forward(feeds, [graph.Attached.Loss], parameters, cancellation);
        using var curvature = new LossCurvature(pass, graph.Attached.Loss, parameters);
        if (!Array.TrueForAll(curvature.Gradient(), double.IsFinite)) throw new ModelException(ModelProblem.Unsupported, "the gradients of the loss are not finite");
        var ends = curvature.Ends(Tolerance, steps, seed, cancellation);
        var trace = curvature.Trace(TraceSamples, seed, cancellation);
        if (!double.IsFinite(ends.Largest.Value) || !double.IsFinite(trace.Value)) throw new ModelException(ModelProblem.Unsupported, "second derivatives of the loss are not finite");
        return new HessianMeasurement(count, ends.Largest.Value, ends.Smallest.Value, ends.Largest.Residual, trace.Value, trace.StandardError, ends.Steps + 3 + TraceSamples);
    }
}
