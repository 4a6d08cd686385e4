using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace ModelGenerator;

/// <summary>The layers the networks are made of, each with its parameters under PyTorch's names.</summary>
static class Layers
{
    extension(NetworkBuilder b)
    {
        /// <summary>Convolution of [N, C, H, W] with a square kernel, padded to keep the size at stride 1; He initialisation, no bias.</summary>
        internal Value Conv(string layer, Value x, long channelsIn, long channelsOut, long kernel, long stride = 1)
        {
            var weight = b.Parameter($"{layer}.weight", Init.He(channelsIn * kernel * kernel), channelsOut, channelsIn, kernel, kernel);
            var pad = kernel / 2;
            return b.Op(layer, "Conv", [x, weight], Attribute.Of("dilations", [1L, 1]), Attribute.Of("group", 1L), Attribute.Of("kernel_shape", [kernel, kernel]),
                Attribute.Of("pads", [pad, pad, pad, pad]), Attribute.Of("strides", [stride, stride]));
        }

        /// <summary>Batch normalisation in inference mode, as freshly made: scale 1, shift 0, mean 0, variance 1.</summary>
        internal Value BatchNorm(string layer, Value x, long channels) => b.Op(layer, "BatchNormalization",
            [
                x,
                b.Parameter($"{layer}.weight", Init.Constant(1), channels),
                b.Parameter($"{layer}.bias", Init.Constant(0), channels),
                b.Parameter($"{layer}.running_mean", Init.Constant(0), channels),
                b.Parameter($"{layer}.running_var", Init.Constant(1), channels),
            ],
            Attribute.Of("epsilon", 1e-5f), Attribute.Of("momentum", 0.9f));

        /// <summary>Fully connected layer on [N, inputs] with PyTorch's default initialisation unless told otherwise.</summary>
        internal Value Linear(string layer, Value x, long inputs, long outputs, Init? weight = null, Init? bias = null) => b.Linear(layer, x,
            b.Parameter($"{layer}.weight", weight ?? Init.PyTorch(inputs), outputs, inputs),
            b.Parameter($"{layer}.bias", bias ?? Init.PyTorch(inputs), outputs));

        /// <summary>Fully connected layer on [N, inputs] with given parameters: weight [outputs, inputs], bias [outputs].</summary>
        internal Value Linear(string layer, Value x, Value weight, Value bias) =>
            b.Op(layer, "Gemm", [x, weight, bias], Attribute.Of("alpha", 1f), Attribute.Of("beta", 1f), Attribute.Of("transB", 1L));

        /// <summary>Fully connected layer on the last axis of [.., inputs], as a matrix product with a weight [inputs, outputs].</summary>
        internal Value Project(string layer, Value x, long inputs, long outputs)
        {
            var product = b.Op(layer, "MatMul", [x, b.Parameter($"{layer}.weight", Init.PyTorch(inputs), inputs, outputs)]);
            return b.Op(layer, "Add", [product, b.Parameter($"{layer}.bias", Init.PyTorch(inputs), outputs)]);
        }

        /// <summary>Rows of a table for int64 indices.</summary>
        internal Value Embedding(string layer, Value indices, long rows, long width, double bound) =>
            b.Op(layer, "Gather", [b.Parameter($"{layer}.weight", new Init(bound), rows, width), indices], Attribute.Of("axis", 0L));

        /// <summary>Layer normalisation over the last axis, as freshly made: scale 1, shift 0.</summary>
        internal Value LayerNorm(string layer, Value x, long width) => b.Op(layer, "LayerNormalization",
            [x, b.Parameter($"{layer}.weight", Init.Constant(1), width), b.Parameter($"{layer}.bias", Init.Constant(0), width)],
            Attribute.Of("axis", -1L), Attribute.Of("epsilon", 1e-5f));

        /// <summary>max(x, 0).</summary>
        internal Value Relu(string layer, Value x) => b.Op(layer, "Relu", [x]);

        /// <summary>x/2 · (1 + erf(x/√2)), written out as the exporter does below opset 20.</summary>
        internal Value Gelu(string layer, Value x)
        {
            var erf = b.Op(layer, "Erf", [b.Op(layer, "Div", [x, b.Constant($"{layer}.sqrt2", TensorData.Scalar(Math.Sqrt(2)))])]);
            var gate = b.Op(layer, "Add", [erf, b.Constant($"{layer}.one", TensorData.Scalar(1.0))]);
            return b.Op(layer, "Mul", [b.Op(layer, "Mul", [x, gate]), b.Constant($"{layer}.half", TensorData.Scalar(0.5))]);
        }

        /// <summary>Reshape to the given dimensions (0 keeps, -1 infers).</summary>
        internal Value Reshape(string layer, Value x, string name, params ReadOnlySpan<long> dims) =>
            b.Op(layer, "Reshape", [x, b.Constant($"{layer}.{name}", TensorData.Vector(dims))]);

        /// <summary>Transposition.</summary>
        internal Value Transpose(string layer, Value x, params ReadOnlySpan<long> permutation) => b.Op(layer, "Transpose", [x], Attribute.Of("perm", permutation.ToArray()));
    }
}
