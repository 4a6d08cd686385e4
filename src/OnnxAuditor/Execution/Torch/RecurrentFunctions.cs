using System.Collections.Frozen;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>The activation functions that recurrent layers name.</summary>
static class RecurrentFunctions
{
    /// <summary>A function and the numbers it takes: null for none, else the default; not a number where there is none and the model must give it.</summary>
    sealed record Form(double? Alpha, double? Beta, Func<Tensor, double, double, Tensor> Apply);

    static readonly FrozenDictionary<string, Form> Known = new Dictionary<string, Form>(StringComparer.Ordinal)
    {
        ["Sigmoid"] = new(null, null, (x, _, _) => x.sigmoid()),
        ["Tanh"] = new(null, null, (x, _, _) => x.tanh()),
        ["Relu"] = new(null, null, (x, _, _) => x.relu()),
        ["Softsign"] = new(null, null, (x, _, _) => nn.functional.softsign(x)),
        ["Softplus"] = new(null, null, (x, _, _) => x.logaddexp(zeros_like(x))),
        ["LeakyRelu"] = new(0.01, null, (x, a, _) => x.leaky_relu(a)),
        ["Elu"] = new(1, null, (x, a, _) => x.elu(a)),
        ["ThresholdedRelu"] = new(double.NaN, null, (x, a, _) => x.threshold(a, 0)),
        ["HardSigmoid"] = new(0.2, 0.5, (x, a, b) => (a * x + b).clamp(0, 1)),
        ["ScaledTanh"] = new(double.NaN, double.NaN, (x, a, b) => a * (b * x).tanh()),
        ["Affine"] = new(double.NaN, double.NaN, (x, a, b) => a * x + b),
    }
    .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The functions of one direction of a node. The lists of numbers hold one for each function that takes one, in the order of the functions.</summary>
    /// <param name="c">The node.</param>
    /// <param name="defaults">The functions of one direction where the node names none.</param>
    /// <param name="direction">0, or 1 for the second of two.</param>
    internal static Func<Tensor, Tensor>[] Of(TorchCall c, string[] defaults, int direction)
    {
        string[] names = c.Node.StringList("activations") is { Length: > 0 } given ? given : [.. defaults, .. defaults];
        var (alphas, betas) = (new Queue<float>(c.Node.Floats("activation_alpha") ?? []), new Queue<float>(c.Node.Floats("activation_beta") ?? []));
        var functions = names[..((direction + 1) * defaults.Length)].Select(name =>
        {
            if (!Known.TryGetValue(name, out var form)) throw c.Refuse($"the activation function '{name}' is not known");
            var (alpha, beta) = (Number(form.Alpha, alphas), Number(form.Beta, betas));
            if (double.IsNaN(alpha + beta))
                throw c.Refuse($"the numbers of the activation function '{name}' are not given, for which the specification and ONNX Runtime take different ones");
            return (Func<Tensor, Tensor>)(x => form.Apply(x, alpha, beta));
        }).ToArray();
        return functions[(direction * defaults.Length)..];
    }

    static double Number(double? fallback, Queue<float> given) => fallback is null ? 0 : given.TryDequeue(out var number) ? number : fallback.Value;
}
