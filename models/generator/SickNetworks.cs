using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace ModelGenerator;

/// <summary>Networks each with one known failure, for the rules to find.</summary>
static class SickNetworks
{
    /// <summary>Twelve sigmoid layers with PyTorch's default weights: the gradient shrinks by about seven at each.</summary>
    internal static Model DeepSigmoid()
    {
        var b = new NetworkBuilder("deep_sigmoid_mlp");
        var x = b.Input("features", ElementType.Float32, NetworkBuilder.Batch, 64);
        for (var i = 0; i < 12; i++) x = b.Op($"layers.{i}.act", "Sigmoid", [b.Linear($"layers.{i}.fc", x, 64, 64)]);
        return Classifier(b, x, opset: 13);
    }

    /// <summary>A ReLU network in whose third layer 48 of 64 units have a bias of -50.</summary>
    internal static Model DeadUnits()
    {
        var b = new NetworkBuilder("dead_relu_mlp");
        var x = b.Input("features", ElementType.Float32, NetworkBuilder.Batch, 64);
        for (var i = 0; i < 4; i++)
        {
            var bias = Init.PyTorch(64).Fill(64, $"dead_relu_mlp/layers.{i}.fc.bias");
            if (i == 2) bias.AsSpan(0, 48).Fill(-50);
            var weight = b.Parameter($"layers.{i}.fc.weight", Init.He(64), 64, 64);
            x = b.Relu($"layers.{i}.act", b.Linear($"layers.{i}.fc", x, weight, b.Parameter($"layers.{i}.fc.bias", bias, 64)));
        }
        return Classifier(b, x, opset: 13);
    }

    /// <summary>Ten ReLU layers with four times He's weights: activations and gradients grow fourfold at each.</summary>
    internal static Model Exploding()
    {
        var b = new NetworkBuilder("exploding_mlp");
        var x = b.Input("features", ElementType.Float32, NetworkBuilder.Batch, 48);
        for (var i = 0; i < 10; i++) x = b.Relu($"layers.{i}.act", b.Linear($"layers.{i}.fc", x, 48, 48, Init.He(48, factor: 4)));
        return Classifier(b, x, opset: 13, width: 48);
    }

    /// <summary>A small CNN with one NaN and one infinity in its second convolution.</summary>
    internal static Model NanWeight()
    {
        var b = new NetworkBuilder("nan_weight_cnn");
        var x = b.Input("image", ElementType.Float32, NetworkBuilder.Batch, 1, 28, 28);
        x = b.Relu("relu1", b.Conv("conv1", x, 1, 16, 3, 2));
        var damaged = Init.He(16 * 9).Fill(32 * 16 * 9, "nan_weight_cnn/conv2.weight");
        (damaged[1234], damaged[4321]) = (float.NaN, float.PositiveInfinity);
        x = b.Relu("relu2", b.Op("conv2", "Conv", [x, b.Parameter("conv2.weight", damaged, 32, 16, 3, 3)],
            Attribute.Of("kernel_shape", [3L, 3]), Attribute.Of("pads", [1L, 1, 1, 1]), Attribute.Of("strides", [2L, 2])));
        x = b.Op("flatten", "Flatten", [b.Op("pool", "GlobalAveragePool", [x])], Attribute.Of("axis", 1L));
        return Classifier(b, x, opset: 12, width: 32);
    }

    /// <summary>A ReLU network whose every weight and bias is zero.</summary>
    internal static Model ZeroInit()
    {
        var b = new NetworkBuilder("zero_init_mlp");
        var (x, zero) = (b.Input("features", ElementType.Float32, NetworkBuilder.Batch, 64), Init.Constant(0));
        for (var i = 0; i < 2; i++) x = b.Relu($"layers.{i}.act", b.Linear($"layers.{i}.fc", x, 64, 64, zero, zero));
        b.Output(b.Linear("classifier", x, 64, 10, zero, zero), "logits", ElementType.Float32, NetworkBuilder.Batch, 10);
        return b.Build(opset: 13, irVersion: 7);
    }

    /// <summary>A gate that passes through Round, which cuts its parameters from the logits, and a head that only ends in an ArgMax.</summary>
    internal static Model DetachedBranch()
    {
        var b = new NetworkBuilder("detached_branch");
        var features = b.Input("features", ElementType.Float32, NetworkBuilder.Batch, 32);
        var trunk = b.Relu("trunk.act", b.Linear("trunk.fc", features, 32, 64, Init.He(32)));
        var gate = b.Op("gate", "Round", [b.Op("gate.act", "Sigmoid", [b.Linear("gate.fc", features, 32, 64)])]);
        var cluster = b.Op("cluster", "ArgMax", [b.Linear("cluster.fc", trunk, 64, 8)], Attribute.Of("axis", -1L), Attribute.Of("keepdims", 0L));
        b.Output(b.Linear("classifier", b.Op("", "Mul", [trunk, gate]), 64, 10), "logits", ElementType.Float32, NetworkBuilder.Batch, 10);
        b.Output(cluster, "cluster_id", ElementType.Int64, NetworkBuilder.Batch);
        return b.Build(opset: 13, irVersion: 7);
    }

    static Model Classifier(NetworkBuilder b, Value x, long opset, long width = 64)
    {
        b.Output(b.Linear("classifier", x, width, 10), "logits", ElementType.Float32, NetworkBuilder.Batch, 10);
        return b.Build(opset, irVersion: 7);
    }
}
