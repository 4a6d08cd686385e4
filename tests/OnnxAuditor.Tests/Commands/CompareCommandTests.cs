using System.Text.Json;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reporting;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public sealed class CompareCommandTests : IDisposable
{
    static readonly string[] Quick = ["--proxies", "grad_norm,l2_norm", "--batch", "4"];

    readonly string folder = Directory.CreateTempSubdirectory("compare-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static string Model(string name) => Checkout.Path("models", name);

    /// <summary>A copy of a model with every float weight changed.</summary>
    string Changed(string name, string to, Func<float, float> change)
    {
        var path = Path.Combine(folder, to);
        using var file = OnnxReader.Read(Model(name));
        foreach (var value in file.Model.Graph.Initializers.Where(v => v.Data is { Type: ElementType.Float32, Count: > 8 }))
            value.Data = TensorData.FromFloats([.. value.Data!.Dims], [.. value.Data.ToFloats().Select(change)]);
        OnnxWriter.Write(file.Model, path);
        return path;
    }

    [Fact]
    public void The_help_is_as_reviewed() => Snapshot.Match("compare.txt", CommandLineTests.Help("compare"));

    [Fact]
    public void A_network_with_other_weights_has_the_same_scores_and_every_tensor_changed()
    {
        var other = Changed("residual_cnn.onnx", "other.onnx", v => 1.25f * v);
        var (code, output, _) = CommandRun.Of(["compare", Model("residual_cnn.onnx"), other, .. Quick]);
        Assert.Equal(0, code);
        Assert.Contains("Every proxy gives the models the same scores", output, StringComparison.Ordinal);
        Assert.Contains("They are versions of one model.", output, StringComparison.Ordinal);
        Assert.Contains("| `fc.weight` | with other values |", output, StringComparison.Ordinal);
        Assert.Contains(" | 0.25 |", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_with_itself_re_initialised_is_one_architecture_and_on_shipped_weights_two_networks()
    {
        var path = Path.Combine(folder, "drawn.onnx");
        using (var file = OnnxReader.Read(Model("residual_cnn.onnx")))
        {
            var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());
            var protocol = new Protocol(WeightSource.Reinitialized, NormStatistics.Batch, InputLaw.Auto, 4, Seed: 5, Probes.None);
            foreach (var (parameter, data) in DrawWeights.Under(protocol, canonical.Parameters))
                file.Model.Graph.Initializers.Single(i => i.Name == parameter.Name).Data = data;
            OnnxWriter.Write(file.Model, path);
        }
        var architecture = CommandRun.Of(["compare", Model("residual_cnn.onnx"), path, .. Quick]).Output;
        Assert.Contains("Every proxy gives the models the same scores", architecture, StringComparison.Ordinal);
        Assert.Contains("| `fc.weight` | with other values |", architecture, StringComparison.Ordinal);
        var weights = CommandRun.Of(["compare", Model("residual_cnn.onnx"), path, "--weights", "shipped", .. Quick]).Output;
        Assert.DoesNotContain("Every proxy gives the models the same scores", weights, StringComparison.Ordinal);
        Assert.Contains("over all", weights, StringComparison.Ordinal);
    }

    [Fact]
    public void Rounded_weights_are_recognised()
    {
        var half = Changed("residual_cnn.onnx", "half.onnx", v => (float)(Half)v);
        Assert.Contains("| `fc.weight` | rounded to float16 |", CommandRun.Of(["compare", Model("residual_cnn.onnx"), half, .. Quick]).Output, StringComparison.Ordinal);
        var codes = Changed("residual_cnn.onnx", "codes.onnx", v => MathF.Round(v * 100) / 100);
        Assert.Matches(@"\| `fc.weight` \| rounded to \d+ levels \|", CommandRun.Of(["compare", Model("residual_cnn.onnx"), codes, .. Quick]).Output);
    }

    [Fact]
    public void Different_tasks_are_refused()
    {
        var (code, output, _) = CommandRun.Of(["compare", Model("residual_cnn.onnx"), Model("transformer.onnx"), .. Quick]);
        Assert.Equal(0, code);
        Assert.Contains("The models are not ranked, as their scores do not compare.", output, StringComparison.Ordinal);
        Assert.Contains("They take different inputs", output, StringComparison.Ordinal);
        Assert.DoesNotContain("over all", output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_earlier_report_compares_like_the_model_itself()
    {
        string[] models = [Model("residual_cnn.onnx"), Model("exploding_mlp.onnx")];
        var earlier = Path.Combine(folder, "earlier.json");
        CommandRun.Of(["audit", models[0], "-o", earlier, "--seeds", "3", .. Quick]);
        static string WithoutPaths(string text) => text.Replace("models/", "", StringComparison.Ordinal);
        var direct = CommandRun.Of(["compare", .. models, "--format", "json", .. Quick]);
        var mixed = CommandRun.Of(["compare", earlier, models[1], "--format", "json", .. Quick]);
        Assert.Equal(WithoutPaths(JsonDocument.Parse(direct.Output).RootElement.GetProperty("comparison").GetRawText()), WithoutPaths(JsonDocument.Parse(mixed.Output).RootElement.GetProperty("comparison").GetRawText()));
        Assert.Equal(2, ReadJsonReport.Read(mixed.Output).Models.Count);
    }

    [Fact]
    public void Charts_of_all_models_are_laid_over_each_other()
    {
        var report = Path.Combine(folder, "r.md");
        CommandRun.Of(["compare", Model("residual_cnn.onnx"), Model("exploding_mlp.onnx"), "-o", report, "-o", Path.Combine(folder, "r.html"), .. Quick]);
        var charts = Directory.EnumerateFiles(folder, "*.svg").Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList();
        Assert.Contains("r.compared.activation-scale.svg", charts);
        Assert.All(charts, c => Assert.Contains($"]({c})", File.ReadAllText(report), StringComparison.Ordinal));
        var html = File.ReadAllText(Path.Combine(folder, "r.html"));
        Assert.Equal(charts.Count, html.Split("class=\"chart\"").Length - 1);
    }

    [Fact]
    public void One_model_is_nothing_to_compare() => Assert.Contains("one model only", CommandRun.Of(["compare", Model("residual_cnn.onnx"), "--proxies", "none", "--profile", "fast"]).Error, StringComparison.Ordinal);
}
