using System.Globalization;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>Elements of a value at equal distances.</summary>
/// <param name="Values">Row-major [<paramref name="Rows"/>, <paramref name="Columns"/>]; a column is the same element of every sample.</param>
/// <param name="Rows">The samples; 1 where the first axis does not count them.</param>
/// <param name="Columns">The elements taken of each.</param>
/// <param name="MaxAbs">The largest absolute value of the whole value, where it was asked for.</param>
sealed record ValueSample(float[] Values, int Rows, int Columns, double? MaxAbs)
{
    /// <summary>The population variance of the elements taken.</summary>
    public double Variance()
    {
        var mean = Values.Average(v => (double)v);
        return Values.Average(v => (v - mean) * (v - mean));
    }

    /// <summary>
    /// The mean cosine of pairs of samples, over the elements taken; null for fewer than two samples and where a sample is zero. Sums are in double: of two samples that differ by 1e-6 of their
    /// size, one minus the cosine is right to a tenth.
    /// </summary>
    public double? MeanCosine()
    {
        if (Rows < 2) return null;
        var sum = new double[Columns];
        for (var r = 0; r < Rows; r++)
        {
            var row = Values.AsSpan(r * Columns, Columns);
            var norm = 0.0;
            foreach (var v in row) norm += (double)v * v;
            if (!(norm > 0) || !double.IsFinite(norm)) return null;
            norm = Math.Sqrt(norm);
            for (var c = 0; c < Columns; c++) sum[c] += row[c] / norm;
        }
        return (sum.Sum(s => s * s) - Rows) / ((double)Rows * (Rows - 1));
    }

    /// <summary>The cosine of two samples, over the elements taken; null where one is zero.</summary>
    public double? Cosine(int a, int b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (var c = 0; c < Columns; c++)
        {
            double x = Values[a * Columns + c], y = Values[b * Columns + c];
            (ab, aa, bb) = (ab + x * y, aa + x * x, bb + y * y);
        }
        return aa > 0 && bb > 0 && double.IsFinite(aa + bb) ? ab / Math.Sqrt(aa * bb) : null;
    }

    /// <summary>The median of the absolute values of the elements taken.</summary>
    public double MedianAbs()
    {
        var sorted = Array.ConvertAll(Values, Math.Abs);
        Array.Sort(sorted);
        return sorted[sorted.Length / 2];
    }
}

/// <summary>Samples of the layers' outputs and of what sums and saturating activations take.</summary>
/// <param name="Of">By key; see <see cref="LayerSamples.Output"/> and <see cref="LayerSamples.Operand"/>.</param>
sealed record ValueSampleSet(IReadOnlyDictionary<string, ValueSample> Of);

/// <summary>
/// Some thousand elements of every layer's output and sum, and of what sums and saturating activations take, at equal distances: a share estimated from 4096 elements is right to 1.6 % of one, 95 times in
/// 100, and a median to as many hundredths of a rank. Taking them costs a slice, where reductions would read every element several times.
/// </summary>
static class LayerSamples
{
    /// <summary>Elements over all samples of a batch, and the fewest of one sample.</summary>
    const long Elements = 4096, Fewest = 64;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<ValueSampleSet> Instrument = new("layer-samples", InstrumentNeeds.None, Emit, Read);

    /// <summary>The key of a value of the canonical model.</summary>
    public static string Output(Value value) => "output/" + value.Name;

    /// <summary>The key of what a node of the canonical model takes.</summary>
    public static string Operand(Node node, int input) => string.Create(CultureInfo.InvariantCulture, $"operand/{input}/{node.LogicalName}");

    /// <summary>Whether the rules ask what an activation takes.</summary>
    public static bool Saturates(Node node) => node.Domain.Length == 0 && node.OpType is "Sigmoid" or "Tanh" or "HardSigmoid";

    static void Emit(InstrumentSite site)
    {
        var there = site.Graph.Nodes.SelectMany(n => n.Outputs).OfType<Value>().Concat(site.Graph.Inputs).ToHashSet();
        var columns = new Dictionary<Value, string>();
        var keys = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var layer in FindLayers.WithMerges(site.Source))
        {
            if (layer.Kind == LayerKind.Pool) continue;
            var image = site.Image(layer.Output);
            Take(Output(layer.Output), image, layer.Kind == LayerKind.Sum);
            var count = layer.Kind == LayerKind.Sum ? 2 : Saturates(layer.Node) ? 1 : 0;
            for (var i = 0; i < count; i++) if (image.Producer?.Input(i) is { } operand) Take(Operand(layer.Node, i), operand, false);
        }
        if (keys.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no layer has an output of known shape");
        site.Kept = keys;

        void Take(string key, Value x, bool largest)
        {
            if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true, Rank: > 0 } shape || shape.ElementCount == 0 || !there.Contains(x)) return;
            if (!columns.TryGetValue(x, out var shown))
            {
                columns[x] = shown = string.Create(CultureInfo.InvariantCulture, $"{columns.Count}");
                site.Show("sample/" + shown, Strided(site, x, site.Source.Batch.Axes.Count > 0 && shape[0].Size == site.Batch ? site.Batch : 1));
                if (largest) site.Show("largest/" + shown, site.Tape.Reshape(site.Tape.Max(site.Tape.ReduceAll("ReduceMax", x), site.Tape.Neg(site.Tape.ReduceAll("ReduceMin", x))), 1));
            }
            keys[key] = shown;
        }
    }

    /// <summary>Elements at equal distances of each of some rows. The distance shares no factor with the length of a row, so that the elements come from all channels and positions.</summary>
    static Value Strided(InstrumentSite site, Value x, long rows)
    {
        var length = x.Shape!.ElementCount / rows;
        var (count, step) = Stride(length, Math.Max(Fewest, Elements / rows));
        var matrix = site.Tape.Reshape(x, rows, length);
        return count == length ? matrix : site.Tape.Slice(matrix, 1, 0, count * step, step);
    }

    /// <summary>How many elements of a row are taken, and how far apart.</summary>
    internal static (long Count, long Step) Stride(long length, long wanted)
    {
        if (length <= wanted) return (length, 1);
        var step = length / wanted;
        while (step > 1 && System.Numerics.BigInteger.GreatestCommonDivisor(step, length) > 1) step--;
        return (wanted, step);
    }

    static ValueSampleSet Read(InstrumentOutputs outputs)
    {
        var samples = new Dictionary<string, ValueSample>(StringComparer.Ordinal);
        var taken = new Dictionary<string, ValueSample>(StringComparer.Ordinal);
        foreach (var (key, shown) in outputs.Kept<Dictionary<string, string>>())
        {
            if (!taken.TryGetValue(shown, out var sample))
            {
                var (values, rows, columns) = outputs.Rows("sample/" + shown);
                double? largest = outputs.Keys.Contains("largest/" + shown, StringComparer.Ordinal) ? outputs.Each("largest/" + shown).Max(d => d.ToDoubles()[0]) : null;
                taken[shown] = sample = new ValueSample(values, rows, columns, largest);
            }
            samples[key] = sample;
        }
        return new ValueSampleSet(samples);
    }
}
