using System.Collections.Frozen;
using GraphRewriter.Emission;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Gradients;

/// <summary>An activation function that a recurrent operator names.</summary>
/// <param name="Form">How it is spelled out.</param>
/// <param name="Alpha">Its first number, where it has one.</param>
/// <param name="Beta">Its second number, where it has one.</param>
readonly record struct RecurrentActivation(RecurrentActivation.Spelling Form, float Alpha, float Beta)
{
    /// <summary>
    /// An activation function as standard operators, and the numbers it takes: null for none, else the default. Not a number where a model must give it:
    /// the specification and ONNX Runtime take different ones.
    /// </summary>
    internal sealed record Spelling(float? Alpha, float? Beta, Func<Tape, Value, float, float, Value> Emit);

    static readonly FrozenDictionary<string, Spelling> Known = new Dictionary<string, Spelling>(StringComparer.OrdinalIgnoreCase)
    {
        ["Sigmoid"] = new(null, null, (t, x, _, _) => t.Sigmoid(x)),
        ["Tanh"] = new(null, null, (t, x, _, _) => t.Tanh(x)),
        ["Relu"] = new(null, null, (t, x, _, _) => t.Relu(x)),
        ["Softsign"] = new(null, null, (t, x, _, _) => t.Op("Softsign", x)),
        ["Softplus"] = new(null, null, (t, x, _, _) => t.Softplus(x)),
        ["LeakyRelu"] = new(0.01f, null, (t, x, a, _) => t.Op("LeakyRelu", [Attribute.Of("alpha", a)], x)),
        ["ThresholdedRelu"] = new(float.NaN, null, (t, x, a, _) => t.Op("ThresholdedRelu", [Attribute.Of("alpha", a)], x)),
        ["Elu"] = new(1, null, (t, x, a, _) => t.Op("Elu", [Attribute.Of("alpha", a)], x)),
        ["HardSigmoid"] = new(0.2f, 0.5f, (t, x, a, b) => t.Op("HardSigmoid", [Attribute.Of("alpha", a), Attribute.Of("beta", b)], x)),
        ["ScaledTanh"] = new(float.NaN, float.NaN, (t, x, a, b) => t.Mul(t.Tanh(t.Mul(x, b)), a)),
        ["Affine"] = new(float.NaN, float.NaN, (t, x, a, b) => t.Add(t.Mul(x, a), b)),
    }
    .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The function of something.</summary>
    public Value Emit(Tape t, Value x) => Form.Emit(t, x, Alpha, Beta);

    /// <summary>The functions of one direction of a node. The lists of numbers hold one for each function that takes one, in order.</summary>
    public static IReadOnlyList<RecurrentActivation> Of(Node n, IReadOnlyList<string> defaults, int direction)
    {
        var given = n.StringList("activations") ?? [];
        var (alphas, betas) = (new Queue<float>(n.Floats("activation_alpha") ?? []), new Queue<float>(n.Floats("activation_beta") ?? []));
        var all = new List<RecurrentActivation>();
        for (var i = 0; i < (direction + 1) * defaults.Count; i++)
        {
            var name = i < given.Length ? given[i] : defaults[i % defaults.Count];
            if (!Known.TryGetValue(name, out var form)) throw new ModelException(ModelProblem.Unsupported, $"The activation function '{name}' of {n} is not known.");
            var activation = new RecurrentActivation(form, Number(form.Alpha, alphas), Number(form.Beta, betas));
            if (float.IsNaN(activation.Alpha + activation.Beta)) throw new ModelException(ModelProblem.Unsupported, $"{n} does not give the numbers of its activation function '{name}'.");
            all.Add(activation);
        }
        return all[(direction * defaults.Count)..];
    }

    static float Number(float? fallback, Queue<float> given) => fallback is null ? 0 : given.TryDequeue(out var number) ? number : fallback.Value;
}
