using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>Audits of files as ONNX Runtime's optimiser writes them, beside audits of what it was given.</summary>
public sealed class OptimizedModelTests
{
    [Theory]
    [InlineData("transformer")]
    [InlineData("residual_cnn")]
    [InlineData("torch/torch_encoder.onnx")]
    public void An_optimised_file_is_measured_as_its_original(string network)
    {
        var path = network.Contains('/', StringComparison.Ordinal) ? SharedFiles.Require("models/" + network) : Checkout.Path("models", network + ".onnx");
        var folder = Directory.CreateTempSubdirectory("optimized-");
        try
        {
            using var original = Audited(path);
            using var optimized = Audited(Optimized(path, folder.FullName));
            var (before, after) = (original.RootElement.GetProperty("models")[0], optimized.RootElement.GetProperty("models")[0]);

            // Beside what the original has to mend, the fused operators are to be taken apart again.
            Assert.Equal(("trainable", "trainable with fixes"), (before.GetProperty("verdict").GetString(), after.GetProperty("verdict").GetString()));
            var coverage = after.GetProperty("coverage");
            Assert.Equal(coverage.GetProperty("parameters").GetInt64(), coverage.GetProperty("parametersReached").GetInt64());
            Assert.Equal(coverage.GetProperty("nodes").GetInt32(), coverage.GetProperty("differentiableNodes").GetInt32());
            var norms = Norms(before);
            Assert.NotEmpty(norms);
            // What the optimiser did not fold into another tensor has the gradient it had.
            if (network is "transformer") Assert.Equal(norms.Keys, Norms(after).Keys);
            if (network is not "torch/torch_encoder.onnx")
                Assert.All(Norms(after).Where(n => norms.ContainsKey(n.Key)), n => Assert.InRange(n.Value, norms[n.Key] * 0.999 - 1e-6, norms[n.Key] * 1.001 + 1e-6));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_file_for_one_kind_of_processor_says_how_to_get_one_for_all()
    {
        var folder = Directory.CreateTempSubdirectory("optimized-");
        try
        {
            var path = Optimized(Checkout.Path("models", "residual_cnn.onnx"), folder.FullName, GraphOptimizationLevel.ORT_ENABLE_ALL);
            if (!File.ReadAllText(path).Contains("ReorderOutput", StringComparison.Ordinal)) Assert.Skip("ONNX Runtime does not lay out channels in blocks on this processor.");

            Assert.Contains("ORT_ENABLE_EXTENDED", CommandRun.Of("audit", path).Output, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static SortedDictionary<string, double> Norms(JsonElement model) => new(
        model.GetProperty("tensors").EnumerateArray().Where(t => t.GetProperty("gradientNorm").ValueKind == JsonValueKind.Number)
            .ToDictionary(t => t.GetProperty("name").GetString()!, t => t.GetProperty("gradientNorm").GetDouble(), StringComparer.Ordinal), StringComparer.Ordinal);

    static JsonDocument Audited(string path)
    {
        var (code, output, error) = CommandRun.Of("audit", path, "--format", "json");
        Assert.True(code is 0 or 1, error);
        return JsonDocument.Parse(output);
    }

    static string Optimized(string path, string folder, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
    {
        var result = Path.Combine(folder, "optimized.onnx");
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = level,
            OptimizedModelFilePath = result,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        using var session = new InferenceSession(path, options);
        return result;
    }
}
