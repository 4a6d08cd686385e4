using System.Diagnostics;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Commands;
using OnnxAuditor.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

/// <summary>Runs over many models, through the real process.</summary>
public sealed class ManyModelsTests : IDisposable
{
    const int Models = 200;

    readonly string folder = Directory.CreateTempSubdirectory("many-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Copies of a small network, the weights of each moved by another seed.</summary>
    void WriteModels()
    {
        Directory.CreateDirectory(Path.Combine(folder, "models"));
        for (var i = 0; i < Models; i++)
        {
            using var file = OnnxReader.Read(Checkout.Path("models", "dead_relu_mlp.onnx"));
            var random = new Random(i);
            foreach (var value in file.Model.Graph.Initializers.Where(v => v.Data is { Type: ElementType.Float32 }))
                value.Data = TensorData.FromFloats([.. value.Data!.Dims], [.. value.Data.ToFloats().Select(v => v * (1 + 0.1f * ((float)random.NextDouble() - 0.5f)))]);
            OnnxWriter.Write(file.Model, Path.Combine(folder, "models", $"{i:000}.onnx"));
        }
    }

    Process Start(params string[] more)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(AuditProcess).Assembly.Location, "audit", "models", "--jobs", "2", "--proxies", "grad_norm,naswot", "--batch", "8", "--threads", "1", "-q", .. more])
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    string Run(params string[] more)
    {
        using var process = Start(more);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal((1, ""), (process.ExitCode, error.GetAwaiter().GetResult()));
        return output;
    }

    [Fact(Explicit = true)]
    public void A_run_over_200_models_that_is_killed_half_way_goes_on_and_reports_what_an_uninterrupted_one_does()
    {
        WriteModels();
        var journal = Path.Combine(folder, "journal");
        using (var process = Start("--resume", journal, "-o", "never.json"))
        {
            while (!File.Exists(journal) || Lines(journal) < Models / 2)
            {
                Assert.False(process.HasExited, "The run ended before it could be killed.");
                Thread.Sleep(200);
            }
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
        var done = Lines(journal);
        Assert.InRange(done, Models / 2, Models - 1);
        Assert.False(File.Exists(Path.Combine(folder, "never.json")));
        var resumed = Run("--resume", journal, "--format", "json");
        Assert.Equal(Models, ReadJsonReport.Read(resumed).Models.Count);
        Assert.Equal(Run("--format", "json"), resumed);

        // The same in two shards, each with a journal of its own, merged.
        foreach (var shard in (string[])["1/2", "2/2"]) Run("--shard", shard, "--resume", $"journal-{shard[0]}", "-o", $"{shard[0]}.json");
        Assert.Equal(resumed, CommandRun.Of("merge", Path.Combine(folder, "1.json"), Path.Combine(folder, "2.json"), "--format", "json").Output);
    }

    static int Lines(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Count(c => c == '\n');
    }
}
