using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>An input's contents for a whole batch and where they came from.</summary>
/// <param name="Data">The contents.</param>
/// <param name="Source">The law or file, for the report.</param>
sealed record InputData(TensorData Data, string Source);

/// <summary>Makes the contents of graph inputs: the user's data, or synthetic ones of the range that the graph expects.</summary>
static class MakeInputs
{
    /// <summary>The factor of the second draw of <see cref="InputLaw.Perturbed"/>, and of the noise between <see cref="Protocol.Neighbours"/>.</summary>
    const double Perturbation = 0.01;

    /// <summary>Contents of all inputs of a canonical model.</summary>
    /// <param name="model">The canonical model; its inputs are bound.</param>
    /// <param name="protocol">Law and seed.</param>
    /// <param name="samples">Samples over all parts of the batch; the inputs' own batch size where they are fed whole.</param>
    /// <param name="given">The user's data by input name.</param>
    /// <param name="givenSource">Where the user's data came from.</param>
    /// <exception cref="UsageException">Given data do not fit; the message names what was expected and given.</exception>
    public static IReadOnlyDictionary<string, InputData> For(CanonicalModel model, Protocol protocol, long samples, IReadOnlyDictionary<string, TensorData> given, string givenSource)
    {
        var inputs = new Dictionary<string, InputData>(StringComparer.Ordinal);
        var consumers = model.Model.Graph.Consumers();
        foreach (var input in model.Model.Graph.Inputs)
        {
            if (input.Data is not null) continue;
            if (input.Other is not null) throw new ModelException(ModelProblem.Unsupported, $"The input '{input.Name}' is a {input.Other.Kind}, which no run can be fed.");
            if (input.Shape is not { IsStatic: true }) throw new ModelException(ModelProblem.Binding, $"The shape of input '{input.Name}' is not known: {input.Shape?.ToString() ?? "unknown rank"}. Give it with --shape {input.Name}=….");
            var batchAxis = model.Batch.Axes.TryGetValue(input.Name, out var axis) ? axis : -1;
            var dims = input.Shape.ToArray();
            if (batchAxis >= 0) dims[batchAxis] = Math.Max(dims[batchAxis], samples);
            var skipped = batchAxis == 0 ? protocol.Draw * dims[0] : 0;
            if (protocol.Input != InputLaw.Auto || !given.TryGetValue(input.Name, out var data))
            {
                inputs[input.Name] = Changed(Synthetic(input, dims, batchAxis, protocol, consumers), input, batchAxis, protocol, consumers);
                continue;
            }
            if (batchAxis > 0 && protocol.Draw > 0) throw new ModelException(ModelProblem.Binding, $"The data for input '{input.Name}' hold one batch, as its samples do not come first; another batch is needed.");
            inputs[input.Name] = Changed(new InputData(Fit(input, dims, data, skipped), givenSource), input, batchAxis, protocol, consumers);
        }
        return inputs;
    }

    /// <summary>The contents scaled, or with neighbours in them, where the protocol asks for that.</summary>
    static InputData Changed(InputData made, Value input, int batchAxis, Protocol protocol, Dictionary<Value, List<Node>> consumers)
    {
        if ((protocol.InputScale == 1 && !protocol.Neighbours) || !input.Type.IsFloat || IsSetting(input, consumers)) return made;
        var values = made.Data.ToDoubles();
        for (var i = 0; i < values.Length; i++) values[i] *= protocol.InputScale;
        if (protocol.Neighbours && batchAxis == 0)
        {
            var random = new SeededRandom(protocol.Seed, "neighbour/" + input.Name);
            var length = values.Length / (int)Math.Max(1, made.Data.Dims[0]);
            for (var start = 0; start + 2 * length <= values.Length; start += 2 * length)
            {
                var point = values.AsSpan(start, length);
                var near = values.AsSpan(start + length, length);
                var squares = 0.0;
                foreach (var v in point) squares += v * v;
                var noise = Perturbation * Math.Sqrt(squares / length);
                for (var i = 0; i < length; i++) near[i] = point[i] + noise * random.Normal();
            }
        }
        return new InputData(TensorData.FromNumbers(input.Type, [.. made.Data.Dims], values), made.Source);
    }

