using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace ModelGenerator;

/// <summary>Networks that could be trained as they are; what is odd about some is the way they are stored.</summary>
static class HealthyNetworks
{
    /// <summary>A ResNet for 32×32 images: stem, three basic blocks of 16, 32 and 64 channels, pooled head.</summary>
    internal static Model ResidualCnn()
    {
        var b = new NetworkBuilder("residual_cnn");
        var image = b.Input("image", ElementType.Float32, NetworkBuilder.Batch, 3, 32, 32);
        var x = b.Relu("relu", b.BatchNorm("bn1", b.Conv("conv1", image, 3, 16, 3), 16));
        x = BasicBlock(b, "layer1.0", x, 16, 16, 1);
        x = BasicBlock(b, "layer2.0", x, 16, 32, 2);
        x = BasicBlock(b, "layer3.0", x, 32, 64, 2);
        x = b.Op("flatten", "Flatten", [b.Op("avgpool", "GlobalAveragePool", [x])], Attribute.Of("axis", 1L));
        b.Output(b.Linear("fc", x, 64, 10), "logits", ElementType.Float32, NetworkBuilder.Batch, 10);
        return b.Build(opset: 13, irVersion: 7);
    }

    /// <summary>A decoder-only transformer of two pre-norm blocks, four heads each.</summary>
    internal static Model Transformer()
    {
        const long Vocabulary = 128, Width = 64, Positions = 128;
        var b = new NetworkBuilder("transformer");
        var tokens = b.Input("tokens", ElementType.Int64, NetworkBuilder.Batch, NetworkBuilder.Sequence);
        var length = b.Op("", "Gather", [b.Op("", "Shape", [tokens]), b.Constant("axis_sequence", TensorData.Scalar(1L))], Attribute.Of("axis", 0L));
        var mask = CausalMask(b, length);
        var positions = b.Op("", "Range", [b.Constant("zero", TensorData.Scalar(0L)), length, b.Constant("one", TensorData.Scalar(1L))]);
        var x = b.Op("", "Add", [b.Embedding("token_embedding", tokens, Vocabulary, Width, 0.05), b.Embedding("position_embedding", positions, Positions, Width, 0.05)]);
        for (var i = 0; i < 2; i++) x = TransformerBlock(b, $"blocks.{i}", x, mask, Width, heads: 4);
        x = b.LayerNorm("ln_f", x, Width);
        b.Output(b.Project("lm_head", x, Width, Vocabulary), "logits", ElementType.Float32, NetworkBuilder.Batch, NetworkBuilder.Sequence, Vocabulary);
        return b.Build(opset: 17, irVersion: 8);
    }

    /// <summary>Embedding, bidirectional LSTM and a tag for every token.</summary>
    internal static Model LstmTagger()
    {
        const long Vocabulary = 200, Width = 32, Hidden = 32, Tags = 9;
        var b = new NetworkBuilder("lstm_tagger");
        var tokens = b.Input("tokens", ElementType.Int64, NetworkBuilder.Batch, NetworkBuilder.Sequence);
        var x = b.Transpose("lstm", b.Embedding("embedding", tokens, Vocabulary, Width, 1.0), 1, 0, 2);
        var y = b.Op("lstm", "LSTM",
            [
                x,
                b.Parameter("lstm.weight_ih", Init.PyTorch(Hidden), 2, 4 * Hidden, Width),
                b.Parameter("lstm.weight_hh", Init.PyTorch(Hidden), 2, 4 * Hidden, Hidden),
                b.Parameter("lstm.bias", Init.PyTorch(Hidden), 2, 8 * Hidden),
            ],
            Attribute.Of("direction", "bidirectional"), Attribute.Of("hidden_size", Hidden));
        // [sequence, direction, batch, hidden] to [batch, sequence, both directions]
        var features = b.Reshape("lstm", b.Transpose("lstm", y, 2, 0, 1, 3), "shape", 0, 0, 2 * Hidden);
        b.Output(b.Project("classifier", features, 2 * Hidden, Tags), "tags", ElementType.Float32, NetworkBuilder.Batch, NetworkBuilder.Sequence, Tags);
        return b.Build(opset: 14, irVersion: 7);
    }

    /// <summary>A ReLU network with batch 1 and a Softmax head, weights in a sidecar file.</summary>
    internal static Model ExternalMlp()
    {
        var b = new NetworkBuilder("external_mlp");
        var x = b.Input("features", ElementType.Float32, 1, 64);
        x = b.Relu("act1", b.Linear("fc1", x, 64, 128, Init.He(64)));
        x = b.Relu("act2", b.Linear("fc2", x, 128, 128, Init.He(128)));
        x = b.Op("softmax", "Softmax", [b.Linear("fc3", x, 128, 10)], Attribute.Of("axis", -1L));
        b.Output(x, "probabilities", ElementType.Float32, 1, 10);
        return b.Build(opset: 15, irVersion: 8);
    }

