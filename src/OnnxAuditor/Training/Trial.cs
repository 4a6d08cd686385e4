using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Training;

/// <summary>
/// Trains a model for a few steps on one batch, on ONNX Runtime, through the graph that <c>rewrite --train-step</c> writes: from the shipped weights and from re-initialised ones, with frozen
/// statistics of BatchNormalization and with the batch's.
/// </summary>
static class Trial
{
    /// <summary>Steps where the user names no number.</summary>
    public const int DefaultSteps = 100;

    /// <summary>
    /// Multiply-accumulate operations that a step's forward pass may need before the batch is halved. It is a constant, not a time, as a report must not depend on the machine.
    /// </summary>
    const double MostMacs = 2.5e8;

    /// <summary>Those beyond which a trial that was not asked for by name is left out: about a second a step.</summary>
    const double FarTooManyMacs = 8e9;

    /// <summary>The fewest samples to halve a batch to: of one sample alone everything is learned by a bias.</summary>
    const long FewestSamples = 2;

    /// <summary>Bytes that a step may need by estimate before the batch is halved, where the user sets no limit.</summary>
    const long SplitAbove = 768L << 20;

    /// <summary>Runs the trials, the shipped weights' first.</summary>
    /// <param name="first">The canonical model as the audit bound it.</param>
    /// <param name="settings">What is run.</param>
    /// <param name="done">Takes each trial as soon as it is made, so that a budget that ends the next one does not lose it.</param>
    /// <param name="cancellation">Ends the trials early.</param>
    /// <exception cref="UsageException">The user's data or targets do not fit.</exception>
    /// <exception cref="OperationCanceledException">The time budget was used up.</exception>
    public static void Run(CanonicalModel first, TrialSettings settings, Action<TrialReport> done, CancellationToken cancellation)
    {
        var hasNorms = first.Model.Graph.AllNodes().Any(n => n.Is("BatchNormalization"));
        foreach (var weights in settings.Weights)
            foreach (var statistics in hasNorms ? (NormStatistics[])[NormStatistics.Frozen, NormStatistics.Batch] : [NormStatistics.Frozen])
            {
                var report = new TrialReport(weights == WeightSource.Shipped ? "shipped" : "reinit", statistics == NormStatistics.Batch ? "batch" : "frozen", settings.Optimizer.Name, first.Batch.Size);
                done(One(first, settings, weights, statistics, report, cancellation));
            }
    }

    static TrialReport One(CanonicalModel first, TrialSettings settings, WeightSource weights, NormStatistics statistics, TrialReport report, CancellationToken cancellation)
    {
        try
        {
            for (var model = first; ; model = settings.AtBatch(Math.Max(FewestSamples, model.Batch.Size / 2)))
            {
                var canHalve = model.Batch.Kind == BatchKind.Free && model.Batch.Size > FewestSamples && settings.Data.Count == 0;
                var macs = (double)(CountMacs.PerSample(model.Model.Graph, 1) ?? 0);
                if (macs > MostMacs && canHalve) continue;
                if (macs > FarTooManyMacs && !settings.AtAnyCost)
                    throw new ModelException(ModelProblem.Unsupported, $"a step on {model.Batch.Size} samples takes {NumberFormat.Large(macs)} MACs forward, more than the {NumberFormat.Large(FarTooManyMacs)} that a trial is made for unless --trial asks for it");
                var protocol = settings.ProtocolOf(weights, statistics, model.Batch.Size);
                var graph = TrainGraph.Build(model, new TrainGraphOptions(settings.Optimizer, statistics, settings.Loss, settings.Target, settings.StraightThrough), DrawWeights.Under(protocol, model.Parameters));
                if (graph.Loss.Terms.Any(t => t.Kind == LossKind.Sum)) throw new ModelException(ModelProblem.Unsupported, "the sum of the outputs has no least value to train towards: give another --loss");
                var needed = MemoryEstimate.PeakBytes(graph.Model.Graph);
                if (needed > (settings.MaxMemory ?? SplitAbove) && canHalve) continue;
                if (settings.MaxMemory is { } limit && needed > limit)
                    throw new ModelException(ModelProblem.Unsupported, string.Create(CultureInfo.InvariantCulture, $"a step on {model.Batch.Size} samples would need about {needed >> 20} MiB, more than the {limit >> 20} MiB of --max-memory"));
                using var memory = settings.Memory.Take(needed, cancellation);
                return new TrialRun(model, graph, settings, protocol).Measure(report with { Batch = model.Batch.Size }, cancellation);
            }
        }
        catch (ModelException e)
        {
            return report with { Unavailable = e.Message.TrimEnd('.') };
        }
    }
}
