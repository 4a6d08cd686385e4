using System.Text.Json;
using OnnxAuditor.Policy;
using OnnxAuditor.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

/// <summary><c>check</c>, <c>merge</c>, <c>config</c>, and what configuration, gates, baselines and ignore lists do through the command line.</summary>
public sealed class PolicyCommandTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("policy-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    string Copy(string name, string? to = null)
    {
        var path = Path.Combine(folder, to ?? name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(Checkout.Path("models", name), path);
        return path;
    }

    string Write(string name, string text)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    static JsonElement Findings(string json) => JsonDocument.Parse(json).RootElement.GetProperty("models")[0].GetProperty("findings");

    [Theory]
    [InlineData("check")]
    [InlineData("merge")]
    [InlineData("config show")]
    public void The_help_is_as_reviewed(string command) => Snapshot.Match($"{command.Replace(' ', '-')}.txt", CommandLineTests.Help(command.Split(' ')));

    [Fact]
    public void A_check_tells_findings_line_by_line_and_sums_up()
    {
        Copy("nan_weight_cnn.onnx");
        Copy("residual_cnn.onnx");
        var (code, output, error) = CommandRun.Of("check", folder);
        Assert.Equal((1, ""), (code, error));
        var lines = output.TrimEnd('\n').Split('\n');
        Assert.StartsWith($"{Path.GetFileName(folder)}/nan_weight_cnn.onnx: error WGT001 conv2.weight: 1 NaN and 1 infinite of 4,608 elements", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("2 models: 1 error, ", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_runs_nothing_and_says_what_an_audit_says_of_graph_and_weights()
    {
        var path = Copy("detached_branch.onnx");
        using var json = JsonDocument.Parse(CommandRun.Of("check", path, "--format", "json").Output);
        var model = json.RootElement.GetProperty("models")[0];
        Assert.Equal(JsonValueKind.Null, model.GetProperty("measurement").ValueKind);
        Assert.Empty(model.GetProperty("proxies").EnumerateArray());
        var audited = Findings(CommandRun.Of("audit", path, "--profile", "fast", "--format", "json").Output).EnumerateArray().ToDictionary(f => f.GetProperty("fingerprint").GetString()!, f => f.GetProperty("message").GetString());
        Assert.All(Findings(CommandRun.Of("check", path, "--format", "json").Output).EnumerateArray(), f => Assert.Equal(audited[f.GetProperty("fingerprint").GetString()!], f.GetProperty("message").GetString()));
    }

    [Fact]
    public void Many_files_are_checked_in_the_order_of_their_paths_whatever_the_number_of_jobs()
    {
        foreach (var i in Enumerable.Range(0, 12)) Copy(i % 3 == 0 ? "nan_weight_cnn.onnx" : "residual_cnn.onnx", $"m{i:00}.onnx");
        Assert.Equal(CommandRun.Of("check", folder, "--jobs", "1", "--format", "json"), CommandRun.Of("check", folder, "--jobs", "4", "--format", "json"));
    }

    [Theory]
    [InlineData("parameters < 100k", 0)]
    [InlineData("parameters < 50k", 1)]
    [InlineData("macs <= 20M", 0)]
    public void A_gate_on_size_needs_no_pass(string gate, int code) => Assert.Equal(code, CommandRun.Of("check", Checkout.Path("models", "residual_cnn.onnx"), "--gate", gate).Code);

    [Fact]
    public void A_gate_that_needs_a_pass_is_a_mistake_that_names_audit()
    {
        var (code, output, error) = CommandRun.Of("check", Checkout.Path("models", "residual_cnn.onnx"), "--gate", "intrain>=3");
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("audit --gate \"intrain>=3\"", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gate_of_the_configuration_that_needs_a_pass_is_left_to_audits_and_said_so()
    {
        var path = Copy("residual_cnn.onnx");
        Write(Configuration.FileName, "gate = [\"intrain >= 3\", \"parameters < 1k\"]");
        var (code, output, error) = CommandRun.Of("check", path);
        Assert.Equal(1, code);
        Assert.Contains("gate parameters < 1k failed: it is 7", output, StringComparison.Ordinal);
        Assert.Contains("'intrain >= 3' of the configuration needs a pass and was not judged", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("coverage.parameters >= 99%", "yes", 0)]
    [InlineData("grad_norm >= 1e9", "**no**", 1)]
    [InlineData("l2_norm.none >= 1", "not available", 1)]
    public void An_audit_judges_gates_and_computes_the_proxy_that_a_gate_names(string gate, string expected, int code)
    {
        var (actual, output, _) = CommandRun.Of("audit", Checkout.Path("models", "residual_cnn.onnx"), "--proxies", "none", "--gate", gate);
        Assert.Equal(code, actual);
        var row = output.Split('\n').Single(l => l.StartsWith($"| {gate.Split(' ')[0]} ", StringComparison.Ordinal));
        Assert.Contains(expected, row, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_sets_options_severities_and_thresholds_and_the_command_line_wins()
    {
        var path = Copy("residual_cnn.onnx");
        Write(Configuration.FileName, "fail-on = \"warning\"\n[severity]\nTRN026 = \"error\"\n[[override]]\npaths = [\"quiet/**\"]\nseverity.TRN026 = \"off\"\n");
        Assert.Equal("error", Findings(CommandRun.Of("check", path, "--format", "json").Output)[0].GetProperty("severity").GetString());
        Assert.Equal(1, CommandRun.Of("check", path).Code);
        Assert.Equal(0, CommandRun.Of("check", path, "--fail-on", "never").Code);
        Assert.Equal(0, CommandRun.Of("check", Copy("residual_cnn.onnx", "quiet/x.onnx")).Code);
        Assert.Equal(0, CommandRun.Of("check", path, "--config", Write("empty.toml", "")).Code);
    }

    [Fact]
    public void A_mistake_in_the_configuration_is_exit_code_2_with_file_and_line()
    {
        var path = Copy("residual_cnn.onnx");
        Write(Configuration.FileName, "\nprofle = \"fast\"");
        var (code, output, error) = CommandRun.Of("check", path);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"{Configuration.FileName}, line 2: there is no setting 'profle'; did you mean 'profile'?", error, StringComparison.Ordinal);
        Write(Configuration.FileName, "batch = 0");
        Assert.Contains("--batch: '0' is no whole number", CommandRun.Of("audit", path).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_are_shown_with_where_they_come_from()
    {
        Write(Configuration.FileName, "batch = 8\n[threshold]\nACT001.error = 0.7\n");
        var (code, output, _) = CommandRun.Of("config", "show", Path.Combine(folder, "m.onnx"), "--origin", "--seed", "3");
        Assert.Equal(0, code);
        Assert.Contains("\nseed = 3  # command line\n", output, StringComparison.Ordinal);
        Assert.Matches(@"\nbatch = 8  # \S*onnx-auditor.toml:1\n", output);
        Assert.Contains("\nprofile = \"standard\"  # default\n", output, StringComparison.Ordinal);
        Assert.Matches(@"\n\[threshold\]\nACT001.error = 0.7  # \S*onnx-auditor.toml:3\n", output);
        // What is shown is a configuration that says the same.
        Write(Configuration.FileName, output);
        Assert.Equal(output.Split('\n').Select(l => l.Split("  #")[0]), CommandRun.Of("config", "show", Path.Combine(folder, "m.onnx"), "--origin").Output.Split('\n').Select(l => l.Split("  #")[0]));
    }

    [Fact]
    public void An_earlier_report_is_a_baseline()
    {
        var path = Copy("nan_weight_cnn.onnx");
        var known = Path.Combine(folder, "known.json");
        Assert.Equal(1, CommandRun.Of("check", path, "-o", known).Code);
        var (code, output, _) = CommandRun.Of("check", path, "--baseline", known);
        Assert.Equal(0, code);
        Assert.Contains("1 suppressed", output, StringComparison.Ordinal);
        Assert.Contains("no report: it is no JSON", CommandRun.Of("check", path, "--baseline", Write("x.json", "{")).Error, StringComparison.Ordinal);
        Assert.Equal(2, CommandRun.Of("check", path, "--baseline", "missing.json").Code);
    }

    [Fact]
    public void Findings_are_ignored_by_a_file_beside_the_model_and_unused_entries_are_told()
    {
        var path = Copy("nan_weight_cnn.onnx");
        var fingerprint = Findings(CommandRun.Of("check", path, "--format", "json").Output)[0].GetProperty("fingerprint").GetString();
        Write(IgnoreList.FileName, $"{fingerprint} # known\n0000000000000000 # gone\n{fingerprint![..15]}0 exp:2020-01-01\n");
        var (code, output, error) = CommandRun.Of("check", path);
        Assert.Equal(0, code);
        Assert.Contains("1 suppressed", output, StringComparison.Ordinal);
        Assert.Contains("line 2: 0000000000000000 fits no finding", error, StringComparison.Ordinal);
        Assert.Contains("expired on 2020-01-01", error, StringComparison.Ordinal);
        var markdown = CommandRun.Of("check", path, "--format", "md").Output;
        Assert.Contains("suppressed error, certain", markdown, StringComparison.Ordinal);
        Assert.Contains("Suppressed: ", markdown, StringComparison.Ordinal);
        Assert.Contains("fits no finding of this run", markdown, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_over_some_of_the_models_says_nothing_of_entries_for_the_others()
    {
        string[] paths = [Copy("nan_weight_cnn.onnx"), Copy("residual_cnn.onnx")];
        Write(IgnoreList.FileName, "0000000000000000 # gone\n1111111111111111 exp:2020-01-01\n");
        var some = CommandRun.Of("check", paths[1]).Error;
        Assert.Contains("expired on 2020-01-01", some, StringComparison.Ordinal);
        Assert.DoesNotContain("fits no finding", some, StringComparison.Ordinal);
        Assert.Contains("0000000000000000 fits no finding", CommandRun.Of(["check", .. paths]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_merge_to_the_report_of_one_run()
    {
        string[] models = ["residual_cnn.onnx", "nan_weight_cnn.onnx", "zero_init_mlp.onnx"];
        foreach (var model in models) Copy(model);
        Write("broken.onnx", "");
        string Part(string shard)
        {
            var file = Path.Combine(folder, $"{shard[0]}.json");
            CommandRun.Of("audit", folder, "--profile", "fast", "--shard", shard, "-o", file, "-q");
            return file;
        }

        var whole = CommandRun.Of("audit", folder, "--profile", "fast", "--format", "json");
        var merged = CommandRun.Of("merge", Part("1/3"), Part("2/3"), Part("3/3"), "--format", "json");
        Assert.Equal((whole.Code, whole.Output), (merged.Code, merged.Output));
        Assert.Equal(4, ReadJsonReport.Read(merged.Output).Models.Count);
        Assert.Equal(CommandRun.Of("audit", folder, "--profile", "fast").Output, CommandRun.Of("merge", Path.Combine(folder, "1.json"), Path.Combine(folder, "2.json"), Path.Combine(folder, "3.json")).Output);
    }

    [Fact]
    public void Reports_that_contradict_each_other_are_not_merged()
    {
        var path = Copy("residual_cnn.onnx");
        var (a, b) = (Path.Combine(folder, "a.json"), Path.Combine(folder, "b.json"));
        CommandRun.Of("check", path, "-o", a);
        CommandRun.Of("check", path, "-o", b, "--ignore", "TRN");
        Assert.Contains("say different things", CommandRun.Of("merge", a, b).Error, StringComparison.Ordinal);
        Assert.Equal(0, CommandRun.Of("merge", a, a).Code);
    }

    [Fact]
    public void An_interrupted_run_goes_on_where_it_ended()
    {
        foreach (var model in (string[])["residual_cnn.onnx", "nan_weight_cnn.onnx"]) Copy(model);
        var journal = Path.Combine(folder, "journal");
        string[] args = ["audit", folder, "--profile", "fast", "--format", "json", "--resume", journal];
        var first = CommandRun.Of(args);
        var lines = File.ReadAllLines(journal);
        Assert.Equal(2, lines.Length);
        // What a kill leaves: one whole line, and the beginning of another.
        File.WriteAllText(journal, $"{lines[0]}\n{lines[1][..100]}");
        Assert.Equal(first, CommandRun.Of(args));
        Assert.Equal(lines.Order(StringComparer.Ordinal), File.ReadAllLines(journal).Order(StringComparer.Ordinal));
        // A kept model is not audited again: the journal is believed.
        File.WriteAllText(journal, string.Join('\n', lines).Replace("NaN and 1 infinite", "NaN and 7 infinite", StringComparison.Ordinal));
        Assert.Contains("NaN and 7 infinite", CommandRun.Of(args).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN and 7 infinite", CommandRun.Of([.. args, "--seed", "1"]).Output, StringComparison.Ordinal);
        // Nor is what another configuration gave.
        Write(Configuration.FileName, "severity.WGT001 = \"warning\"");
        Assert.DoesNotContain("NaN and 7 infinite", CommandRun.Of(args).Output, StringComparison.Ordinal);
    }
}