    static TensorData Fit(Value input, long[] dims, TensorData data, long skipped)
    {
        var expected = Shape.Of(dims);
        var fits = data.Dims.Count == dims.Length && (dims.Length == 0 || data.Dims[0] >= dims[0]);
        for (var i = 1; fits && i < dims.Length; i++) fits = data.Dims[i] == dims[i];
        if (!fits) throw new UsageException($"The data for input '{input.Name}' have shape {data.Shape}; at least {expected} is needed.");
        if (data.Type != input.Type && !(data.Type.IsFloat && input.Type.IsFloat) && !(data.Type.IsInteger && (input.Type.IsInteger || input.Type.IsFloat)))
            throw new UsageException($"The data for input '{input.Name}' are {data.Type}; the input is {input.Type}.");
        if (dims.Length > 0 && data.Dims[0] < dims[0] + skipped)
            throw new ModelException(ModelProblem.Binding, $"The data for input '{input.Name}' hold {data.Dims[0]} samples; another batch needs {dims[0] + skipped}.");
        var count = checked((int)expected.ElementCount);
        var first = dims.Length == 0 || skipped == 0 ? 0 : checked((int)(skipped * (count / dims[0])));
        if (data.Type == input.Type) return TensorData.FromBytes(data.Type, dims, data.Bytes.Slice(checked((int)data.Type.ByteCount(first)), checked((int)data.Type.ByteCount(count))));
        return TensorData.FromNumbers(input.Type, dims, data.ToDoubles().AsSpan(first, count));
    }

    static InputData Synthetic(Value input, long[] dims, int batchAxis, Protocol protocol, Dictionary<Value, List<Node>> consumers)
    {
        var count = checked((int)Shape.Of(dims).ElementCount);
        var random = new SeededRandom(protocol.Seed, "input/" + input.Name + (protocol.Draw > 0 ? string.Create(CultureInfo.InvariantCulture, $"/{protocol.Draw}") : ""));
        if (input.Type.IsFloat) return SyntheticFloat(input, dims, batchAxis, count, protocol, random, consumers);
        if (input.Type == ElementType.Bool) return Numbers(input, dims, count, _ => 1, "all true");
        if (!input.Type.IsInteger) throw new ModelException(ModelProblem.Unsupported, $"The input '{input.Name}' is {input.Type}; give its contents with --data.");
        if (IsMask(input)) return Numbers(input, dims, count, _ => 1, "all ones (a mask)");
        if (LooksLike(input.Name, "position")) return Numbers(input, dims, count, i => i % dims[^1], "0, 1, 2, … along the last axis (positions)");
        if (LooksLike(input.Name, "len") && dims.Length <= 1) return Numbers(input, dims, count, _ => 1, "ones (a length)");
        var bound = TokenBound(input, consumers);
        return bound is { } vocabulary
            ? Numbers(input, dims, count, _ => random.Integer(vocabulary), string.Create(CultureInfo.InvariantCulture, $"uniform tokens in [0, {vocabulary})"))
            : input.Type == ElementType.UInt8
                ? Numbers(input, dims, count, _ => random.Integer(256), "uniform bytes in [0, 256)")
                : Numbers(input, dims, count, _ => random.Integer(2), "uniform in {0, 1}: the graph does not tell the range");
    }

    static InputData SyntheticFloat(Value input, long[] dims, int batchAxis, int count, Protocol protocol, SeededRandom random, Dictionary<Value, List<Node>> consumers)
    {
        if (IsState(input, consumers)) return Numbers(input, dims, count, _ => 0, "zeros (a state)");
        if (IsMask(input)) return Numbers(input, dims, count, _ => 1, "all ones (a mask)");
        if (protocol.Input == InputLaw.GreyRamp)
        {
            var samples = batchAxis >= 0 ? dims[batchAxis] : 1;
            var inner = 1L;
            for (var i = Math.Max(batchAxis, 0) + (batchAxis >= 0 ? 1 : 0); i < dims.Length; i++) inner *= dims[i];
            return Numbers(input, dims, count, i => (double)(i / inner % samples) / samples, "grey ramp: sample i of N is the constant i / N");
        }
        if (protocol.Input == InputLaw.Ones) return Numbers(input, dims, count, _ => 1, "all ones");
        if (protocol.Input == InputLaw.CirclePoint) return Circle(input, dims, batchAxis, count, protocol);
        if (protocol.Input == InputLaw.Perturbed)
        {
            var second = new SeededRandom(protocol.Seed, "perturbation/" + input.Name);
            return Numbers(input, dims, count, _ => random.Normal() + Perturbation * second.Normal(), "synthetic, N(0, 1) and 0.01 times another N(0, 1)");
        }
        return Numbers(input, dims, count, _ => random.Normal(), "synthetic, N(0, 1)");
    }

