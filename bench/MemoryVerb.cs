using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using OnnxAuditor.Execution.Torch;
using static TorchSharp.torch;

namespace Bench;

/// <summary>The peak memory of a forward pass of torch_mobilenet_v3 on the Torch engine against the same network written by hand in TorchSharp.</summary>
static class MemoryVerb
{
    const string Network = "torch/torch_mobilenet_v3.onnx";

    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var rounds = VerbOptions.Rounds(5);
        var threads = VerbOptions.Threads();
        var batch = new Option<long>("--batch") { Description = "Samples a pass.", DefaultValueFactory = _ => 256 };
        var page = VerbOptions.Page();
        // Each measurement is made in a process of its own.
        var child = new Option<string?>("--child") { Hidden = true };
        var command = new Command("memory", "Compares the peak memory of a forward pass on Torch with a network written by hand.") { rounds, threads, batch, page, child };
        command.SetAction(parsed =>
        {
            var (count, size, cores) = (parsed.GetValue(rounds), parsed.GetValue(batch), parsed.GetValue(threads));
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(child) is { } what)
            {
                output.WriteLine(Measure(what, size, cores).ToString(CultureInfo.InvariantCulture));
                return 0;
            }
            if (!OperatingSystem.IsLinux())
            {
                parsed.InvocationConfiguration.Error.WriteLine("not available: the peak of a process is read from /proc, which Linux alone has.");
                return 1;
            }
            if (Networks.Find([], [Network], parsed.InvocationConfiguration.Error).Count == 0) return 1;
            var result = new ResultsPage("Memory of a forward pass on Torch", string.Create(CultureInfo.InvariantCulture, $"memory --rounds {count} --threads {cores} --batch {size} --page"));
            result.Line(string.Create(CultureInfo.InvariantCulture, $"What the resident set of a process grows by at its peak during a forward pass of torch_mobilenet_v3 without gradients, batch {size}, {cores} threads, after one of a single sample;"));
            result.Line(string.Create(CultureInfo.InvariantCulture, $"medians of {count} processes each, taken in turns. *By hand* is MobileNetV3-Small written with TorchSharp's modules (`bench/HandWritten.cs`)."));
            result.Line();
            var (engine, hand) = (new List<double>(), new List<double>());
            for (var r = 0; r < count; r++)
            {
                engine.Add(InChild("engine", size, cores));
                hand.Add(InChild("hand", size, cores));
            }
            var (a, b) = (Interleaved.Median(engine) / (1 << 20), Interleaved.Median(hand) / (1 << 20));
            result.Table(["network", "Torch engine, MiB", "by hand, MiB", "ratio"], [["torch_mobilenet_v3", ResultsPage.Digits(a), ResultsPage.Digits(b), ResultsPage.Digits(a / b)]]);
            result.Write(output, parsed.GetValue(page) ? "memory.md" : null);
            return 0;
        });
        return command;
    }

    static double InChild(string what, long batch, int threads)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])["memory", "--child", what, "--batch", batch.ToString(CultureInfo.InvariantCulture), "--threads", threads.ToString(CultureInfo.InvariantCulture)]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var line = process.StandardOutput.ReadLine();
        process.WaitForExit();
        return line is not null && process.ExitCode == 0 ? double.Parse(line, CultureInfo.InvariantCulture) : throw new InvalidOperationException($"The process that measures '{what}' ended with {process.ExitCode}.");
    }

    /// <summary>Bytes that the resident set grew by at its peak.</summary>
    static long Measure(string what, long batch, int threads)
    {
        TorchLibrary.UseThreads(threads);
        var (single, whole) = what == "engine" ? Engine(batch, threads) : ByHand(batch);
        single();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        // Writing 5 makes the peak what the resident set is now.
        File.WriteAllText("/proc/self/clear_refs", "5");
        var before = Status("VmRSS:");
        whole();
        return (Status("VmHWM:") - before) * 1024;
    }

    static (Action Single, Action Whole) Engine(long batch, int threads)
    {
        var path = Networks.Find([], [Network], TextWriter.Null)[0];
        Action Pass(long size)
        {
            var step = new EagerStep(Step.Read(path, size), InstrumentationVerb.Protocols(size)[0].Protocol, threads);
            return step.Forward;
        }
        return (Pass(1), Pass(batch));
    }

    static (Action Single, Action Whole) ByHand(long batch)
    {
        var network = HandWritten.MobileNetV3Small();
        Action Pass(long size)
        {
            var x = randn(size, 3, 64, 64);
            return () =>
            {
                using var scope = NewDisposeScope();
                using var mode = no_grad();
                network.forward(x);
            };
        }
        return (Pass(1), Pass(batch));
    }

    static long Status(string field) => long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(field, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
