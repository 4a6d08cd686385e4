using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Measurement;

/// <summary>
/// With every weight the same constant w and no bias, all channels of a convolution's output are equal, and one stands for all: a convolution over C equal channels is one over a single channel with
/// weight w · C. A network of convolutions, batch normalisations, activations, pools, sums and a linear head so becomes one of a single channel, whatever its width.
/// Sums are rounded otherwise than in the full network, in the last digits.
/// </summary>
static class EqualChannels
{
    static readonly HashSet<string> Elementwise = new(StringComparer.Ordinal)
    {
        "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "Clip", "Identity",
        "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Dropout",
    };

    /// <summary>The network of single channels, its weights in it; null where channels may differ, or an operator is none of those that are known to keep them equal.</summary>
    /// <param name="source">The canonical model.</param>
    /// <param name="weight">The value of every weight and norm scale.</param>
    public static Model? Collapse(CanonicalModel source, double weight)
    {
        var builder = new Builder(source, (float)weight);
        return builder.Run() ? builder.Model : null;
    }

    sealed class Builder
    {
        readonly CanonicalModel source;
        readonly float weight;
        readonly Graph graph = new() { Name = "equal_channels" };
        readonly Dictionary<Value, ParameterRole> roles;

        /// <summary>The value that stands for one of the source, and how many equal channels on axis 1 it stands for; 0 where it has all of its channels.</summary>
        readonly Dictionary<Value, (Value Image, long Equal)> images = [];

        public Builder(CanonicalModel source, float weight)
        {
            (this.source, this.weight) = (source, weight);
            roles = source.Parameters.ToDictionary(p => p.Value, p => p.Role);
            Model = new Model(graph) { IrVersion = source.Model.IrVersion };
            foreach (var (domain, version) in source.Model.Opsets) Model.Opsets[domain] = version;
        }

        public Model Model { get; }

        public bool Run()
        {
            foreach (var input in source.Model.Graph.Inputs.Where(i => i.Data is null))
            {
                var image = new Value(input.Name, input.Type, input.Shape);
                graph.Inputs.Add(image);
                images[input] = (image, 0);
            }
            foreach (var node in source.Model.Graph.Nodes) if (!Take(node)) return false;
            foreach (var output in source.Model.Graph.Outputs)
            {
                if (!images.TryGetValue(output, out var image)) return false;
                image.Image.Name = output.Name;
                (image.Image.Type, image.Image.Shape) = (output.Type, null);
                graph.Outputs.Add(image.Image);
            }
            return true;
        }

        bool Take(Node node)
        {
            if (node.Domain.Length > 0 || node.Outputs.Count(o => o is not null) != 1 || node.Subgraphs.Any()) return false;
            return node.OpType switch
            {
                "Conv" => Convolution(node),
                "Gemm" => Linear(node),
                "BatchNormalization" => Norm(node),
                "Flatten" => Flatten(node),
                "Add" or "Sub" or "Mul" or "Div" or "Sum" => Combine(node),
                _ when Elementwise.Contains(node.OpType) => Keep(node),
                _ => false,
            };
        }

        bool Convolution(Node node)
        {
            if (!images.TryGetValue(node.Inputs[0]!, out var x) || !IsWeight(node.Input(1), ParameterRole.ConvolutionWeight) || !IsZero(node.Input(2))) return false;
            var shape = node.Inputs[1]!.Shape!.ToArray();
            var group = node.Int("group", 1);
            if (x.Equal == 0 && group != 1) return false;
            long[] kernel = [1, x.Equal == 0 ? shape[1] : 1, .. shape[2..]];
            var value = x.Equal == 0 ? weight : weight * shape[1];
            Emit(node, shape[0], [x.Image, Filled(node.Inputs[1]!.Name, kernel, value)], node.Attributes.Values.Where(a => a.Name is not "group"));
            return true;
        }

        /// <summary>y = w · Σ x, the same for every output feature.</summary>
        bool Linear(Node node)
        {
            if (!images.TryGetValue(node.Inputs[0]!, out var x) || !IsWeight(node.Input(1), ParameterRole.LinearWeight) || !IsZero(node.Input(2)) || node.Int("transA") != 0 || node.Float("alpha", 1) != 1) return false;
            var shape = node.Inputs[1]!.Shape!;
            var (features, outputs) = node.Int("transB") != 0 ? (shape[1].Size, shape[0].Size) : (shape[0].Size, shape[1].Size);
            var equal = Math.Max(1, x.Equal);
            Emit(node, outputs, [x.Image, Filled(node.Inputs[1]!.Name, [features / equal, 1], weight * equal)], []);
            return true;
        }

