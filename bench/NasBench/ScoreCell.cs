using System.Diagnostics;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Proxies;
using OnnxAuditor.Reports;

namespace Bench.NasBench;

/// <summary>Computes proxies of a cell with the program's own code, as an audit does.</summary>
/// <param name="images">The images; null where there are none.</param>
/// <param name="seed">The seed that each cell's own, of weights, inputs and targets, is made from.</param>
sealed class ScoreCell(NasImages? images, long seed)
{
    // Sessions of these graphs of thousands of small nodes take several times as long to optimise as to run.
    static readonly OrtSettings Engine = new(Threads: 1, Optimize: false);

    static readonly Dictionary<string, TensorData> NoData = new(StringComparer.Ordinal);

    /// <summary>Computes what is asked for.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="wanted">The settings, and the proxies under each; those with images need images.</param>
    /// <param name="cancellation">Ends the runs early.</param>
    public IReadOnlyList<NasScore> Run(Nas201Entry cell, IEnumerable<(NasSetting Setting, IReadOnlyList<Proxy> Proxies)> wanted, CancellationToken cancellation)
    {
        var scores = new List<NasScore>();
        foreach (var group in wanted.GroupBy(w => w.Setting.Dialect))
        {
            var model = Nas201Network.Build(cell.Cell, group.Key);
            foreach (var (setting, proxies) in group) scores.AddRange(Under(setting, proxies, cell, model, cancellation));
        }
        return scores;
    }

    List<NasScore> Under(NasSetting setting, IReadOnlyList<Proxy> proxies, Nas201Entry cell, Model model, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            var results = Measured(setting, proxies, cell.Index, model, cancellation);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return [.. results.Select(r => new NasScore(seed, cell.Index, setting.Id, r.Id, r.Value, r.Components, seconds, r.Reason ?? ""))];
        }
        catch (ModelException e)
        {
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return [.. proxies.Select(p => new NasScore(seed, cell.Index, setting.Id, p.Id, null, new Dictionary<string, double>(StringComparer.Ordinal), seconds, e.Message))];
        }
    }

    IReadOnlyList<ProxyResult> Measured(NasSetting setting, IReadOnlyList<Proxy> proxies, int cell, Model model, CancellationToken cancellation)
    {
        var given = setting.Inputs == NasInputs.Images ? images ?? throw new InvalidOperationException($"The setting {setting.Id} needs images.") : null;
        var data = given is null ? NoData : new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["image"] = given.Images };
        // Draws of its own for each cell: layers that all cells have would else be drawn alike, and one such draw tilt the whole table.
        var options = new AuditOptions { Profile = OnnxAuditor.Profile.Full, Batch = setting.Batch, Seed = seed * Nas201Table.Cells + cell, Data = data, DataSource = "CIFAR-10", Labels = given?.Labels };
        CanonicalModel At(long batch) => Canonicalizer.Run(model, new CanonicalOptions { Batch = batch, InputShapes = Shape(batch, setting.Size) });
        var canonical = At(setting.Batch);
        using var measure = new Measure(canonical, At, new MeasureSettings(Engine, data, options.DataSource, options.Labels, null, null));
        var plan = new Plan();
        foreach (var protocol in proxies.SelectMany(p => ProxySelection.Protocols(p, options))) plan.Add(protocol);
        var scoring = new Scoring(proxies, options, canonical, plan);
        var runs = new Dictionary<Protocol, ModelMeasurement>();
        scoring.After(runs);
        foreach (var run in plan.Runs)
        {
            runs[run] = measure.Run(run, cancellation);
            scoring.After(runs);
        }
        return scoring.Results();
    }

    static Dictionary<string, Shape> Shape(long batch, long size) => new(StringComparer.Ordinal) { ["image"] = GraphRewriter.Ir.Shape.Of(batch, 3, size, size) };
}
