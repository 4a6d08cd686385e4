using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Every proxy of whole networks on ONNX Runtime and on Torch: the same graphs, kernels of different makers.</summary>
public sealed class ProxyEngineTests(ITestOutputHelper output)
{
    /// <summary>Relative; both engines compute in float32 and add in orders of their own.</summary>
    const double Tolerance = 1e-4;

    /// <summary>Values that are worse conditioned than the network itself, and why.</summary>
    static double Allowed(string path, string id, string part) => (id, part) switch
    {
        // The gradient of a key's bias is zero, as a softmax does not see it, and that of a shift in front of batch statistics; what the share of such entries says is rounding.
        ("intrain", "o" or "" or "intrain_blocks") when path.Contains("transformer", StringComparison.Ordinal) || path.Contains("mobilenet", StringComparison.Ordinal) => 0.05,
        // Second derivatives through the statistics of one sample.
        ("dextr", "kappa") when path.Contains("mobilenet", StringComparison.Ordinal) => 1e-3,
        // An input of a gate within rounding of zero is on for one engine and off for the other.
        ("naswot" or "linear_regions" or "swap" or "reg_swap", _) => 1e-3,
        // Sums that the entries carry whose gradients differ least between two batches, down to rounding.
        ("zico" or "l_swag", _) => 1e-2,
        // Smallest eigenvalues of nearly singular matrices.
        ("jacob_cov" or "ntk_condition" or "gradalign", _) => 1e-3,
        // Signs of entries that are zero but for rounding.
        ("gradsign", _) => 1e-3,
        // Differences of features that move by a hundredth.
        ("zen", _) => 1e-3,
        // Terms of both signs that largely cancel.
        ("grasp" or "plain", _) => 1e-3,
        _ => Tolerance,
    };

    [Theory]
    [InlineData("models/residual_cnn.onnx", 3)]
    [InlineData("models/transformer.onnx", 4)]
    [InlineData("models/lstm_tagger.onnx", 2)]
    [InlineData("shared/torch/torch_encoder.onnx", 4)]
    [InlineData("shared/torch/torch_mobilenet_v3.onnx", 4, Explicit = true)]
    public void Both_engines_give_the_same_scores(string path, long batch)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        var scored = ScoredModel.At(path) with { Batch = batch, Weights = WeightChoice.Reinit };
        var ort = scored.Scores(ScoredModel.Ids);
        var torch = (scored with { Torch = new TorchSettings(Threads: 1) }).Scores(ScoredModel.Ids);
        var faults = new List<string>();
        foreach (var (id, score) in ort)
        {
            output.WriteLine($"{id}: {score.Value?.ToString("R") ?? score.Reason} / {torch[id].Value?.ToString("R") ?? torch[id].Reason}");
            if (score.Value is null || torch[id].Value is null)
            {
                if (score.Reason != torch[id].Reason) faults.Add($"{id}: {score.Reason} / {torch[id].Reason}");
                continue;
            }
            foreach (var (part, value) in score.Components.Append(new("", score.Value.Value)))
            {
                var other = part.Length == 0 ? torch[id].Value!.Value : torch[id].Components[part];
                // Outputs normalised to at most 1 are rounded to 1e-7 each, however small the mean of their differences is.
                if (id == "epsilon" && Math.Abs(value - other) < 1e-5) continue;
                if (Math.Abs(value - other) > Allowed(path, id, part) * Math.Max(Math.Abs(value), 1e-6)) faults.Add($"{id} {part}: {value:R} / {other:R}, {Math.Abs(value - other) / Math.Abs(value):G2}");
            }
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }
}
