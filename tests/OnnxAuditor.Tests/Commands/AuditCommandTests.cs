using System.Text.Json;
using OnnxAuditor.Commands;
using OnnxAuditor.Execution;
using OnnxAuditor.Reporting;
using OnnxAuditor.Tests.Numerics;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public sealed class AuditCommandTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("audit-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static string Model(string name) => Checkout.Path("models", name);

    string Bad(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    [Fact]
    public void The_help_is_as_reviewed() => Snapshot.Match("audit.txt", CommandLineTests.Help("audit"));

    [Theory]
    [InlineData("there is no option '--profle'; did you mean '--profile'?", "x.onnx", "--profle", "fast")]
    [InlineData("'fst' is no value of --profile; did you mean 'fast'? Allowed: fast, standard, full", "x.onnx", "--profile", "fst")]
    [InlineData("'tourch' is no value of --engine", "x.onnx", "--engine", "tourch")]
    [InlineData("--batch: '0' is no whole number from 1 to 1000000", "x.onnx", "--batch", "0")]
    [InlineData("--seeds: '-1' is no whole number from 1 to 1000", "x.onnx", "--seeds", "-1")]
    [InlineData("--proxies: there is no proxy 'intrian'; did you mean 'intrain'?", "x.onnx", "--proxies", "intrian")]
    [InlineData("--select: no rule begins with 'TRM001'; did you mean 'TRN001'?", "x.onnx", "--select", "WGT,TRM001")]
    [InlineData("--format: 'markdown' is no format", "x.onnx", "--format", "markdown")]
    [InlineData("--time-budget: 'soon' is no duration", "x.onnx", "--time-budget", "soon")]
    [InlineData("--max-memory: 'lots' is no size", "x.onnx", "--max-memory", "lots")]
    [InlineData("--shape gives 'x' two shapes", "models/residual_cnn.onnx", "--shape", "x=1x2", "--shape", "x=1x3")]
    [InlineData("'r.txt' does not say which format to write: end it in .md, .html, .json, .sarif, .junit.xml, or give --format", "models/residual_cnn.onnx", "-o", "r.txt")]
    [InlineData("The folder 'no/such' for the report does not exist", "models/residual_cnn.onnx", "-o", "no/such/r.md")]
    [InlineData("'nothing.npz' does not exist", "models/residual_cnn.onnx", "--data", "nothing.npz")]
    [InlineData("No file matches 'no*such*.onnx'", "no*such*.onnx")]
    [InlineData("Required argument 'MODEL' missing")]
    [InlineData("--gate: there is no number 'intrian' to set a gate on; did you mean 'intrain'?", "x.onnx", "--gate", "intrian>=1")]
    [InlineData("--shard: '3/2' is no part of several", "x.onnx", "--shard", "3/2")]
    public void A_mistake_on_the_command_line_is_told_in_one_line_with_exit_code_2(string expected, params string[] args)
    {
        var (code, output, error) = CommandRun.Of(["audit", .. args]);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith($"onnx-auditor: {expected}", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void Standard_output_holds_the_report_alone()
    {
        var (code, output, error) = CommandRun.Of("audit", Model("residual_cnn.onnx"), "--profile", "fast");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("---\nmodel: \"residual_cnn.onnx\"\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("](residual_cnn", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_command_gives_the_same_bytes()
    {
        string[] args = ["audit", Model("transformer.onnx"), "--format", "html"];
        Assert.Equal(CommandRun.Of(args).Output, CommandRun.Of(args).Output);
    }

    [Fact]
    public void Files_are_written_in_the_format_of_their_extension_with_charts_beside_markdown()
    {
        string[] files = [.. ((string[])["r.md", "r.html", "r.json"]).Select(f => Path.Combine(folder, f))];
        var (code, output, error) = CommandRun.Of("audit", Model("residual_cnn.onnx"), "-o", files[0], "-o", files[1], "--output", files[2]);
        Assert.Equal((0, ""), (code, output));
        Assert.Equal(3, error.TrimEnd('\n').Split('\n').Length);
        Assert.StartsWith("---\n", File.ReadAllText(files[0]), StringComparison.Ordinal);
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(files[1]), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(files[2]));
        Assert.Equal("1", json.RootElement.GetProperty("schemaVersion").GetString());
        Assert.Equal(["r.activation-scale.svg", "r.dead-fraction.svg", "r.effective-rank.svg", "r.gradient-scale.svg", "r.weight-spectra.svg"], Directory.EnumerateFiles(folder, "*.svg").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Empty(Directory.EnumerateFiles(folder, "*.part"));
        Assert.All(Directory.EnumerateFiles(folder, "*.svg"), f => Assert.Contains($"]({Path.GetFileName(f)})", File.ReadAllText(files[0]), StringComparison.Ordinal));
    }

    [Fact]
    public void Quiet_says_nothing() =>
        Assert.Equal((0, "", ""), CommandRun.Of("audit", Model("residual_cnn.onnx"), "--profile", "fast", "-q", "-o", Path.Combine(folder, "r.json")));

    [Theory]
    [InlineData("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-LFS pointer")]
    [InlineData("page.onnx", "<!DOCTYPE html><html></html>", "web page")]
    [InlineData("empty.onnx", "", "empty")]
    public void A_file_that_is_no_model_is_exit_code_3_and_says_what_it_is(string name, string content, string expected)
    {
        var (code, output, _) = CommandRun.Of("audit", Bad(name, content));
        Assert.Equal(3, code);
        Assert.Contains(expected, output, StringComparison.Ordinal);
        Assert.Contains("ONX001", output, StringComparison.Ordinal);
        Assert.DoesNotContain(folder, output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_exit_code_3() => Assert.Equal(3, CommandRun.Of("audit", Path.Combine(folder, "missing.onnx")).Code);

    [Fact]
    public void A_bad_model_does_not_stop_the_others_and_the_highest_code_is_returned()
    {
        Bad("bad.onnx", "");
        foreach (var good in (string[])["residual_cnn.onnx", "nan_weight_cnn.onnx"]) File.Copy(Model(good), Path.Combine(folder, good));
        var (code, output, _) = CommandRun.Of("audit", folder, "--profile", "fast", "--format", "json");
        Assert.Equal(3, code);
        using var json = JsonDocument.Parse(output);
        var models = json.RootElement.GetProperty("models").EnumerateArray().Select(m => m.GetProperty("path").GetString()!).ToList();
        var name = Path.GetFileName(folder);
        Assert.Equal([$"{name}/bad.onnx", $"{name}/nan_weight_cnn.onnx", $"{name}/residual_cnn.onnx"], models);
    }

    [Theory]
    [InlineData("error", 1)]
    [InlineData("never", 0)]
    public void Findings_at_or_above_the_chosen_severity_are_exit_code_1(string severity, int expected) =>
        Assert.Equal(expected, CommandRun.Of("audit", Model("nan_weight_cnn.onnx"), "--profile", "fast", "--fail-on", severity).Code);

    [Fact]
    public void Rules_are_selected_and_ignored()
    {
        string[] Found(params string[] args)
        {
            using var json = JsonDocument.Parse(CommandRun.Of(["audit", Model("nan_weight_cnn.onnx"), "--profile", "fast", "--format", "json", .. args]).Output);
            return [.. json.RootElement.GetProperty("models")[0].GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("ruleId").GetString()!)];
        }
        Assert.Contains("WGT001", Found());
        Assert.All(Found("--select", "WGT"), id => Assert.StartsWith("WGT", id, StringComparison.Ordinal));
        Assert.DoesNotContain("WGT001", Found("--ignore", "wgt001"));
    }

    [Fact]
    public void A_wrong_shape_is_exit_code_2_and_names_expected_and_given()
    {
        var (code, output, error) = CommandRun.Of("audit", Model("residual_cnn.onnx"), "--shape", "image=16x4x32x32");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("image", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public void A_time_budget_that_is_spent_is_exit_code_5()
    {
        var (code, output, _) = CommandRun.Of("audit", Model("residual_cnn.onnx"), "--time-budget", "1ms");
        Assert.Equal(5, code);
        Assert.Contains("time budget", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Proxies_are_chosen()
    {
        using var json = JsonDocument.Parse(CommandRun.Of("audit", Model("residual_cnn.onnx"), "--proxies", "grad_norm", "--format", "json").Output);
        var ids = json.RootElement.GetProperty("models")[0].GetProperty("proxies").EnumerateArray().Select(p => p.GetProperty("id").GetString()).ToList();
        Assert.Contains("grad_norm", ids);
        Assert.DoesNotContain("epsilon", ids);
    }

    [Theory]
    [InlineData("residual_cnn.onnx")]
    [InlineData("nan_weight_cnn.onnx")]
    public void A_process_of_its_own_reports_what_this_one_would(string model)
    {
        var stages = new List<string>();
        var path = Model(model);
        var options = new AuditOptions { Profile = Profile.Fast };
        var own = AuditProcess.Run(path, ["--profile", "fast"], null, UnsharedMemory.Instance, new Recorder(stages), TestContext.Current.CancellationToken);
        var here = Audit.Run(path, options, null, TestContext.Current.CancellationToken);
        Assert.Equal(JsonReport.Write(new(CommandLine.Tool, [here])), JsonReport.Write(new(CommandLine.Tool, [own])));
        Assert.Equal(MarkdownReport.Write(new(CommandLine.Tool, [here]), ReportFormat.Glossary), MarkdownReport.Write(new(CommandLine.Tool, [own]), ReportFormat.Glossary));
        Assert.NotEmpty(stages);
    }

    [Fact]
    public void A_process_takes_the_memory_of_each_run_and_gives_it_all_back()
    {
        var memory = new Recorded();
        var report = AuditProcess.Run(Model("residual_cnn.onnx"), ["--proxies", "grad_norm,epsilon", "--trial=2", "--max-memory=40MiB"], null, memory, null, TestContext.Current.CancellationToken);
        Assert.Null(report.BudgetExceeded);
        Assert.NotEmpty(report.Trials);
        Assert.True(memory.Taken.Count > report.Trials.Count, string.Join(", ", memory.Taken));
        Assert.All(memory.Taken, bytes => Assert.InRange(bytes, 1, 40L << 20));
        // One at a time: nobody waits while holding.
        Assert.Equal((0, 1), (memory.Held, memory.MostHeld));
    }

    [Fact]
    public void Models_that_run_at_a_time_report_what_one_after_the_other_would()
    {
        // Half of this memory would split the batch.
        string[] words = ["audit", Model("residual_cnn.onnx"), Model("nan_weight_cnn.onnx"), "--proxies", "grad_norm", "--max-memory", "40MiB", "--format", "json", "--jobs"];
        var together = CommandRun.Of([.. words, "2"]);
        Assert.DoesNotContain("parts merged", together.Output, StringComparison.Ordinal);
        Assert.Equal(CommandRun.Of([.. words, "1"]).Output, together.Output);
    }

    [Fact]
    public void A_wrong_option_for_a_model_is_told_by_its_process()
    {
        var e = Assert.Throws<AuditProcessException>(() => AuditProcess.Run(Model("residual_cnn.onnx"), ["--target", "nothing"], null, UnsharedMemory.Instance, null, TestContext.Current.CancellationToken));
        Assert.Equal(ExitCode.Usage, e.Code);
        Assert.Contains("'nothing'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(137, "", 5, "memory runs out")]
    [InlineData(139, "", 4, "exit code 139")]
    [InlineData(134, "terminate called", 4, "terminate called")]
    [InlineData(2, "a warning of a library\nonnx-auditor: wrong option", 2, "wrong option")]
    [InlineData(4, "onnx-auditor: internal error\n   at Somewhere", 4, "internal error")]
    public void A_process_that_ends_without_a_report_has_a_reason(int exitCode, string messages, int code, string expected)
    {
        var e = AuditProcess.Failure(exitCode, messages);
        Assert.Equal(code, (int)e.Code);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("a warning", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_and_labels_are_read_and_named()
    {
        var (images, labels) = (Path.Combine(folder, "images.npy"), Path.Combine(folder, "labels.npy"));
        File.WriteAllBytes(images, NumPyFileTests.Npy("<f4", false, "(4, 3, 32, 32)", new byte[4 * 3 * 32 * 32 * 4]));
        File.WriteAllBytes(labels, NumPyFileTests.Npy("<i8", false, "(4,)", new byte[4 * 8]));
        foreach (var data in (string[])[images, $"image={images}"])
        {
            var (code, output, error) = CommandRun.Of("audit", Model("residual_cnn.onnx"), "--batch", "4", "--data", data, "--labels", labels, "--proxies", "none", "--select", "WGT");
            Assert.Equal((0, ""), (code, error));
            Assert.Contains("| images.npy |", output, StringComparison.Ordinal);
        }
        Assert.Contains("at least 16×3×32×32", CommandRun.Of("audit", Model("residual_cnn.onnx"), "--data", images).Error, StringComparison.Ordinal);
        Assert.Contains("no input 'picture'", CommandRun.Of("audit", Model("residual_cnn.onnx"), "--data", $"picture={images}").Error, StringComparison.Ordinal);
        Assert.Contains("twice", CommandRun.Of("audit", Model("residual_cnn.onnx"), "--data", images, "--data", images).Error, StringComparison.Ordinal);
    }

    sealed class Recorder(List<string> stages) : IProgress<AuditProgress>
    {
        public void Report(AuditProgress value) => stages.Add(value.Stage);
    }

    sealed class Recorded : IMemoryPool
    {
        public List<long> Taken { get; } = [];

        public int Held { get; private set; }

        public int MostHeld { get; private set; }

        public IDisposable Take(long bytes, CancellationToken cancellation)
        {
            Taken.Add(bytes);
            MostHeld = Math.Max(MostHeld, ++Held);
            return new Lease(this);
        }

        sealed class Lease(Recorded memory) : IDisposable
        {
            public void Dispose() => memory.Held--;
        }
    }
}