    /// <summary>The same direction of length 1 for every sample.</summary>
    static InputData Circle(Value input, long[] dims, int batchAxis, int count, Protocol protocol)
    {
        var samples = batchAxis == 0 ? (int)Math.Max(1, dims[0]) : 1;
        var (point, _) = OrthonormalPair.Of(count / samples, protocol.Seed, input.Name);
        return Numbers(input, dims, count, i => point[i % point.Length], "a random direction of length 1");
    }

    static InputData Numbers(Value input, long[] dims, int count, Func<int, double> at, string source)
    {
        var values = new double[count];
        for (var i = 0; i < count; i++) values[i] = at(i);
        return new InputData(TensorData.FromNumbers(input.Type, dims, values), source);
    }

    /// <summary>Whether a float input is no signal but a state or a mask, whose contents no law draws.</summary>
    public static bool IsSetting(Value input, Dictionary<Value, List<Node>> consumers) => IsState(input, consumers) || IsMask(input);

    static bool IsMask(Value input) => LooksLike(input.Name, "mask");

    /// <summary>Whether an input steers how the signal is read and carries none itself: masks, positions, lengths.</summary>
    public static bool StandsBeside(Value input) => input.Type == ElementType.Bool || LooksLike(input.Name, "mask") || LooksLike(input.Name, "position") || LooksLike(input.Name, "len");

    static bool LooksLike(string name, string word) => name.Contains(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether an input is a recurrent state: by its slot, or by the names exporters give.</summary>
    static bool IsState(Value input, Dictionary<Value, List<Node>> consumers) =>
        consumers.GetValueOrDefault(input, []).Any(n => n.OpType is "LSTM" or "GRU" or "RNN" && (n.Input(5) == input || n.Input(6) == input))
        || LooksLike(input.Name, "state") || LooksLike(input.Name, "past_key") || input.Name is "h" or "c" or "h0" or "c0";

    /// <summary>The smallest table that an integer input indexes, through operators that keep its values; null where it indexes none.</summary>
    static long? TokenBound(Value input, Dictionary<Value, List<Node>> consumers)
    {
        long? bound = null;
        var seen = new HashSet<Value>();
        var open = new Stack<Value>([input]);
        while (open.TryPop(out var value))
        {
            if (!seen.Add(value)) continue;
            foreach (var node in consumers.GetValueOrDefault(value, []))
            {
                var size = node.OpType switch
                {
                    "Gather" when node.Input(1) == value && node.Input(0)?.Shape is { } table => table[(int)node.Int("axis")].Size,
                    "GatherElements" when node.Input(1) == value && node.Input(0)?.Shape is { } table => table[(int)node.Int("axis")].Size,
                    // A one-hot encoding written out: compared with 0, 1, 2, …; a comparison with a single number is a test for padding.
                    "Equal" when (node.Input(0) == value ? node.Input(1) : node.Input(0))?.Constant is { Count: > 2 } codes && codes.Type.IsInteger => codes.ToInt64s().Max() + 1,
                    "OneHot" when node.Input(0) == value => node.Input(1)?.Constant?.ToInt64sOrNull()?[0] ?? -1,
                    _ => -1,
                };
                if (size > 0) bound = Math.Min(bound ?? long.MaxValue, size);
                if (node.OpType is "Identity" or "Cast" or "Reshape" or "Unsqueeze" or "Squeeze" or "Flatten" or "Transpose" or "Slice" or "Expand" or "Concat" or "Tile"
                    && node.Outputs.Count > 0 && node.Outputs[0] is { } next) open.Push(next);
            }
        }
        return bound;
    }

    static long[]? ToInt64sOrNull(this TensorData data) => data.Count > 0 ? (data.Type.IsFloat ? [(long)data.ToDoubles()[0]] : data.ToInt64s()) : null;
}
