using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Activation functions. At a kink a slope that holds "for X &gt; 0" is not taken at 0; the others are those of docs/operators.md.</summary>
static class ActivationOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        TorchOp.Unary("Relu", x => x.relu()),
        TorchOp.Of("LeakyRelu", c => c[0].leaky_relu(c.Node.Float("alpha", 0.01f))),
        TorchOp.Binary("PRelu", (x, slope) => where(x > 0, x, x * slope)),
        TorchOp.Of("ThresholdedRelu", c => c[0].Where(c[0] > c.Node.Float("alpha", 1), 0)),
        TorchOp.Of("Elu", c => c[0].elu(c.Node.Float("alpha", 1))),
        // The defaults of the specification, in full.
        TorchOp.Of("Selu", c => c[0].elu(c.Node.Float("alpha", 1.67326319217681884765625f), c.Node.Float("gamma", 1.05070102214813232421875f), 1)),
        TorchOp.Of("Celu", c => c[0].celu(c.Node.Float("alpha", 1))),
        TorchOp.Unary("Sigmoid", x => x.sigmoid()),
        TorchOp.Of("HardSigmoid", c => UnitRamp(c[0], c.Node.Float("alpha", 0.2f), c.Node.Float("beta", 0.5f))),
        // PyTorch's own has other slopes at -3 and 3 in some of its versions; here they are the outer ones.
        TorchOp.Unary("HardSwish", x => Product(UnitRamp(x, 1.0 / 6, 0.5), x)),
        TorchOp.Unary("Tanh", x => x.tanh()),
        // Beyond 40 the function is X even in float64; by default PyTorch takes it for X beyond 20.
        TorchOp.Unary("Softplus", x => x.softplus(1, 40)),
        TorchOp.Unary("Softsign", x => x / (x.abs() + 1)),
        TorchOp.Unary("Mish", x => nn.functional.mish(x)),
        TorchOp.Of("Gelu", c => nn.functional.gelu(c[0], c.Node.String("approximate", "none") is "tanh" ? GELU.Approximate.tanh : GELU.Approximate.none)),
        TorchOp.Of("Shrink", Shrink),
        TorchOp.Of("Softmax", c => c[0].softmax(c.Axis("axis", -1, c[0].dim()))),
        TorchOp.Of("LogSoftmax", c => c[0].log_softmax(c.Axis("axis", -1, c[0].dim()))),
        TorchOp.Of("Hardmax", Hardmax),
    ];

    /// <summary>αX + β between 0 and 1, constant outside; at both corners the gradient is 0, which that of clamp is not.</summary>
    static Tensor UnitRamp(Tensor x, double alpha, double beta)
    {
        var line = (x * alpha).add_(beta);
        return line.requires_grad ? where((line > 0).logical_and(line < 1), line, line.detach().clamp(0, 1)) : line.clamp_(0, 1);
    }

    /// <summary>The product, in the place of the first factor where autograd does not need it.</summary>
    static Tensor Product(Tensor own, Tensor x) => own.requires_grad ? own * x : own.mul_(x);

    static Tensor Shrink(TorchCall c)
    {
        var (x, bias, lambda) = (c[0], c.Node.Float("bias", 0), c.Node.Float("lambd", 0.5f));
        return where(x < -lambda, x + bias, (x - bias).Where(x > lambda, 0)).to(x.dtype);
    }

    static Tensor Hardmax(TorchCall c)
    {
        var x = c[0];
        var axis = c.Axis("axis", -1, x.dim());
        var first = x.argmax(axis, keepdim: true);
        return zeros_like(x).scatter(axis, first, ones_like(first, x.dtype));
    }
}
