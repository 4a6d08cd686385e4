using System.Globalization;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Runs two programs on the same inputs and tells errors from what a kink or a jump makes of rounding.</summary>
/// <param name="feeds">Contents by input name.</param>
/// <returns>What each gives for each tensor.</returns>
delegate IReadOnlyList<(TensorData First, TensorData Second)> PairOfRuns(IReadOnlyDictionary<string, TensorData> feeds);

/// <summary>Compares what two programs give, tensor by tensor.</summary>
static class CompareRuns
{
    /// <summary>What tensors may differ by, of their largest magnitude.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>Gradients are held against at least this share of the largest entry of all gradients: some are zero but for rounding (a bias in front of a normalisation).</summary>
    const double GradientFloor = 0.01;

    /// <summary>How often inputs are moved, and by how much of their largest magnitude: ten times the rounding of float32.</summary>
    const int Moves = 4;
    const double Move = 1e-6;

    /// <summary>Runs both; where they disagree, again at inputs moved within rounding. An error stays one there; at a kink the disagreement goes, or each program differs from itself as much.</summary>
    /// <param name="names">The tensors' names.</param>
    /// <param name="isGradient">Whether a tensor is a gradient.</param>
    /// <param name="run">Runs both.</param>
    /// <param name="feeds">Contents by input name.</param>
    public static IReadOnlyList<ComparedTensor> Judge(IReadOnlyList<string> names, Func<int, bool> isGradient, PairOfRuns run, IReadOnlyDictionary<string, TensorData> feeds)
    {
        var first = run(feeds);
        var floor = GradientFloor * first.Where((_, i) => isGradient(i)).Select(r => TensorDifference.Of(r.First, r.Second).Scale).Append(0).Max();
        double Distance(TensorData a, TensorData b, int index)
        {
            var difference = TensorDifference.Of(a, b);
            return isGradient(index) ? (difference with { Scale = Math.Max(difference.Scale, floor) }).Relative : difference.Relative;
        }
        var distances = first.Select((r, i) => Distance(r.First, r.Second, i)).ToArray();
        var suspects = Enumerable.Range(0, names.Count).Where(i => distances[i] > Tolerance).ToHashSet();
        var kinks = new HashSet<int>();
        for (var move = 0; move < Moves && kinks.Count < suspects.Count; move++)
        {
            var moved = run(Moved(feeds, move));
            kinks.UnionWith(suspects.Where(i => Distance(moved[i].First, moved[i].Second, i) <= Tolerance
                || Distance(first[i].First, moved[i].First, i) >= distances[i] || Distance(first[i].Second, moved[i].Second, i) >= distances[i]));
        }
        return [.. names.Select((name, i) => new ComparedTensor(name, distances[i], !suspects.Contains(i) ? Agreement.Agrees : kinks.Contains(i) ? Agreement.Kink : Agreement.Differs))];
    }

    static Dictionary<string, TensorData> Moved(IReadOnlyDictionary<string, TensorData> feeds, int move)
    {
        var moved = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var (name, data) in feeds)
        {
            if (!data.Type.IsFloat)
            {
                moved[name] = data;
                continue;
            }
            var random = new SeededRandom(move, string.Create(CultureInfo.InvariantCulture, $"move/{name}"));
            var values = data.ToDoubles();
            var largest = values.Select(Math.Abs).Append(0).Max();
            var step = Move * (largest > 0 ? largest : 1);
            for (var i = 0; i < values.Length; i++) values[i] += random.Uniform(-step, step);
            moved[name] = TensorData.FromNumbers(data.Type, [.. data.Dims], values);
        }
        return moved;
    }
}
