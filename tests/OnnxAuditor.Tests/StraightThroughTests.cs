using System.Text.Json;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary><c>--straight-through</c>: off, rounding cuts the gradient; on, it does not, and the report says so.</summary>
public sealed class StraightThroughTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("straight-through-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_layer_in_front_of_a_quantised_activation_is_covered_on_request()
    {
        var model = QuantisedBehindLayer();
        var (off, on) = (Audit(model), Audit(model, "--straight-through"));

        // The convolution behind the pair has 81 weights, the one in front 9.
        Assert.Equal((90, 81), Parameters(off));
        Assert.Equal((90, 90), Parameters(on));
        var stop = Assert.Single(off.GetProperty("coverage").GetProperty("stops").EnumerateArray());
        Assert.Equal("QuantizeLinear", stop.GetProperty("op").GetString());
        Assert.Contains("--straight-through", stop.GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Empty(on.GetProperty("coverage").GetProperty("stops").EnumerateArray());
        Assert.Equal((false, true), (IsOn(off), IsOn(on)));
    }

    [Fact]
    public void Rounding_on_the_way_is_no_finding_then_and_the_report_says_so()
    {
        var model = Checkout.Path("models", "detached_branch.onnx");
        var (off, on) = (Report(model), Report(model, "--straight-through"));

        Assert.Contains("No gradient passes Round", off, StringComparison.Ordinal);
        Assert.DoesNotContain("No gradient passes Round", on, StringComparison.Ordinal);
        // The label beside it is no rounding.
        Assert.Contains("No gradient passes ArgMax", on, StringComparison.Ordinal);
        Assert.Contains("| rounding | gradients pass Round and QuantizeLinear straight through", on, StringComparison.Ordinal);
        Assert.DoesNotContain("| rounding |", off, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_audited_in_processes_of_their_own_are_told()
    {
        var model = Checkout.Path("models", "detached_branch.onnx");
        var (_, output, error) = CommandRun.Of("audit", model, model, "--format", "json", "--proxies", "none", "--straight-through");

        Assert.Equal("", error);
        Assert.All(JsonDocument.Parse(output).RootElement.GetProperty("models").EnumerateArray(), m => Assert.True(IsOn(m)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rewriting_gives_the_gradients_in_front_of_rounding_on_request(bool isOn)
    {
        var output = Path.Combine(folder, "out.onnx");
        var (_, _, error) = CommandRun.Of(["rewrite", Checkout.Path("models", "detached_branch.onnx"), output, "--gradients", .. isOn ? (string[])["--straight-through"] : []]);

        Assert.Equal(isOn, OnnxReader.Read(output).Model.Graph.Outputs.Exists(o => o.Name == "grad/gate.fc.weight"));
        Assert.Equal(isOn, error.Contains("gradients pass Round and QuantizeLinear straight through", StringComparison.Ordinal));
        Assert.Equal(!isOn, error.Contains("no gradient through Round", StringComparison.Ordinal));
    }

    /// <summary>A convolution of 3×3 channels in front of the quantised activation of a shared model, which is a constant there.</summary>
    string QuantisedBehindLayer()
    {
        var path = Path.Combine(folder, "qdq.onnx");
        var model = OnnxReader.Read(SharedFiles.Require("models/lint/qdq_conv.onnx")).Model;
        var graph = model.Graph;
        var quantize = graph.Nodes.Single(n => n.OpType == "QuantizeLinear");
        var constant = quantize.Inputs[0]!;
        var image = new Value("image", ElementType.Float32, constant.Shape);
        graph.Inputs.Add(image);
        graph.Initializers.Remove(constant);
        var weight = graph.AddInitializer("front.weight", TensorData.FromFloats([3, 3, 1, 1], [0.5f, 0.2f, -0.1f, 0.3f, 0.6f, 0.1f, -0.2f, 0.4f, 0.7f]));
        var front = new Node("Conv", [image, weight], [new Value("features")], name: "/front");
        graph.Nodes.Insert(0, front);
        quantize.Inputs[0] = front.Output;
        OnnxWriter.Write(model, path);
        return path;
    }

    static string Report(string model, params string[] options) => CommandRun.Of(["audit", model, "--proxies", "none", .. options]).Output;

    static JsonElement Audit(string model, params string[] options) =>
        JsonDocument.Parse(Report(model, ["--format", "json", .. options])).RootElement.GetProperty("models")[0];

    static (int All, int Reached) Parameters(JsonElement model) =>
        (model.GetProperty("coverage").GetProperty("parameters").GetInt32(), model.GetProperty("coverage").GetProperty("parametersReached").GetInt32());

    static bool IsOn(JsonElement model) => model.GetProperty("measurement").GetProperty("straightThrough").GetBoolean();
}
