using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Training;

/// <summary>
/// Makes what a trial trains towards. Classes, and targets of few numbers a sample, are drawn at random, as they can be learned by heart. Random numbers at every place of an image or of a list of
/// boxes cannot: one set of weights serves all places. Their targets are therefore what the same network gives with other random weights, brought to mean 0 and variance 1 in each channel, which the
/// network can reach and a constant cannot.
/// </summary>
static class TrialTargets
{
    /// <summary>Seeds of other weights are this far from those of the trial.</summary>
    const long OtherWeights = 1_000_003;

    /// <summary>A channel whose spread is less than this share of its size is constant for float32.</summary>
    const double LeastSpread = 1e-5;

    /// <summary>The contents of the targets of a loss, by input name.</summary>
    /// <param name="source">The canonical model.</param>
    /// <param name="loss">The loss as attached to a copy of it.</param>
    /// <param name="settings">Seed and labels.</param>
    /// <param name="inputs">What the model is fed.</param>
    /// <param name="cancellation">Ends the run early.</param>
    public static Dictionary<string, TensorData> For(CanonicalModel source, AttachedLoss loss, TrialSettings settings, IReadOnlyDictionary<string, InputData> inputs, CancellationToken cancellation)
    {
        var targets = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var dense = loss.Terms.Where(t => t.Target is not null && settings.Labels is null && IsDense(t)).ToList();
        var taught = dense.Count == 0 ? [] : Taught(source, dense, settings, inputs, cancellation);
        foreach (var term in loss.Terms)
        {
            if (term.Target is not { } target) continue;
            targets[target.Name] = taught.TryGetValue(target.Name, out var made) ? made : MakeTargets.For(term, target, settings.Seed, settings.Labels);
        }
        return targets;
    }

    /// <summary>Whether a target holds many numbers a sample that are no classes.</summary>
    static bool IsDense(LossTerm term) => term.Kind is LossKind.Mse or LossKind.Bce && term.AttachedTo.Shape is { Rank: >= 3 };

    /// <summary>The axis along which numbers mean different things: the channels of an image, the fields of a list.</summary>
    internal static int ChannelAxis(int rank) => rank >= 4 ? 1 : rank - 1;

    static Dictionary<string, TensorData> Taught(CanonicalModel source, List<LossTerm> terms, TrialSettings settings, IReadOnlyDictionary<string, InputData> inputs, CancellationToken cancellation)
    {
        var images = new Dictionary<Value, Value>();
        var model = source.Model.Copy(images);
        var graph = model.Graph;
        var protocol = settings.ProtocolOf(WeightSource.Reinitialized, NormStatistics.Batch, source.Batch.Size) with { Seed = settings.Seed + OtherWeights };
        foreach (var (parameter, data) in DrawWeights.Under(protocol, source.Parameters)) images[parameter.Value].Data = data;
        // The values that losses are attached to, by name: those of the trial's own copy of the model.
        var byName = graph.AllNodes().SelectMany(n => n.Outputs).OfType<Value>().ToDictionary(v => v.Name, StringComparer.Ordinal);
        var wanted = terms.Select(t => byName[t.AttachedTo.Name]).ToList();
        SetNormStatistics.Batch(graph);
        RemoveDropout.Apply(graph);
        graph.Outputs.Clear();
        graph.Outputs.AddRange(wanted.Distinct());
        RemoveDeadCode.Apply(graph);
        using var executor = new OrtExecutor(model, settings.Ort);
        var fed = graph.Inputs.Where(i => inputs.ContainsKey(i.Name)).ToDictionary(i => i.Name, i => inputs[i.Name].Data, StringComparer.Ordinal);
        string[] names = [.. graph.Outputs.Select(o => o.Name)];
        var given = executor.Run(fed, names, cancellation);
        var taught = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < terms.Count; i++)
        {
            var data = given[Array.IndexOf(names, wanted[i].Name)];
            if (Standardized(data, terms[i].Kind == LossKind.Bce) is { } values) taught[terms[i].Target!.Name] = TensorData.FromFloats([.. data.Dims], values);
        }
        return taught;
    }

    /// <summary>The numbers with mean 0 and variance 1 in each channel, or 1 where they are above the mean and 0 elsewhere; null where a channel is constant or not finite.</summary>
    static float[]? Standardized(TensorData data, bool asBits)
    {
        var values = data.ToFloats();
        var (channels, inner) = Layout(data.Dims);
        var (sums, squares) = (new double[channels], new double[channels]);
        for (var i = 0; i < values.Length; i++) sums[i / inner % channels] += values[i];
        var count = (double)values.Length / channels;
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            squares[c] += Math.Pow(values[i] - sums[c] / count, 2);
        }
        for (var c = 0; c < channels; c++)
        {
            var (mean, spread) = (sums[c] / count, Math.Sqrt(squares[c] / count));
            if (!double.IsFinite(spread) || spread <= LeastSpread * Math.Abs(mean) || spread == 0) return null;
        }
        for (var i = 0; i < values.Length; i++)
        {
            var c = i / inner % channels;
            var standard = (values[i] - sums[c] / count) / Math.Sqrt(squares[c] / count);
            values[i] = asBits ? (standard > 0 ? 1 : 0) : (float)standard;
        }
        return values;
    }

    /// <summary>The channels of a row-major tensor and the elements of one channel that lie side by side.</summary>
    internal static (int Channels, int Inner) Layout(IReadOnlyList<long> dims)
    {
        var axis = ChannelAxis(dims.Count);
        var inner = 1L;
        for (var i = axis + 1; i < dims.Count; i++) inner *= dims[i];
        return ((int)(dims.Count == 0 ? 1 : dims[axis]), (int)inner);
    }

    /// <summary>
    /// The least loss that outputs without regard to the inputs reach: the entropy of the classes for a cross-entropy, the variance of each channel for a mean squared error, the entropy of each
    /// channel's share of ones for a binary cross-entropy. Nats, or the targets' unit squared; null for a loss without a least value.
    /// </summary>
    public static double? ConstantLoss(AttachedLoss loss, IReadOnlyDictionary<string, TensorData> targets)
    {
        var total = 0.0;
        foreach (var term in loss.Terms)
        {
            if (term.Target is not { } target) return null;
            var data = targets[target.Name];
            total += term.Kind == LossKind.CrossEntropy ? Entropy(data.ToInt64s().CountBy(c => c).Select(c => (double)c.Value)) : ByChannel(data, term.Kind);
        }
        return total;
    }

    static double ByChannel(TensorData data, LossKind kind)
    {
        var values = data.ToDoubles();
        var (channels, inner) = Layout(data.Dims);
        var (sums, squares, count) = (new double[channels], new double[channels], (double)values.Length / channels);
        for (var i = 0; i < values.Length; i++) sums[i / inner % channels] += values[i];
        if (kind == LossKind.Bce) return sums.Average(s => Entropy([s, count - s]));
        for (var i = 0; i < values.Length; i++) squares[i / inner % channels] += Math.Pow(values[i] - sums[i / inner % channels] / count, 2);
        return squares.Sum() / values.Length;
    }

    static double Entropy(IEnumerable<double> counts)
    {
        var list = counts.ToList();
        var total = list.Sum();
        return list.Where(c => c > 0).Sum(c => -c / total * Math.Log(c / total));
    }
}
