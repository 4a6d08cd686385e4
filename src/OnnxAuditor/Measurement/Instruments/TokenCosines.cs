using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>How alike the tokens of a sequence are behind a layer.</summary>
/// <param name="Layer">The norm, or sum of a residual block.</param>
/// <param name="Cosine">The mean cosine of pairs of tokens of one sample, over samples.</param>
/// <param name="Tokens">The tokens of a sample.</param>
sealed record TokenCosine(Layer Layer, double Cosine, long Tokens);

/// <summary>The cosines of all layers, in graph order.</summary>
/// <param name="Layers">The layers.</param>
sealed record TokenCosineSet(IReadOnlyList<TokenCosine> Layers);

/// <summary>
/// Mean cosines of pairs of tokens, from the sum of the normalised tokens u: (‖Σ u‖² − T) / (T (T − 1)), made in the graph behind norms and the sums of residual blocks whose output is [samples, tokens, channels].
/// </summary>
static class TokenCosines
{
    /// <summary>Shorter sequences say nothing.</summary>
    const long FewestTokens = 4;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<TokenCosineSet> Instrument = new("token-cosines", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var t = site.Tape;
        var layers = new List<Layer>();
        foreach (var layer in FindLayers.WithMerges(site.Source).Where(l => l.Kind is LayerKind.Norm or LayerKind.Sum && l.ChannelAxis == 2))
        {
            var x = site.Image(layer.Output);
            if (x.Type != ElementType.Float32 || x.Shape is not { IsStatic: true, Rank: 3 } shape || shape[1].Size < FewestTokens || shape[2].Size < FewestTokens || shape[0].Size == 0) continue;
            t.Origin = layer.Name;
            var squares = t.ReduceSumSquare(x, [2]);
            var tokens = t.Div(x, t.Sqrt(t.Max(squares, t.ScalarLike(1e-30, squares))));
            site.Show($"length/{layers.Count}", t.ReduceSumSquare(t.ReduceSum(tokens, [1], keepDims: false), [1], keepDims: false));
            layers.Add(layer);
        }
        if (layers.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no norm or sum has an output of samples, tokens and channels");
        site.Kept = layers;
    }

    static TokenCosineSet Read(InstrumentOutputs outputs)
    {
        var layers = outputs.Kept<List<Layer>>();
        var result = new List<TokenCosine>();
        foreach (var (index, key) in outputs.Numbered("length"))
        {
            double tokens = layers[index].Output.Shape![1].Size;
            var lengths = outputs.Each(key).SelectMany(d => d.ToDoubles()).ToList();
            result.Add(new TokenCosine(layers[index], lengths.Average(l => (l - tokens) / (tokens * (tokens - 1))), (long)tokens));
        }
        return new TokenCosineSet(result);
    }
}
