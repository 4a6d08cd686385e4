using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;

namespace OnnxAuditor.Measurement;

/// <summary>The third opinion where two gradients differ: the loss itself, in float64, on both sides.</summary>
static class FiniteDifference
{
    /// <summary>The step, of the parameters' norm.</summary>
    const double Step = 1e-5;

    /// <summary>The derivative of the loss along the direction in which the differing gradients differ, by central differences of two step sizes and Richardson's extrapolation.</summary>
    /// <param name="canonical">The canonical model.</param>
    /// <param name="pair">The engines that gave the gradients.</param>
    /// <param name="gradients">What was made of the gradients.</param>
    /// <param name="inputs">The model's inputs.</param>
    /// <param name="settings">What is run.</param>
    /// <param name="cancellation">Ends the runs early.</param>
    public static DirectionalDerivative Along(
        CanonicalModel canonical, EnginePair pair, IReadOnlyList<ComparedTensor> gradients, IReadOnlyDictionary<string, InputData> inputs, CrossCheckSettings settings, CancellationToken cancellation)
    {
        var graph = LossGraph.Build(canonical, settings.Protocol.Statistics, settings.Protocol.Loss, settings.Target);
        graph.Feed(canonical.Parameters);
        var feeds = graph.Feeds(inputs, canonical.Parameters, settings.Protocol.Seed, settings.Labels);
        var results = pair.Run(feeds, cancellation);
        var parts = pair.Tensors.Zip(results).Where(t => t.First.IsGradient).Zip(gradients).Where(t => t.Second.Agreement == Agreement.Differs)
            .Select(t => (t.First.First.Value.Name, Ours: t.First.Second.Ort.ToDoubles(), Theirs: t.First.Second.Torch.ToDoubles())).ToList();
        var length = Math.Sqrt(parts.Sum(p => p.Ours.Zip(p.Theirs, (a, b) => (a - b) * (a - b)).Sum()));
        var directions = parts.ToDictionary(p => p.Name, p => p.Ours.Zip(p.Theirs, (a, b) => (a - b) / length).ToArray(), StringComparer.Ordinal);
        var points = directions.ToDictionary(d => d.Key, d => feeds[d.Key].ToDoubles(), StringComparer.Ordinal);
        var norm = Math.Sqrt(points.Values.Sum(p => p.Sum(x => x * x)));
        using var executor = new TorchExecutor(graph.Model, settings.Torch with { Float64 = true });

        var (wide, narrow) = (Central(Step * Math.Max(norm, 1)), Central(Step * Math.Max(norm, 1) / 2));
        return new DirectionalDerivative(
            parts.Sum(p => Dot(p.Ours, directions[p.Name])), parts.Sum(p => Dot(p.Theirs, directions[p.Name])),
            (4 * narrow - wide) / 3, Math.Abs(narrow - wide));

        double Central(double step) => (Loss(step) - Loss(-step)) / (2 * step);

        double Loss(double step)
        {
            var moved = new Dictionary<string, TensorData>(feeds, StringComparer.Ordinal);
            foreach (var (name, direction) in directions)
                moved[name] = TensorData.FromDoubles([.. feeds[name].Dims], [.. points[name].Zip(direction, (x, d) => x + step * d)]);
            return executor.Values(moved, [graph.Attached.Loss], cancellation)[0].ToDoubles()[0];
        }
    }

    static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