        bool Norm(Node node)
        {
            if (!images.TryGetValue(node.Inputs[0]!, out var x)) return false;
            var channels = x.Equal == 0 ? node.Inputs[1]!.Shape![0].Size : 1;
            float[] values = [weight, 0, 0, 1];
            var scale = node.Inputs[1]!;
            // A scale that is no parameter keeps its value, if that is one for all channels.
            if (!roles.ContainsKey(scale))
            {
                if (scale.Constant is not { } fixedScale || fixedScale.ToFloats() is not { Length: > 0 } known || Array.Exists(known, v => v != known[0])) return false;
                values[0] = known[0];
            }
            if (!roles.ContainsKey(node.Inputs[2]!) && !IsZero(node.Inputs[2])) return false;
            Emit(node, x.Equal, [x.Image, .. node.Inputs.Skip(1).Select((p, i) => Filled(p!.Name, [channels], values[i]))], node.Attributes.Values);
            return true;
        }

        /// <summary>Channels that are equal make blocks that are: each position then stands for as many features.</summary>
        bool Flatten(Node node)
        {
            if (!images.TryGetValue(node.Inputs[0]!, out var x) || node.Int("axis", 1) != 1) return false;
            Emit(node, x.Equal, [x.Image], node.Attributes.Values);
            return true;
        }

        bool Combine(Node node)
        {
            var equal = 0L;
            var inputs = new List<Value>();
            // Between tensors of different ranks, channels of one stand beside positions of the other.
            if (node.Inputs.Where(i => i is not null && images.ContainsKey(i)).Select(i => i!.Rank).Distinct().Skip(1).Any()) return false;
            foreach (var input in node.Inputs)
            {
                if (input is null) return false;
                if (images.TryGetValue(input, out var image))
                {
                    if (inputs.Count > 0 && equal != image.Equal) return false;
                    equal = image.Equal;
                    inputs.Add(image.Image);
                }
                // A single number, which is the same for every channel.
                else if (!roles.ContainsKey(input) && input.Constant is { Count: 1 } number && images.ContainsKey(node.Inputs[0]!)) inputs.Add(graph.AddInitializer($"constant{graph.Initializers.Count}", number));
                else return false;
            }
            Emit(node, equal, inputs, node.Attributes.Values);
            return true;
        }

        bool Keep(Node node)
        {
            if (!images.TryGetValue(node.Inputs[0]!, out var x)) return false;
            var inputs = new List<Value?> { x.Image };
            foreach (var input in node.Inputs.Skip(1))
            {
                if (input is null) inputs.Add(null);
                else if (input.Constant is { Count: <= 1 } constant && !roles.ContainsKey(input)) inputs.Add(graph.AddInitializer($"constant{graph.Initializers.Count}", constant));
                else return false;
            }
            Emit(node, x.Equal, inputs, node.Attributes.Values);
            return true;
        }

        void Emit(Node node, long equal, IEnumerable<Value?> inputs, IEnumerable<Attribute> attributes)
        {
            var output = new Value($"value{graph.Nodes.Count}");
            graph.Nodes.Add(new Node(node.OpType, inputs, [output], attributes, "", node.Name));
            images[node.Output] = (output, equal);
        }

        bool IsWeight(Value? value, ParameterRole role) => value?.Shape is { IsStatic: true } && roles.TryGetValue(value, out var known) && known == role;

        /// <summary>Whether a summand is zero under the setting: a bias or shift that is a parameter, or zeros.</summary>
        bool IsZero(Value? value) => value is null || roles.GetValueOrDefault(value, ParameterRole.Scale) is ParameterRole.Bias or ParameterRole.NormalizationShift || (!roles.ContainsKey(value) && value.Constant is { } c && Array.TrueForAll(c.ToFloats(), v => v == 0));

        Value Filled(string name, long[] dims, float value)
        {
            var values = new float[dims.Aggregate(1L, (a, b) => a * b)];
            Array.Fill(values, value);
            return graph.AddInitializer($"{name}#{graph.Initializers.Count}", TensorData.FromFloats(dims, values));
        }
    }
}
