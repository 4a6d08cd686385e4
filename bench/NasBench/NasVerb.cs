using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using OnnxAuditor;
using OnnxAuditor.Numerics;
using OnnxAuditor.Proxies;

namespace Bench.NasBench;

/// <summary>How well proxies rank the networks of NAS-Bench-201.</summary>
static class NasVerb
{
    const int ProgressEvery = 10;

    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var cells = new Option<int>("--cells") { Description = "Cells of the seeded sample.", DefaultValueFactory = _ => 1000 };
        var all = new Option<bool>("--all") { Description = "Scores all 15,625 cells." };
        var seed = new Option<long>("--seed") { Description = "The seed of the sample, and of each cell's own seed.", DefaultValueFactory = _ => 0 };
        var proxies = new Option<string[]>("--proxies") { Description = "Ids of the proxies to compute; all that the settings name where none is given.", AllowMultipleArgumentsPerToken = true };
        var settings = new Option<string[]>("--settings") { Description = $"Settings to compute proxies under, all where none is given: {string.Join(", ", NasSetting.All.Select(s => s.Id))}.", AllowMultipleArgumentsPerToken = true };
        var data = new Option<string?>("--data") { Description = "A folder with cifar10-1k-images.npy and cifar10-1k-labels.npy; without it nothing is computed on images." };
        var scores = new Option<string>("--output") { Description = "The file of scores. What it holds is not computed again, so that a run may be ended and continued.", DefaultValueFactory = _ => "nas-scores.csv" };
        var parallel = new Option<int>("--parallel") { Description = "Cells at a time, one thread each.", DefaultValueFactory = _ => Environment.ProcessorCount };
        var table = new Option<bool>("--only-table") { Description = "Computes no scores: shows what the file of scores holds." };
        var page = VerbOptions.Page();
        var command = new Command("nas", "Ranks networks of NAS-Bench-201 by proxies and compares with their accuracies.") { cells, all, seed, proxies, settings, data, scores, parallel, table, page };
        command.SetAction((parsed, cancellation) =>
        {
            var error = parsed.InvocationConfiguration.Error;
            try
            {
                var entries = Sample(Nas201Table.Read(Nas201Table.PathIn(Networks.Checkout)), parsed.GetValue(all) ? int.MaxValue : parsed.GetValue(cells), parsed.GetValue(seed));
                var file = NasScoreFile.Open(parsed.GetValue(scores)!);
                if (!parsed.GetValue(table))
                {
                    var images = parsed.GetValue(data) is { } folder ? NasImages.Read(folder) : null;
                    var wanted = Wanted(parsed.GetValue(proxies)!, parsed.GetValue(settings)!, images is not null, error);
                    Score(entries, wanted, new ScoreCell(images, parsed.GetValue(seed)), parsed.GetValue(seed), file, parsed.GetValue(parallel), error, cancellation);
                }
                var sample = parsed.GetValue(all) ? "--all" : string.Create(CultureInfo.InvariantCulture, $"--cells {parsed.GetValue(cells)}");
                var given = parsed.GetValue(data) is null && !parsed.GetValue(table) ? "" : " --data DIR";
                var result = new ResultsPage("Proxies on NAS-Bench-201", string.Create(CultureInfo.InvariantCulture, $"nas {sample} --seed {parsed.GetValue(seed)}{given} --output nas-scores.csv --page"));
                NasResults.Write(result, entries, [.. file.Scores.Where(s => s.Seed == parsed.GetValue(seed))]);
                result.Write(parsed.InvocationConfiguration.Output, parsed.GetValue(page) ? "nas-bench-201.md" : null);
                return Task.FromResult(0);
            }
            catch (OperationCanceledException)
            {
                error.WriteLine("Ended; the file of scores holds every cell that was finished.");
                return Task.FromResult(130);
            }
            catch (Exception e) when (e is UsageException or FormatException)
            {
                error.WriteLine(e.Message);
                return Task.FromResult(2);
            }
        });
        return command;
    }

    /// <summary>The first cells of a seeded shuffle, so that a larger sample holds every smaller one.</summary>
    static List<Nas201Entry> Sample(IReadOnlyList<Nas201Entry> table, int count, long seed)
    {
        var random = new SeededRandom(seed, "cells");
        var order = table.ToArray();
        for (var i = 0; i < order.Length - 1; i++)
        {
            var k = i + (int)random.Integer(order.Length - i);
            (order[i], order[k]) = (order[k], order[i]);
        }
        return [.. order.Take(count)];
    }

    /// <summary>The proxies under each setting that the program has, the user asks for and the data allow.</summary>
    static List<(NasSetting Setting, IReadOnlyList<Proxy> Proxies)> Wanted(string[] ids, string[] settings, bool hasImages, TextWriter error)
    {
        if (Array.Find(ids, id => !ProxyRegistry.ById.ContainsKey(id)) is { } unknown) throw new UsageException($"There is no proxy '{unknown}'. Known: {string.Join(", ", ProxyRegistry.All.Select(p => p.Id))}.");
        if (ids.FirstOrDefault(id => !NasSetting.All.Any(s => s.Proxies.Contains(id, StringComparer.Ordinal))) is { } unplaced) throw new UsageException($"No setting names the proxy '{unplaced}'.");
        if (Array.Find(settings, id => !Array.Exists(NasSetting.All, s => s.Id == id)) is { } other) throw new UsageException($"There is no setting '{other}'. Known: {string.Join(", ", NasSetting.All.Select(s => s.Id))}.");
        var wanted = new List<(NasSetting, IReadOnlyList<Proxy>)>();
        foreach (var setting in NasSetting.All.Where(s => settings.Length == 0 || settings.Contains(s.Id, StringComparer.Ordinal)))
        {
            var proxies = setting.Proxies.Where(id => ProxyRegistry.ById.ContainsKey(id) && (ids.Length == 0 || ids.Contains(id, StringComparer.Ordinal))).Select(id => ProxyRegistry.ById[id]).ToList();
            if (proxies.Count == 0) continue;
            if (setting.Inputs == NasInputs.Images && !hasImages) error.WriteLine($"{string.Join(", ", proxies.Select(p => p.Id))} under {setting.Id}: not available: the setting feeds images, which --data gives.");
            else wanted.Add((setting, proxies));
        }
        return wanted;
    }

    static void Score(
        List<Nas201Entry> entries, List<(NasSetting Setting, IReadOnlyList<Proxy> Proxies)> wanted, ScoreCell scorer, long seed, NasScoreFile file, int parallel, TextWriter error, CancellationToken cancellation)
    {
        var done = file.Scores.Select(s => s.Key).ToHashSet();
        var open = new List<(Nas201Entry Entry, List<(NasSetting, IReadOnlyList<Proxy>)> Wanted)>();
        foreach (var entry in entries)
        {
            var missing = wanted.Select(w => (w.Setting, (IReadOnlyList<Proxy>)[.. w.Proxies.Where(p => !done.Contains((seed, entry.Index, w.Setting.Id, p.Id)))])).Where(w => w.Item2.Count > 0).ToList();
            if (missing.Count > 0) open.Add((entry, missing));
        }
        error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{open.Count} of {entries.Count} cells have scores missing."));
        var (start, finished) = (Stopwatch.GetTimestamp(), 0);
        // One at a time and in order: what is there at any moment is a smaller sample.
        Parallel.ForEach(Partitioner.Create(open, EnumerablePartitionerOptions.NoBuffering), new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = cancellation }, cell =>
        {
            file.Add(scorer.Run(cell.Entry, cell.Wanted, cancellation));
            var count = Interlocked.Increment(ref finished);
            if (count % ProgressEvery != 0) return;
            var elapsed = Stopwatch.GetElapsedTime(start);
            error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} of {open.Count} cells, {elapsed.TotalSeconds / count:0.00} s a cell, {(elapsed / count * (open.Count - count)).TotalMinutes:0.0} minutes left"));
        });
    }
}
