using GraphRewriter.Ir;
using GraphRewriter.Probes;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>The channels of a block's output.</summary>
/// <param name="Block">The border behind the block.</param>
/// <param name="Sums">Their means and centred second moments.</param>
sealed record BlockSpectrum(Layer Block, ChannelSums Sums)
{
    /// <summary>Whether the moments are finite.</summary>
    public bool IsFinite => double.IsFinite(Sums.Trace) && double.IsFinite(Sums.SquaredNorm);

    /// <summary>Invariants of the covariance.</summary>
    public CovarianceInvariants Covariance => new(Sums.Rows, Sums.Mean.Length, Sums.Trace, Sums.SquaredNorm);

    /// <summary>Eigenvalues of the covariance (normaliser 1/rows), ascending.</summary>
    public double[] Eigenvalues() => SymmetricEigenvalues.Of(Array.ConvertAll(Sums.Scatter!, v => v / Sums.Rows), Sums.Mean.Length);
}

/// <summary>The spectra of all borders, in graph order.</summary>
/// <param name="Borders">The borders.</param>
sealed record BlockSpectraSet(IReadOnlyList<BlockSpectrum> Borders);

/// <summary>Centred channel covariances of the borders between blocks, merged over the parts of a batch by the pairwise formula.</summary>
static class BlockStatistics
{
    /// <summary>The most channels of a border that counts.</summary>
    internal const long Widest = 1024;

    /// <summary>The instrument.</summary>
    internal static readonly Instrument<BlockSpectraSet> Instrument = new("block-statistics", InstrumentNeeds.None, Emit, Read);

    /// <summary>The borders whose images are float32 tensors of known shape and not too wide.</summary>
    /// <exception cref="ModelException">There is none.</exception>
    internal static List<Layer> Borders(InstrumentSite site)
    {
        var borders = FindBlocks.Borders(site.Source).Where(b => b.ChannelAxis > 0 && site.Image(b.Output) is { Type: ElementType.Float32, Shape: { IsStatic: true } shape } && shape.ElementCount > 0 && shape[b.ChannelAxis].Size <= Widest).ToList();
        return borders.Count > 0 ? borders : throw new ModelException(ModelProblem.Unsupported, "the graph has no value that all paths pass and that a block could end with");
    }

    static void Emit(InstrumentSite site)
    {
        var borders = Borders(site);
        for (var i = 0; i < borders.Count; i++)
        {
            site.Tape.Origin = borders[i].Name;
            var (mean, scatter) = site.Tape.ChannelScatter(site.Image(borders[i].Output), borders[i].ChannelAxis);
            site.Show($"mean/{i}", mean);
            site.Show($"scatter/{i}", scatter);
        }
        site.Kept = borders;
    }

    static BlockSpectraSet Read(InstrumentOutputs outputs)
    {
        var borders = outputs.Kept<List<Layer>>();
        var spectra = new List<BlockSpectrum>();
        for (var i = 0; i < borders.Count; i++)
        {
            var shape = borders[i].Output.Shape!;
            var rows = shape.ElementCount / shape[borders[i].ChannelAxis].Size;
            ChannelSums? sums = null;
            foreach (var (mean, scatter) in outputs.Each($"mean/{i}").Zip(outputs.Each($"scatter/{i}")))
                sums = sums?.With(mean.ToDoubles(), scatter.ToDoubles(), rows) ?? ChannelSums.Of(mean.ToDoubles(), scatter.ToDoubles(), rows);
            spectra.Add(new BlockSpectrum(borders[i], sums!));
        }
        return new BlockSpectraSet(spectra);
    }
}
