using GraphRewriter.Ir;
using static GraphRewriter.Canonicalization.ParameterRole;

namespace GraphRewriter.Canonicalization;

/// <summary>Walks a graph in order, collecting parameters and remembering which values depend on one already.</summary>
sealed class ParameterFinder
{
    readonly Graph graph;
    readonly IReadOnlySet<Value> fromConstantNodes;
    readonly Dictionary<Value, List<Node>> consumers;
    readonly Dictionary<Value, List<ParameterUse>> found = [];
    readonly List<Value> order = [];
    readonly Dictionary<Value, bool> ofConstants = [];
    /// <summary>Values computed with a trainable parameter, or by looking up a table.</summary>
    readonly HashSet<Value> learned = [];
    /// <summary>Values computed with a front-end table that is followed by a magnitude.</summary>
    readonly HashSet<Value> spectral = [];

    public ParameterFinder(Graph graph, IReadOnlySet<Value> fromConstantNodes)
    {
        this.graph = graph;
        this.fromConstantNodes = fromConstantNodes;
        consumers = graph.Consumers();
    }

    public void Visit(Node node)
    {
        if (node.Domain.Length == 0) Inspect(node);
        var trained = node.Inputs.Any(i => i is not null && learned.Contains(i));
        trained |= Uses(node).Any(u => IsTrainable(u.Role));
        var frontal = node.Inputs.Any(i => i is not null && spectral.Contains(i)) || Uses(node).Any(u => u.Role == FrontEnd && u.Node.OpType is "Conv" or "MatMul" or "Gemm");
        foreach (var output in node.Outputs)
        {
            if (output is null) continue;
            // Through whole numbers no gradient comes back: what is computed from them starts afresh.
            if (trained && output.IsFloat) learned.Add(output);
            if (frontal && !trained && output.IsFloat) spectral.Add(output);
        }
    }

    public IReadOnlyList<Parameter> Result() =>
        [.. order.Select(v => new Parameter(v, v.Name, found[v][0].Role, found[v].Exists(u => IsTrainable(u.Role)), found[v]))];

    static bool IsTrainable(ParameterRole role) => role is not (RunningMean or RunningVariance or FrontEnd);

