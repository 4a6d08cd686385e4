using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>
/// Reads the Gram matrix of the gradients of single samples, or makes it from the gradients of several runs. Products are in float32 within a stretch of
/// <see cref="Stretch"/> entries, their sums in double.
/// </summary>
sealed class GramSums
{
    /// <summary>Bytes of gradients kept until the last run; beyond them the matrix is not available.</summary>
    const long MostKept = 1L << 30;

    const int Stretch = 1024;

    readonly Dictionary<Parameter, List<float[]>> rows = [];
    double[]? whole;
    long kept;

    /// <summary>Whether sums of squares left the range in which float32 adds them up faithfully.</summary>
    public bool LeavesRange
    {
        get
        {
            if (whole is null) return false;
            var n = (int)Math.Sqrt(whole.Length);
            for (var i = 0; i < n; i++) if (!double.IsFinite(whole[i * n + i]) || whole[i * n + i] < 1e-24) return true;
            return false;
        }
    }

    /// <summary>Takes the matrix of a whole batch.</summary>
    public void Take(double[] matrix) => whole = matrix;

    /// <summary>Takes the gradients of one run: [n, shape of the parameter], or that of one sample.</summary>
    public void Take(TensorData gradients, Parameter parameter)
    {
        kept += gradients.Bytes.Length;
        if (kept > MostKept)
        {
            rows.Clear();
            return;
        }
        if (!rows.TryGetValue(parameter, out var list)) rows[parameter] = list = [];
        var (values, length) = (gradients.ToFloats(), (int)parameter.Count);
        for (var i = 0; i < values.Length; i += length) list.Add(values[i..(i + length)]);
    }

    /// <summary>The matrix over all runs taken.</summary>
    public SampleGram Result(InstrumentedGraph graph)
    {
        var (counted, failure) = graph.Gram;
        if (graph.LossFailure is { } none) return new SampleGram(0, null, [], none);
        if (kept > MostKept) return new SampleGram(0, null, [], $"the gradients of all samples take more than the {MostKept >> 20} MiB that are kept of them");
        if (whole is not null) return new SampleGram((int)Math.Sqrt(whole.Length), whole, counted, failure);
        if (rows.Count == 0) return new SampleGram(0, null, [], failure);
        var n = rows.Values.First().Count;
        var matrix = new double[n * n];
        foreach (var list in rows.Values)
            for (var i = 0; i < n; i++)
                for (var j = i; j < n; j++)
                {
                    var product = Dot(list[i], list[j]);
                    matrix[i * n + j] += product;
                    if (i != j) matrix[j * n + i] += product;
                }
        return new SampleGram(n, matrix, counted, failure);
    }

    /// <summary>Squares of entries below 1e-19 or above 1e19 leave the range of float32: such gradients are scaled first.</summary>
    static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var scale = Math.Max(Math.Abs((double)TensorPrimitives.MaxMagnitude(a)), Math.Abs((double)TensorPrimitives.MaxMagnitude(b)));
        if (scale is > 1e-12 and < 1e12)
        {
            var sum = 0.0;
            for (var i = 0; i < a.Length; i += Stretch) sum += TensorPrimitives.Dot(a.Slice(i, Math.Min(Stretch, a.Length - i)), b.Slice(i, Math.Min(Stretch, b.Length - i)));
            return sum;
        }
        var exact = 0.0;
        for (var i = 0; i < a.Length; i++) exact += (double)a[i] * b[i];
        return exact;
    }
}
