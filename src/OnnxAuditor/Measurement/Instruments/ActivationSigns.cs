using System.Numerics;
using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>Which units of gated activations (ReLU and its kin) are on for which sample.</summary>
/// <param name="Words">For each layer in graph order, by sample, 16 units a word; unused bits are 0.</param>
/// <param name="Units">The units of each layer.</param>
/// <param name="Samples">The number of samples.</param>
sealed record SignPatterns(IReadOnlyList<ushort[][]> Words, IReadOnlyList<long> Units, int Samples)
{
    /// <summary>The units of all layers.</summary>
    public long UnitCount => Units.Sum();

    /// <summary>In how many units two samples differ.</summary>
    public long Distance(int a, int b)
    {
        var distance = 0L;
        foreach (var layer in Words)
        {
            var (x, y) = (layer[a], layer[b]);
            for (var i = 0; i < x.Length; i++) distance += BitOperations.PopCount((uint)(x[i] ^ y[i]));
        }
        return distance;
    }

    /// <summary>How many different patterns over the samples the units show.</summary>
    public long DistinctUnits()
    {
        // A pattern over more samples than a word has bits is told apart by a 128-bit hash.
        var seen = new HashSet<UInt128>();
        for (var l = 0; l < Words.Count; l++)
        {
            var units = Units[l];
            for (var u = 0L; u < units; u++)
            {
                UInt128 pattern = 0;
                var (word, bit) = ((int)(u >> 4), (int)(u & 15));
                for (var s = 0; s < Samples; s++)
                {
                    var on = (UInt128)(uint)((Words[l][s][word] >> bit) & 1);
                    pattern = Samples <= 128 ? (pattern << 1) | on : (pattern ^ on) * 0x9E3779B97F4A7C15UL + 0x632BE59BD9B4E019UL;
                }
                seen.Add(pattern);
            }
        }
        return seen.Count;
    }
}

/// <summary>
/// The signs of what gated activations take, packed 16 to a number inside the graph: the linear regions of piecewise linear networks (Montúfar et al. 2014). Gated are the ReLU family,
/// GELU and its kin, and x · sigmoid(x), whose output has the sign of x; sigmoid and tanh by themselves have no gate.
/// </summary>
static class ActivationSigns
{
    const int Bits = 16;

    static readonly HashSet<string> Gated = new(StringComparer.Ordinal)
    {
        "Relu", "LeakyRelu", "PRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Gelu", "HardSwish", "Mish", "Softplus", "Erf",
    };

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<SignPatterns> Instrument = new("signs", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var powers = t.Numbers(ElementType.Float32, [Bits, 1], [.. Enumerable.Range(0, Bits).Select(b => (double)(1 << b))]);
        var seen = new HashSet<Value>();
        var units = new List<long>();
        var consumers = site.Source.Model.Graph.Consumers();
        foreach (var (index, node) in site.Source.Model.Graph.Nodes.Index())
        {
            if (!IsGated(node, consumers) || site.Operand(node) is not { Type: ElementType.Float32, Shape: { IsStatic: true, Rank: > 1 } shape } x || shape.ElementCount == 0) continue;
            if (site.Source.Batch.Axes.Count == 0 || shape[0].Size != site.Batch || !seen.Add(x)) continue;
            t.Origin = node.LogicalName;
            var count = shape.ElementCount / site.Batch;
            var bits = t.Cast(t.Reshape(t.Greater(x, 0), site.Batch, count), ElementType.Float32);
            var words = (count + Bits - 1) / Bits;
            if (words * Bits > count) bits = t.Pad(bits, 0, 0, 0, words * Bits - count);
            site.Show($"words/{index}", t.Reshape(t.MatMul(t.Reshape(bits, site.Batch * words, Bits), powers), site.Batch, words));
            units.Add(count);
        }
        site.Kept = units;
        if (seen.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no activation with a gate (ReLU, GELU and their kin) takes a tensor whose first axis counts the samples");
    }

    static bool IsGated(Node node, Dictionary<Value, List<Node>> consumers)
    {
        if (node.Domain.Length > 0 || node.Input(0) is not { IsFloat: true } x) return false;
        return node.OpType switch
        {
            "Clip" => node.Input(1)?.Constant is { Count: 1 } low && low.ToDoubles()[0] == 0,
            "Sigmoid" or "HardSigmoid" => consumers.GetValueOrDefault(node.Output, []).Any(m => m.Is("Mul") && Scaled(x).Any(m.Inputs.Contains)),
            _ => Gated.Contains(node.OpType),
        };
    }

    /// <summary>A value, and what it is a positive multiple of: x · sigmoid(1.702 x) has the sign of x.</summary>
    static IEnumerable<Value?> Scaled(Value x) => x.Producer is { Domain: "", OpType: "Mul" } scale && scale.Inputs.Any(i => i?.Constant is { Count: 1 } c && c.ToDoubles()[0] > 0) ? [x, .. scale.Inputs.Where(i => i?.Constant is null)] : [x];

    static SignPatterns Read(InstrumentOutputs outputs)
    {
        var layers = new List<ushort[][]>();
        var samples = 0;
        foreach (var (_, key) in outputs.Numbered("words"))
        {
            var (values, rows, columns) = outputs.Rows(key);
            layers.Add([.. Enumerable.Range(0, rows).Select(r => Array.ConvertAll(values[(r * columns)..((r + 1) * columns)], v => (ushort)v))]);
            samples = rows;
        }
        return new SignPatterns(layers, outputs.Kept<List<long>>(), samples);
    }
}