    IEnumerable<ParameterUse> Uses(Node node)
    {
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { } input) continue;
            foreach (var root in WeightRoots(input))
                if (found.TryGetValue(root, out var uses))
                    foreach (var use in uses) if (use.Node == node && use.Input == i) yield return use;
        }
    }

    void Inspect(Node node)
    {
        if (ParameterSlots.Fixed.TryGetValue(node.OpType, out var slots))
        {
            foreach (var (input, role) in slots) InspectSlot(node, input, role);
            return;
        }
        switch (node.OpType)
        {
            case "Einsum":
                for (var i = 0; i < node.Inputs.Count; i++) InspectSlot(node, i, LinearWeight);
                break;
            case "Gather":
                InspectTable(node);
                break;
            case "Mul" or "Div" or "Add" or "Sub" or "Sum":
                InspectElementwise(node);
                break;
            case "Concat":
                for (var i = 0; i < node.Inputs.Count; i++) InspectToken(node, i);
                break;
            default:
                break;
        }
    }

    /// <summary>The initializers that a weight is made of, or computed from.</summary>
    IReadOnlyList<Value> WeightRoots(Value value) => ParameterSlots.Roots(value) is { Count: > 0 } roots ? roots : IsOfConstants(value) ? ParameterSlots.Factors(value) : [];

    /// <summary>Whether a value is computed from initializers alone. What is found is kept: to ask anew at each node would walk the whole graph in front of it.</summary>
    bool IsOfConstants(Value value)
    {
        if (ofConstants.TryGetValue(value, out var known)) return known;
        ofConstants[value] = true;
        return ofConstants[value] = value.Data is not null || (value.Producer is { } producer && !producer.Subgraphs.Any() && producer.Inputs.All(i => i is null || IsOfConstants(i)));
    }

    void InspectSlot(Node node, int input, ParameterRole role)
    {
        if (node.Input(input) is not { IsFloat: true } value) return;
        var roots = WeightRoots(value);
        if (roots.Count == 0) return;
        if (role is LinearWeight && node.Inputs.Where((v, i) => i != input && v is not null && (i < 2 || node.Is("Einsum"))).All(v => v!.Constant is not null || WeightRoots(v).Count > 0)) return;
        if (role is NormalizationScale or NormalizationShift && IsPlaceholder(node, input, roots)) return;
        if (role is RecurrentState && roots.All(r => IsFilledWith(r, 0))) return;
        if (role is ConvolutionWeight or LinearWeight && IsFrontEnd(node, input)) role = FrontEnd;
        if (role is LinearWeight && input == 1 && node.Inputs[0] is { } x && ParameterSlots.BehindViews(x).Producer is { OpType: "OneHot" or "Equal" }) role = Embedding;
        Add(node, input, role, roots);
    }

    /// <summary>
    /// An InstanceNormalization that a converter used to spell another normalisation has constants 1 and 0 where its scale and shift should be; so has a
    /// BatchNormalization that an exporter wrote for one without them, in both places.
    /// </summary>
    bool IsPlaceholder(Node node, int input, IReadOnlyList<Value> roots) => node.OpType switch
    {
        "InstanceNormalization" => IsConstantNode(roots, input == 1 ? 1 : 0),
        "BatchNormalization" => IsConstantNode(WeightRoots(node.Inputs[1]!), 1) && IsConstantNode(WeightRoots(node.Inputs[2]!), 0),
        _ => false,
    };

    bool IsConstantNode(IReadOnlyList<Value> roots, float number) => roots.Count > 0 && roots.All(r => fromConstantNodes.Contains(r) && IsFilledWith(r, number));

    /// <summary>A table of float rows looked up by integers.</summary>
    void InspectTable(Node node)
    {
        if (node.Inputs[0] is not { IsFloat: true } table || node.Inputs[1]!.Constant is not null) return;
        var roots = ParameterSlots.Roots(table);
        if (roots.Count > 0 && (table.Shape?.Rank ?? 0) >= 2) Add(node, 0, Embedding, roots);
    }

    /// <summary>A learned factor or summand: more than one element, on a path of floats that already holds a parameter; before the first parameter it is normalisation of the input.</summary>
    void InspectElementwise(Node node)
    {
        if (node.Inputs.Count < 2) return;
        for (var i = 0; i < node.Inputs.Count; i++)
        {
            if (node.Inputs[i] is not { IsFloat: true } value) continue;
            var roots = ParameterSlots.Roots(value);
            if (roots.Count == 0 || roots.All(r => r.Data!.Count < 2)) continue;
            var others = node.Inputs.Where((v, k) => k != i && v is not null && WeightRoots(v).Count == 0 && v.Constant is null).ToList();
            if (others.Count == 0) continue;
            var isSum = node.OpType is "Add" or "Sub" or "Sum";
            if (isSum && roots.All(IsAdditiveMask)) continue;
            if (!isSum && roots.All(IsMultiplicativeMask)) continue;
            var onLearnedPath = others.Exists(o => learned.Contains(o!));
            var role = !onLearnedPath || (isSum && roots.All(IsSinusoid)) ? FrontEnd
                : !isSum ? Scale
                : others.Exists(o => IsProduct(ParameterSlots.BehindViews(o!))) && IsChannelVector(value) ? Bias
                : Shift;
            Add(node, i, role, roots);
        }
    }

    static bool IsProduct(Value value) => value.Producer is { Domain.Length: 0, OpType: "MatMul" or "Gemm" or "Conv" or "ConvTranspose" or "Einsum" };

    static bool IsChannelVector(Value value) => value.Shape is { } s && s.Count(d => d.Size != 1) <= 1;

    /// <summary>A constant joined to a learned sequence: a class token. Zeros are padding.</summary>
    void InspectToken(Node node, int input)
    {
        if (node.Inputs[input] is not { IsFloat: true } value) return;
        var roots = ParameterSlots.Roots(value);
        if (roots.Count == 0 || roots.All(r => r.Data!.Count < 2 || (fromConstantNodes.Contains(r) && IsFilledWith(r, 0)))) return;
        if (node.Inputs.Any(o => o is not null && o != value && learned.Contains(o))) Add(node, input, Token, roots);
    }

    /// <summary>
    /// A product with the raw input whose result is only squared or taken the magnitude of is a transform basis (STFT); a product with such magnitudes by a matrix
    /// without negative numbers is a filter bank (mel); one whose result is rounded converts colours.
    /// </summary>
    bool IsFrontEnd(Node node, int input)
    {
        if (node.Inputs[input == 0 ? 1 : 0] is not { } data || learned.Contains(data)) return false;
        if (spectral.Contains(data)) return ParameterSlots.Roots(node.Inputs[input]!).All(r => r.Data is { Unavailable: null } d && !AnyBelowZero(d));
        return (node.Input(2) is null && FeedsOnlyMagnitudes(node.Output, 0)) || IsRounded(node.Output, 0);
    }

    /// <summary>Whether a product is rounded at once, or after elementwise steps: pixels being converted, not a layer.</summary>
    bool IsRounded(Value value, int depth) => depth < 4 && consumers.GetValueOrDefault(value, []) is [var only] && only.OpType switch
    {
        "Round" or "Floor" or "Ceil" => true,
        "Cast" => !only.Output.IsFloat,
        "Add" or "Sub" or "Mul" or "Div" or "Clip" => IsRounded(only.Output, depth + 1),
        _ => false,
    };

    bool FeedsOnlyMagnitudes(Value value, int depth)
    {
        if (depth > 8 || graph.Outputs.Contains(value) || !consumers.TryGetValue(value, out var users)) return false;
        return users.TrueForAll(u => u.OpType switch
        {
            "Abs" or "ReduceL2" or "ReduceSumSquare" => true,
            "Pow" => u.Inputs[1]?.Constant is { Count: 1 } exponent && exponent.ToFloats()[0] == 2,
            "Mul" => u.Inputs[0] == u.Inputs[1],
            "Slice" or "Split" or "Transpose" or "Reshape" or "Squeeze" or "Unsqueeze" or "Identity" or "Cast" or "Gather" => u.Outputs.All(o => o is null || FeedsOnlyMagnitudes(o, depth + 1)),
            "Shape" => true,
            _ => false,
        });
    }

    void Add(Node node, int input, ParameterRole role, IReadOnlyList<Value> roots)
    {
        foreach (var root in roots.Distinct())
        {
            if (!root.IsFloat) continue;
            if (!found.TryGetValue(root, out var uses))
            {
                found[root] = uses = [];
                order.Add(root);
            }
            uses.Add(new ParameterUse(node, input, role, node.Inputs[input] == root));
        }
    }

    /// <summary>The numbers of a tensor; of float32 without a copy, as most tensors are told by their first ones.</summary>
    static ReadOnlySpan<float> Numbers(TensorData data) => data.Type == ElementType.Float32 ? data.Float32Span : data.ToFloats();

    static bool AnyBelowZero(TensorData data)
    {
        foreach (var v in Numbers(data)) if (!(v >= 0)) return true;
        return false;
    }

    static bool IsFilledWith(Value value, float number)
    {
        if (value.Data is not { Unavailable: null } data) return false;
        foreach (var v in Numbers(data)) if (v != number) return false;
        return true;
    }

    /// <summary>Zeros and large negative numbers, both there: what is added to scores before a Softmax.</summary>
    static bool IsAdditiveMask(Value value)
    {
        if (value.Data is not { Unavailable: null } data) return false;
        var any = false;
        foreach (var v in Numbers(data))
        {
            if (v is not (0 or <= -1e4f)) return false;
            any |= v < 0;
        }
        return any;
    }

    /// <summary>Zeros and ones, both there.</summary>
    static bool IsMultiplicativeMask(Value value)
    {
        if (value.Data is not { Unavailable: null } data) return false;
        var (zero, one) = (false, false);
        foreach (var v in Numbers(data))
        {
            if (v is not (0 or 1)) return false;
            zero |= v == 0;
            one |= v == 1;
        }
        return zero && one;
    }

    /// <summary>A position table of sines and cosines: in each row the squares of the pairs (neighbours, or one half and the other) add up to one.</summary>
    static bool IsSinusoid(Value value)
    {
        if (value.Data is not { Unavailable: null } data || data.Dims.Count < 2) return false;
        var width = (int)data.Dims[^1];
        if (width < 4 || width % 2 != 0) return false;
        var x = Numbers(data);
        return x.Length / width > 1 && (Pairs(x, 2, 1) || Pairs(x, 1, width / 2));

        bool Pairs(ReadOnlySpan<float> x, int step, int distance)
        {
            for (var row = 0; row + width <= x.Length; row += width)
                for (var i = 0; i < width / 2; i++)
                {
                    var (a, b) = (x[row + i * step], x[row + i * step + distance]);
                    if (Math.Abs(a * a + b * b - 1) > 1e-3f) return false;
                }
            return true;
        }
    }
}