    /// <summary>One encoder for each of two sample rates, chosen by an If whose branches hold the weights.</summary>
    internal static Model ConditionalEncoder()
    {
        const long Samples = 64, Features = 32;
        var b = new NetworkBuilder("conditional_encoder");
        var audio = b.Input("audio", ElementType.Float32, NetworkBuilder.Batch, Samples);
        var rate = b.Input("sample_rate", ElementType.Int64);
        var isWide = b.Op("", "Equal", [rate, b.Constant("rate_wide", TensorData.Scalar(16000L))]);

        var wide = b.Branch("wide");
        var hidden = wide.Relu("encoder_16k.act", wide.Linear("encoder_16k.fc1", audio, Samples, 64, Init.He(Samples)));
        wide.Output(wide.Linear("encoder_16k.fc2", hidden, 64, Features), "features_16k", ElementType.Float32, NetworkBuilder.Batch, Features);
        var narrow = b.Branch("narrow");
        narrow.Output(narrow.Linear("encoder_8k.fc1", audio, Samples, Features), "features_8k", ElementType.Float32, NetworkBuilder.Batch, Features);

        var encoded = b.Op("", "If", [isWide], Attribute.Of("then_branch", wide.Graph), Attribute.Of("else_branch", narrow.Graph));
        b.Output(b.Linear("decoder", b.Relu("act", encoded), Features, 2), "logits", ElementType.Float32, NetworkBuilder.Batch, 2);
        return b.Build(opset: 16, irVersion: 8);
    }

    static Value BasicBlock(NetworkBuilder b, string layer, Value x, long channelsIn, long channelsOut, long stride)
    {
        var y = b.Relu($"{layer}.relu", b.BatchNorm($"{layer}.bn1", b.Conv($"{layer}.conv1", x, channelsIn, channelsOut, 3, stride), channelsOut));
        y = b.BatchNorm($"{layer}.bn2", b.Conv($"{layer}.conv2", y, channelsOut, channelsOut, 3), channelsOut);
        var shortcut = stride == 1
            ? x
            : b.BatchNorm($"{layer}.downsample.1", b.Conv($"{layer}.downsample.0", x, channelsIn, channelsOut, 1, stride), channelsOut);
        return b.Relu($"{layer}.relu", b.Op(layer, "Add", [y, shortcut]));
    }

    /// <summary>[length, length], 0 on and below the diagonal and the lowest float32 above it, to be added to attention scores.</summary>
    static Value CausalMask(NetworkBuilder b, Value length)
    {
        var row = b.Op("mask", "Unsqueeze", [length, b.Constant("mask.axes", TensorData.Vector(0))]);
        var square = b.Op("mask", "Concat", [row, row], Attribute.Of("axis", 0L));
        var lowest = b.Op("mask", "ConstantOfShape", [square], Attribute.Of("value", TensorData.FromFloats([1], [float.MinValue])));
        return b.Op("mask", "Trilu", [lowest, b.Constant("mask.diagonal", TensorData.Scalar(1L))], Attribute.Of("upper", 1L));
    }

    static Value TransformerBlock(NetworkBuilder b, string layer, Value x, Value mask, long width, long heads)
    {
        var normed = b.LayerNorm($"{layer}.ln_1", x, width);
        var attended = Attention(b, $"{layer}.attn", normed, mask, width, heads);
        x = b.Op(layer, "Add", [x, attended]);
        var hidden = b.Gelu($"{layer}.mlp.act", b.Project($"{layer}.mlp.fc", b.LayerNorm($"{layer}.ln_2", x, width), width, 2 * width));
        return b.Op(layer, "Add", [x, b.Project($"{layer}.mlp.proj", hidden, 2 * width, width)]);
    }

    static Value Attention(NetworkBuilder b, string layer, Value x, Value mask, long width, long heads)
    {
        Value Heads(string part, params ReadOnlySpan<long> permutation) =>
            b.Transpose(layer, b.Reshape($"{layer}.{part}", b.Project($"{layer}.{part}", x, width, width), "heads", 0, 0, heads, width / heads), permutation);

        var scores = b.Op(layer, "MatMul", [Heads("query", 0, 2, 1, 3), Heads("key", 0, 2, 3, 1)]);
        scores = b.Op(layer, "Mul", [scores, b.Constant($"{layer}.scale", TensorData.Scalar(1 / Math.Sqrt((double)width / heads)))]);
        var weights = b.Op(layer, "Softmax", [b.Op(layer, "Add", [scores, mask])], Attribute.Of("axis", -1L));
        var mixed = b.Transpose(layer, b.Op(layer, "MatMul", [weights, Heads("value", 0, 2, 1, 3)]), 0, 2, 1, 3);
        return b.Project($"{layer}.proj", b.Reshape(layer, mixed, "merged", 0, 0, width), width, width);
    }
}
