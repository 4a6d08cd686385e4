using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;
using OnnxAuditor.Execution;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.PerSample;

/// <summary>
/// Holds gradients of single samples, from one pass over a batch, against those of a pass for each sample alone and against the batch's own gradient: to 1e-4 of a
/// tensor's largest entry. Their Gram matrix is held against the products of the gradients had alone.
/// </summary>
static class PerSampleCheck
{
    const long Samples = 3;
    const double Tolerance = 1e-4;

    /// <summary>Compares; fails naming the parameter and the sample.</summary>
    /// <param name="model">The model.</param>
    /// <param name="statistics">The statistics of BatchNormalization.</param>
    /// <param name="wide">Whether to compute in float64, on Torch: for networks of which float32 keeps fewer digits than are compared.</param>
    internal static void Run(Model model, SampleStatistics statistics = SampleStatistics.Frozen, bool wide = false)
    {
        if (wide && TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var (together, objection) = Together(model, statistics, wide);
        Assert.True(together is not null, $"Samples go through one by one: {objection}");
        var faults = new List<string>(together.Refused);
        var alone = Enumerable.Range(0, (int)Samples).Select(i => Alone(model, statistics, together, i, wide)).ToList();
        var gram = new double[Samples * Samples];
        foreach (var (name, rows) in together.Rows)
        {
            var (values, count) = (rows.ToDoubles(), (int)(rows.Count / Samples));
            Assert.Equal([Samples, .. together.Batch[name].Dims], rows.Dims);
            var each = alone.ConvertAll(a => a.TryGetValue(name, out var g) ? g.ToDoubles() : new double[count]);
            var largest = each.Max(g => g.Max(Math.Abs));
            for (var i = 0; i < Samples; i++) Close(faults, $"{name}, sample {i}", each[i], values[(i * count)..((i + 1) * count)], largest, together.Floor);
            Close(faults, $"{name}, mean", together.Batch[name].ToDoubles(), [.. Enumerable.Range(0, count).Select(k => each.Average(g => g[k]))], largest, together.Floor);
            for (var i = 0; i < Samples; i++)
                for (var j = 0; j < Samples; j++) gram[i * Samples + j] += each[i].Zip(each[j], (a, b) => a * b).Sum();
        }
        if (together.Gram is { } matrix) Close(faults, "Gram matrix", gram, matrix.ToDoubles(), gram.Max(Math.Abs), 0);
        Assert.True(together.Rows.Count > 0, "no parameter has gradients");
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    /// <summary>What one pass over the batch gives.</summary>
    sealed record Pass(
        Dictionary<string, TensorData> Rows, Dictionary<string, TensorData> Batch, TensorData? Gram, double Floor, IReadOnlyList<string> Refused,
        Dictionary<string, TensorData> Feeds, IReadOnlyDictionary<string, int> Axes);

    static (Pass? Pass, string? Objection) Together(Model source, SampleStatistics statistics, bool wide)
    {
        var canonical = Canonical(source, Samples);
        var graph = canonical.Model.Graph;
        var samples = PrepareSamples.Run(canonical.Model, canonical.Batch, statistics, out var objection);
        if (samples is null) return (null, objection);
        var names = new NameScope(graph);
        var loss = AttachLoss.Run(graph, names: names);
        var parameters = canonical.Parameters.Where(p => p.Trainable).ToList();
        Value[] values = [.. parameters.Select(p => p.Value)];
        var batch = Differentiate.Run(graph, loss.Loss, values, names).Gradients;
        var rows = PerSampleGradients.Run(graph, samples, loss.Loss, true, values, names);
        var gram = PerSampleGradients.Gram(graph, samples, loss.Loss, true, values, names);
        var (feeds, axes) = Feeds(canonical, loss, samples);
        var found = parameters.Where(p => rows.Gradients.ContainsKey(p.Value)).ToList();
        // One value can be the gradient of several parameters.
        graph.Outputs.Clear();
        graph.Outputs.AddRange(found.SelectMany(p => new[] { rows.Gradients[p.Value], batch[p.Value] }).Append(gram.Matrix).OfType<Value>().Distinct());
        RemoveDeadCode.Apply(graph);
        var results = Executed(canonical.Model, feeds, wide);
        var gradients = found.ToDictionary(p => p.Name, p => results[batch[p.Value].Name], StringComparer.Ordinal);
        // The rounding of sums that cancel (a bias in front of a norm) follows the largest gradients of the network.
        var floor = 1e-6 * gradients.Values.Select(g => g.ToDoubles().Select(Math.Abs).DefaultIfEmpty(0).Max()).DefaultIfEmpty(0).Max();
        var refused = parameters.Where(p => rows.Refused.ContainsKey(p.Value)).Select(p => $"{p.Name}: {rows.Refused[p.Value]}")
            .Concat(parameters.Where(p => batch.ContainsKey(p.Value) && !rows.Gradients.ContainsKey(p.Value) && !rows.Refused.ContainsKey(p.Value)).Select(p => $"{p.Name}: lost"));
        return (new Pass(found.ToDictionary(p => p.Name, p => results[rows.Gradients[p.Value].Name], StringComparer.Ordinal), gradients,
            gram.Matrix is { } m ? results[m.Name] : null, floor, [.. refused], feeds, axes), null);
    }

    /// <summary>The gradients of one sample that goes through alone, in a graph bound to a batch of one.</summary>
    static Dictionary<string, TensorData> Alone(Model source, SampleStatistics statistics, Pass together, int sample, bool wide)
    {
        var canonical = Canonical(source, 1);
        var graph = canonical.Model.Graph;
        if (statistics == SampleStatistics.Alone) SetNormStatistics.Batch(graph);
        else SetNormStatistics.Frozen(graph);
        RemoveDropout.Apply(graph);
        var loss = AttachLoss.Run(graph);
        var parameters = canonical.Parameters.Where(p => p.Trainable).ToList();
        var gradients = Differentiate.Run(graph, loss.Loss, [.. parameters.Select(p => p.Value)]).Gradients;
        var found = parameters.Where(p => gradients.ContainsKey(p.Value)).ToList();
        graph.Outputs.Clear();
        graph.Outputs.AddRange(found.Select(p => gradients[p.Value]).Distinct());
        RemoveDeadCode.Apply(graph);
        var feeds = together.Feeds.ToDictionary(f => f.Key, f => together.Axes.TryGetValue(f.Key, out var axis) ? Slice(f.Value, axis, sample) : f.Value, StringComparer.Ordinal);
        var results = Executed(canonical.Model, feeds, wide);
        return found.ToDictionary(p => p.Name, p => results[gradients[p.Value].Name], StringComparer.Ordinal);
    }

    static Dictionary<string, TensorData> Executed(Model model, Dictionary<string, TensorData> feeds, bool wide)
    {
        using IExecutor executor = wide ? new TorchExecutor(model, new TorchSettings("cpu", 2) { Float64 = true }) : new OrtExecutor(model, new OrtSettings(Threads: 2));
        string[] names = [.. model.Graph.Outputs.Select(o => o.Name)];
        var wanted = model.Graph.Inputs.Where(i => feeds.ContainsKey(i.Name)).ToDictionary(i => i.Name, i => feeds[i.Name], StringComparer.Ordinal);
        return names.Zip(executor.Run(wanted, names, TestContext.Current.CancellationToken)).ToDictionary(r => r.First, r => r.Second, StringComparer.Ordinal);
    }

    static (Dictionary<string, TensorData> Feeds, Dictionary<string, int> Axes) Feeds(CanonicalModel canonical, AttachedLoss loss, SampleAxes samples)
    {
        var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, Samples, 0, Probes.None);
        var feeds = MakeInputs.For(canonical, protocol, 1, new Dictionary<string, TensorData>(StringComparer.Ordinal), "").ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
        var axes = new Dictionary<string, int>(canonical.Batch.Axes, StringComparer.Ordinal);
        var random = new SeededRandom(0, "targets");
        foreach (var term in loss.Terms)
        {
            if (term.Target is not { } target) continue;
            var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
            double[] numbers = [.. Enumerable.Range(0, (int)target.Shape!.ElementCount).Select(_ => term.Kind == LossKind.Mse ? random.Normal() : random.Integer(Math.Max(1, classes)))];
            feeds[target.Name] = TensorData.FromNumbers(target.Type, target.Shape.ToArray(), numbers);
            var axis = samples.Of(term.AttachedTo)!.Value.Axis;
            axes[target.Name] = term.Kind == LossKind.CrossEntropy && term.ClassAxis < axis ? axis - 1 : axis;
        }
        return (feeds, axes);
    }

    static CanonicalModel Canonical(Model model, long batch) => Canonicalizer.Run(model, new CanonicalOptions { Batch = batch });

    static TensorData Slice(TensorData data, int axis, int index)
    {
        var dims = data.Dims.ToArray();
        var (inner, length, numbers) = (dims.Skip(axis + 1).Aggregate(1L, (a, b) => a * b), dims[axis], data.ToDoubles());
        dims[axis] = 1;
        return TensorData.FromNumbers(data.Type, dims, [.. numbers.Where((_, k) => k / inner % length == index)]);
    }

    static void Close(List<string> faults, string what, double[] expected, double[] actual, double largest, double floor)
    {
        if (expected.Length != actual.Length) faults.Add($"{what}: {actual.Length} entries for {expected.Length}");
        for (var i = 0; i < Math.Min(expected.Length, actual.Length); i++)
        {
            if (Math.Abs(expected[i] - actual[i]) <= Tolerance * largest + floor) continue;
            faults.Add($"{what} [{i}]: {actual[i]:G9}, alone {expected[i]:G9}, largest {largest:G6}");
            return;
        }
    }
}
