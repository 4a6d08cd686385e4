using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>What an instrument's outputs held, over all parts of the batch.</summary>
/// <param name="graph">The instrumented graph.</param>
/// <param name="parameters">The parameters of the canonical model.</param>
/// <param name="batch">The samples of one part.</param>
/// <param name="kept">What the instrument kept when it was built in.</param>
sealed class InstrumentOutputs(InstrumentedGraph graph, IReadOnlyList<Parameter> parameters, long batch, object? kept)
{
    readonly Dictionary<string, List<TensorData>> parts = new(StringComparer.Ordinal);

    /// <summary>The layers of the canonical model.</summary>
    public IReadOnlyList<Layer> Layers => graph.Layers;

    /// <summary>What the instrument kept when it was built in.</summary>
    public T Kept<T>() => (T)kept!;

    /// <summary>The parameters of the canonical model.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>The samples of one part.</summary>
    public long Batch => batch;

    /// <summary>The number of parts that the batch went through in.</summary>
    public int Parts { get; private set; }

    /// <summary>By how much the loss of the whole batch is less than the sum of its parts': each part's is a mean over fewer samples, unless the loss is a sum.</summary>
    public int LossShare => graph.LossIsSum ? 1 : Parts;

    /// <summary>The keys shown, in the order of showing.</summary>
    public IEnumerable<string> Keys => parts.Keys;

    /// <summary>Takes in what one part gave.</summary>
    public void Add(IEnumerable<(string Key, TensorData Data)> shown)
    {
        Parts++;
        foreach (var (key, data) in shown)
        {
            if (!parts.TryGetValue(key, out var list)) parts[key] = list = [];
            list.Add(data);
        }
    }

    /// <summary>What each part gave.</summary>
    public IReadOnlyList<TensorData> Each(string key) => parts[key];

    /// <summary>The keys that begin with a word and a slash, with the number that follows.</summary>
    public IEnumerable<(int Index, string Key)> Numbered(string word) =>
        Keys.Where(k => k.StartsWith(word + "/", StringComparison.Ordinal)).Select(k => (int.Parse(k.AsSpan(word.Length + 1), System.Globalization.CultureInfo.InvariantCulture), k));

    /// <summary>The sum over parts, in double.</summary>
    public double[] Sum(string key)
    {
        var sum = parts[key][0].ToDoubles();
        foreach (var part in parts[key].Skip(1))
        {
            var values = part.ToDoubles();
            for (var i = 0; i < sum.Length; i++) sum[i] += values[i];
        }
        return sum;
    }

    /// <summary>The mean over parts, in double.</summary>
    public double[] Mean(string key)
    {
        var mean = Sum(key);
        for (var i = 0; Parts > 1 && i < mean.Length; i++) mean[i] /= Parts;
        return mean;
    }

    /// <summary>Rows of all parts below each other.</summary>
    public (float[] Values, int Rows, int Columns) Rows(string key)
    {
        var all = parts[key];
        var rows = all.Sum(p => p.Dims[0]);
        var values = all.Count == 1 ? all[0].ToFloats() : [.. all.SelectMany(p => p.ToFloats())];
        return (values, checked((int)rows), rows == 0 ? 0 : (int)(values.Length / rows));
    }
}
