using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The Gram matrix of the gradients gᵢ of single samples.</summary>
/// <param name="Samples">The number n of samples.</param>
/// <param name="Matrix">⟨gᵢ, gⱼ⟩, row-major [n, n].</param>
/// <param name="Counted">The parameters counted.</param>
/// <param name="Uncounted">Why parameters are not counted; null where all are.</param>
sealed record SampleGram(int Samples, double[] Matrix, IReadOnlyList<Parameter> Counted, string? Uncounted);

/// <summary>
/// Gram matrices of the gradients of single samples: made in the graph, or here from the gradients where several runs are merged or squares left the range of
/// float32. Products then are in float32 within a stretch of <see cref="Stretch"/> entries, their sums in double.
/// </summary>
static class SampleGrams
{
    /// <summary>Bytes of gradients kept until the last run; beyond them the matrix is not available.</summary>
    const long MostKept = 1L << 30;

    const int Stretch = 1024;

    /// <summary>Of the loss, by the weights of convolutions and linear layers.</summary>
    internal static readonly Instrument<SampleGram> OfLoss = new("sample-gram", InstrumentNeeds.Loss | InstrumentNeeds.SamplesApart,
        s => Emit(s, s.Loss!.Loss, s.Loss.Terms.All(t => t.Kind != LossKind.Sum), r => r is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight), Read)
    { LeavesRange = LeavesRange };

    /// <summary>Of the sum of the logits (no loss), by the weights of convolutions and linear layers and the scales of norms: the empirical neural tangent kernel.</summary>
    internal static readonly Instrument<SampleGram> OfLogits = new("logit-gram", InstrumentNeeds.SamplesApart,
        s => Emit(s, SumOfLogits(s), false, r => r is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight or ParameterRole.NormalizationScale), Read)
    { LeavesRange = LeavesRange };

    static Value SumOfLogits(InstrumentSite site)
    {
        var tape = new Tape(site.Names) { Prefix = "loss/", Widens = true };
        Value? sum = null;
        foreach (var logits in site.Logits()) sum = sum is null ? tape.ReduceAll("ReduceSum", logits) : tape.Add(sum, tape.ReduceAll("ReduceSum", logits));
        tape.AppendTo(site.Graph);
        return sum!;
    }

    static void Emit(InstrumentSite site, Value loss, bool isMean, Func<ParameterRole, bool> counts)
    {
        var chosen = site.Source.Parameters.Index().Where(p => p.Item.Trainable && counts(p.Item.Role)).ToList();
        Value[] values = [.. chosen.Select(p => site.Image(p.Item.Value))];
        IReadOnlyDictionary<Value, string> refused = new Dictionary<Value, string>();
        var counted = new List<Parameter>();
        if (site.Samples is not null && !site.Merge && !site.Scaled)
        {
            var gram = PerSampleGradients.Gram(site.Graph, site.Samples, loss, isMean, values, site.Names, site.StraightThrough);
            refused = gram.Refused;
            if (gram.Matrix is { } matrix)
            {
                site.Show("matrix", matrix);
                counted = [.. chosen.Where(c => gram.Counted.Contains(site.Image(c.Item.Value))).Select(c => c.Item)];
            }
        }
        else
        {
            var gradients = Gradients(site, loss, isMean, values, ref refused);
            foreach (var (index, parameter) in chosen)
            {
                if (!gradients.TryGetValue(site.Image(parameter.Value), out var gradient)) continue;
                counted.Add(parameter);
                site.Show($"gradient/{index}", gradient);
            }
        }
        var reasons = refused.Values.Distinct(StringComparer.Ordinal).ToList();
        if (counted.Count == 0) throw new ModelException(ModelProblem.Unsupported, reasons.Count > 0 ? string.Join("; ", reasons) : "no gradient reaches a convolution or linear weight");
        site.Kept = ((IReadOnlyList<Parameter>)counted, reasons.Count > 0 ? string.Join("; ", reasons) : null);
    }

    /// <summary>The gradients of single samples by parameters: [n, …], or where a batch is one sample in the parameter's shape.</summary>
    internal static IReadOnlyDictionary<Value, Value> Gradients(InstrumentSite site, Value loss, bool isMean, Value[] values, ref IReadOnlyDictionary<Value, string> refused)
    {
        if (site.Samples is null) return Differentiate.Run(site.Graph, loss, values, site.Names, site.StraightThrough).Gradients;
        var each = PerSampleGradients.Run(site.Graph, site.Samples, loss, isMean, values, site.Names, site.StraightThrough);
        refused = each.Refused;
        return each.Gradients;
    }

    static SampleGram Read(InstrumentOutputs outputs)
    {
        var (counted, uncounted) = outputs.Kept<(IReadOnlyList<Parameter>, string?)>();
        if (outputs.Keys.Contains("matrix", StringComparer.Ordinal))
        {
            var whole = outputs.Each("matrix")[0].ToDoubles();
            return new SampleGram((int)Math.Sqrt(whole.Length), whole, counted, uncounted);
        }
        var gradients = outputs.Numbered("gradient").ToList();
        if (gradients.Sum(g => outputs.Each(g.Key).Sum(d => (long)d.Bytes.Length)) > MostKept)
            throw new ModelException(ModelProblem.Budget, $"the gradients of all samples take more than the {MostKept >> 20} MiB that are kept of them");
        double[]? matrix = null;
        var n = 0;
        foreach (var (index, key) in gradients)
        {
            var rows = new List<float[]>();
            var length = (int)outputs.Parameters[index].Count;
            foreach (var part in outputs.Each(key))
            {
                var values = part.ToFloats();
                for (var i = 0; i < values.Length; i += length) rows.Add(values[i..(i + length)]);
            }
            n = rows.Count;
            matrix ??= new double[n * n];
            for (var i = 0; i < n; i++)
                for (var j = i; j < n; j++)
                {
                    var product = Dot(rows[i], rows[j]);
                    matrix[i * n + j] += product;
                    if (i != j) matrix[j * n + i] += product;
                }
        }
        return new SampleGram(n, matrix!, counted, uncounted);
    }

    /// <summary>Whether sums of squares made in the graph left the range in which float32 adds them up faithfully.</summary>
    static bool LeavesRange(InstrumentOutputs outputs)
    {
        if (!outputs.Keys.Contains("matrix", StringComparer.Ordinal)) return false;
        var matrix = outputs.Each("matrix")[0].ToDoubles();
        var n = (int)Math.Sqrt(matrix.Length);
        for (var i = 0; i < n; i++) if (!double.IsFinite(matrix[i * n + i]) || matrix[i * n + i] < 1e-24) return true;
        return false;
    }

    /// <summary>Squares of entries below 1e-19 or above 1e19 leave the range of float32: such gradients are multiplied in double.</summary>
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
