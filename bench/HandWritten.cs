using static TorchSharp.torch;
using Net = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;

namespace Bench;

/// <summary>MobileNetV3-Small as one writes it in TorchSharp: what the engine that runs ONNX graphs is held against. Weights are TorchSharp's own draws.</summary>
static class HandWritten
{
    /// <summary>The network for ten classes, in evaluation mode.</summary>
    public static Net MobileNetV3Small()
    {
        var layers = new List<Net> { Normalized(3, 16, 3, 2, nn.Hardswish()) };
        // Kernel, expanded and output channels, squeeze and excitation, hard swish, stride.
        (int Kernel, int Wide, int Out, bool Squeezes, bool Swish, int Stride)[] blocks =
        [
            (3, 16, 16, true, false, 2), (3, 72, 24, false, false, 2), (3, 88, 24, false, false, 1), (5, 96, 40, true, true, 2), (5, 240, 40, true, true, 1),
            (5, 240, 40, true, true, 1), (5, 120, 48, true, true, 1), (5, 144, 48, true, true, 1), (5, 288, 96, true, true, 2), (5, 576, 96, true, true, 1),
            (5, 576, 96, true, true, 1),
        ];
        var channels = 16;
        foreach (var b in blocks)
        {
            layers.Add(new InvertedResidual(channels, b.Kernel, b.Wide, b.Out, b.Squeezes, b.Swish, b.Stride));
            channels = b.Out;
        }
        layers.AddRange([Normalized(96, 576, 1, 1, nn.Hardswish()), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(576, 1024), nn.Hardswish(), nn.Linear(1024, 10)]);
        var network = nn.Sequential(layers);
        network.eval();
        return network;
    }

    static Net Normalized(int from, int to, int kernel, int stride, Net? activation, int groups = 1)
    {
        List<Net> layers = [nn.Conv2d(from, to, kernel, stride: stride, padding: kernel / 2, groups: groups, bias: false), nn.BatchNorm2d(to)];
        if (activation is not null) layers.Add(activation);
        return nn.Sequential(layers);
    }

    sealed class InvertedResidual : nn.Module<Tensor, Tensor>
    {
        readonly Net block;
        readonly bool isResidual;

        public InvertedResidual(int from, int kernel, int wide, int to, bool squeezes, bool swish, int stride) : base(nameof(InvertedResidual))
        {
            isResidual = stride == 1 && from == to;
            Net Activation() => swish ? nn.Hardswish() : nn.ReLU();
            var layers = new List<Net>();
            if (wide != from) layers.Add(Normalized(from, wide, 1, 1, Activation()));
            layers.Add(Normalized(wide, wide, kernel, stride, Activation(), wide));
            if (squeezes) layers.Add(new SqueezeExcitation(wide, (wide / 4 + 4) / 8 * 8));
            layers.Add(Normalized(wide, to, 1, 1, null));
            block = nn.Sequential(layers);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => isResidual ? block.forward(input) + input : block.forward(input);
    }

    sealed class SqueezeExcitation : nn.Module<Tensor, Tensor>
    {
        readonly Net gate;

        public SqueezeExcitation(int channels, int squeezed) : base(nameof(SqueezeExcitation))
        {
            gate = nn.Sequential([nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, channels, 1), nn.Hardsigmoid()]);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => input * gate.forward(input);
    }
}
