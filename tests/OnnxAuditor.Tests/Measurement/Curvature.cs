using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>
/// The curvature of a network's loss by its trainable parameters, on ONNX Runtime: Hessian-vector products, and the same from differences of the first gradients.
/// Directions are drawn in units of each parameter's root mean square, so that one step suits parameters of any size.
/// </summary>
/// <remarks>
/// A product is the curvature of the pieces that ReLU, MaxPool and the like are on at the given weights, while a step moves some of thousands of units across their
/// kinks. The differences are therefore taken of the network held on those pieces: each operator with kinks is replaced by the polynomial that it is around what it
/// is fed at the given weights. The two networks have the same gradient there (<see cref="HeldFault"/>) and the same curvature, which is what is compared.
/// </remarks>
sealed class Curvature : IDisposable
{
    readonly Network network;
    readonly Network held;
    readonly SortedDictionary<string, TensorData> weights;

    /// <summary>Loads a network.</summary>
    /// <param name="path">The model.</param>
    /// <param name="batch">Samples; null for the file's own number.</param>
    public Curvature(string path, long? batch)
    {
        var kinks = Kinks(path, batch);
        network = new Network(path, batch, null);
        held = new Network(path, batch, kinks);
        weights = new(network.Weights.ToDictionary(w => w.Name, w => w.Data!, StringComparer.Ordinal), StringComparer.Ordinal);
    }

    /// <summary>The parameters with a product, by name.</summary>
    public IEnumerable<string> Parameters => weights.Keys.Where(network.HasProduct);

    /// <summary>The nodes at which a gradient stopped for want of a rule.</summary>
    public IReadOnlyList<string> Gaps => network.Gaps;

    /// <summary>How far the gradients of the network and of the one held on its pieces are apart, relative to their norm.</summary>
    public double HeldFault()
    {
        var (actual, expected) = (network.Gradients(weights), held.Gradients(weights));
        return Distance(actual, expected) / Norm(expected);
    }

    /// <summary>A random direction: normal numbers in units of the parameter's root mean square, of 0.1 where that is zero.</summary>
    public Dictionary<string, double[]> Direction(long seed) => Parameters.ToDictionary(name => name, name =>
    {
        var random = new SeededRandom(seed, name);
        var values = weights[name].ToDoubles();
        var scale = Math.Sqrt(values.Sum(v => v * v) / values.Length) is > 0 and var rms ? rms : 0.1;
        return values.Select(_ => scale * random.Normal()).ToArray();
    }, StringComparer.Ordinal);

    /// <summary>H v from the graph.</summary>
    public Dictionary<string, double[]> Product(Dictionary<string, double[]> direction) => network.Products(weights, direction);

    /// <summary>
    /// H v from central differences of the gradients, extrapolated (Richardson). The step is halved, from 2^-4 on, until two successive results come no closer: there
    /// the truncation, which falls with the fourth power of the step, has met the rounding of the float32 gradients, which grows as the step shrinks. The
    /// product has no part in the choice.
    /// </summary>
    public Dictionary<string, double[]> Difference(Dictionary<string, double[]> direction)
    {
        var step = 1.0 / 16;
        var coarse = Central(direction, step);
        Dictionary<string, double[]>? last = null;
        var (best, smallest) = (coarse, double.PositiveInfinity);
        while (true)
        {
            var fine = Central(direction, step /= 2);
            var extrapolated = Combined(fine, coarse, (f, c) => (4 * f - c) / 3);
            var gap = last is null ? double.NaN : Distance(extrapolated, last);
            if (gap > smallest) return best;
            // A step that leads out of the range of float32 gives no number, and no gap.
            if (gap < smallest) (best, smallest) = (last!, gap);
            (coarse, last) = (fine, extrapolated);
        }
    }

    Dictionary<string, double[]> Central(Dictionary<string, double[]> direction, double step) =>
        Combined(held.Gradients(Moved(direction, step)), held.Gradients(Moved(direction, -step)), (a, b) => (a - b) / (2 * step));

    static Dictionary<string, double[]> Combined(Dictionary<string, double[]> a, Dictionary<string, double[]> b, Func<double, double, double> each) =>
        a.ToDictionary(v => v.Key, v => v.Value.Zip(b[v.Key], each).ToArray(), StringComparer.Ordinal);

    public void Dispose()
    {
        network.Dispose();
        held.Dispose();
    }

    /// <summary>The Euclidean norm over all parameters.</summary>
    public static double Norm(Dictionary<string, double[]> a) => Math.Sqrt(a.Values.Sum(v => v.Sum(x => x * x)));

    /// <summary>The Euclidean distance over all parameters.</summary>
    public static double Distance(Dictionary<string, double[]> a, Dictionary<string, double[]> b) => Math.Sqrt(a.Sum(v => v.Value.Zip(b[v.Key], (x, y) => (x - y) * (x - y)).Sum()));

    /// <summary>The part that belongs to one parameter.</summary>
    public static Dictionary<string, double[]> Only(Dictionary<string, double[]> a, string name) => new(StringComparer.Ordinal) { [name] = a[name] };

    /// <summary>The terms of the inner product over all parameters.</summary>
    public static IEnumerable<double> Terms(Dictionary<string, double[]> a, Dictionary<string, double[]> b) => a.SelectMany(v => v.Value.Zip(b[v.Key], (x, y) => x * y));

    SortedDictionary<string, TensorData> Moved(Dictionary<string, double[]> direction, double step)
    {
        var moved = new SortedDictionary<string, TensorData>(weights, StringComparer.Ordinal);
        foreach (var (name, v) in direction) moved[name] = TensorData.FromNumbers(weights[name].Type, [.. weights[name].Dims], weights[name].ToDoubles().Zip(v, (w, d) => w + step * d).ToArray());
        return moved;
    }

    /// <summary>What each operator with kinks is fed at the given weights, by node name; for MaxPool the places of the maxima.</summary>
    static Dictionary<string, TensorData> Kinks(string path, long? batch)
    {
        var model = Network.Read(path, batch);
        var graph = model.Model.Graph;
        var tape = new Tape(graph);
        var kinked = graph.Nodes.Where(n => n.OpType is "Relu" or "LeakyRelu" or "HardSigmoid" or "HardSwish" or "MaxPool").ToList();
        var wanted = kinked.ConvertAll(n => n.Is("MaxPool") ? tape.Ops("MaxPool", 2, [.. n.Attributes.Values], n.Inputs[0]).Outputs[1]! : n.Inputs[0]!);
        tape.AppendTo(graph);
        graph.Outputs.Clear();
        graph.Outputs.AddRange(wanted.Distinct());
        if (wanted.Count == 0) return [];
        using var executor = new OrtExecutor(model.Model, new OrtSettings(Threads: 2));
        var found = executor.Run(Network.Inputs(model), [.. wanted.Select(w => w.Name)]);
        return kinked.Zip(found).ToDictionary(k => k.First.Name, k => k.Second, StringComparer.Ordinal);
    }

    /// <summary>A network as a function of its trainable parameters.</summary>
    sealed class Network : IDisposable
    {
        readonly OrtExecutor executor;
        readonly Dictionary<string, TensorData> feeds;
        readonly Dictionary<string, string> gradients = new(StringComparer.Ordinal);
        readonly Dictionary<string, (string Direction, string Product)> products = new(StringComparer.Ordinal);

        /// <summary>Builds the graph of gradients, and that of products where the network is not held on given pieces.</summary>
        public Network(string path, long? batch, Dictionary<string, TensorData>? pieces)
        {
            var canonical = Read(path, batch);
            feeds = Inputs(canonical);
            var graph = canonical.Model.Graph;
            if (pieces is not null) Hold(graph, pieces);
            var loss = AttachLoss.Run(graph);
            var trainable = canonical.Parameters.Where(p => p.Trainable).ToList();
            var first = Differentiate.Run(graph, loss.Loss, [.. trainable.Select(p => p.Value)]);
            foreach (var p in trainable) if (first.Gradients.TryGetValue(p.Value, out var gradient)) gradients[p.Name] = gradient.Name;
            var second = pieces is null ? HessianVectorProduct.Emit(graph, first, [.. trainable.Select(p => (p.Name, p.Value))]) : null;
            Gaps = [.. first.Blocked.Concat(second?.Blocked ?? []).Where(b => b.IsMissingRule).Select(b => $"{b.Node}: {b.Reason}")];
            graph.Outputs.Clear();
            graph.Outputs.AddRange(trainable.Select(p => first.Gradients.GetValueOrDefault(p.Value)).OfType<Value>().Distinct());
            foreach (var p in trainable)
            {
                if (second?.Products.TryGetValue(p.Value, out var product) != true) continue;
                products[p.Name] = (second!.Directions[p.Value].Name, product!.Name);
                if (!graph.Outputs.Contains(product)) graph.Outputs.Add(product);
            }
            foreach (var term in loss.Terms) if (term.Target is { } target) feeds[target.Name] = Target(term, target);
            Weights = trainable.ConvertAll(p => (p.Name, p.Value.Data));
            foreach (var p in trainable) Feed(graph, p);
            executor = new OrtExecutor(canonical.Model, new OrtSettings(Threads: 2));
        }

        /// <summary>The trainable parameters as they are in the file.</summary>
        public List<(string Name, TensorData? Data)> Weights { get; }

        public IReadOnlyList<string> Gaps { get; }

        public bool HasProduct(string parameter) => products.ContainsKey(parameter);

        public Dictionary<string, double[]> Gradients(SortedDictionary<string, TensorData> weights) => Run(weights, null, gradients);

        public Dictionary<string, double[]> Products(SortedDictionary<string, TensorData> weights, Dictionary<string, double[]> direction) =>
            Run(weights, direction, products.ToDictionary(p => p.Key, p => p.Value.Product, StringComparer.Ordinal));

        public void Dispose() => executor.Dispose();

        /// <summary>The canonical model with frozen statistics, without dropout.</summary>
        public static CanonicalModel Read(string path, long? batch)
        {
            using var file = OnnxReader.Read(path);
            var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions { Batch = batch ?? 1 });
            RemoveDropout.Apply(canonical.Model.Graph);
            SetNormStatistics.Frozen(canonical.Model.Graph);
            return canonical;
        }

        /// <summary>Seeded inputs.</summary>
        public static Dictionary<string, TensorData> Inputs(CanonicalModel model)
        {
            var protocol = new Protocol(WeightSource.Shipped, NormStatistics.Frozen, InputLaw.Auto, model.Batch.Size, 0, Probes.ParameterGradients);
            return MakeInputs.For(model, protocol, 1, new Dictionary<string, TensorData>(StringComparer.Ordinal), "").ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
        }

        Dictionary<string, double[]> Run(SortedDictionary<string, TensorData> weights, Dictionary<string, double[]>? direction, Dictionary<string, string> outputs)
        {
            var fed = new Dictionary<string, TensorData>(feeds, StringComparer.Ordinal);
            foreach (var (name, data) in weights) fed["weight/" + name] = data;
            foreach (var (name, (v, _)) in products) fed[v] = TensorData.FromNumbers(weights[name].Type, [.. weights[name].Dims], direction?[name] ?? new double[weights[name].Count]);
            var results = executor.Run(fed, [.. outputs.Values]);
            return outputs.Keys.Zip(results).ToDictionary(r => r.First, r => r.Second.ToDoubles(), StringComparer.Ordinal);
        }

        static void Feed(Graph graph, Parameter parameter)
        {
            graph.Initializers.Remove(parameter.Value);
            parameter.Value.Data = null;
            parameter.Value.Name = "weight/" + parameter.Name;
            graph.Inputs.Add(parameter.Value);
        }

        static TensorData Target(LossTerm term, Value target)
        {
            var random = new SeededRandom(0, string.Create(CultureInfo.InvariantCulture, $"target/{term.Output.Name}"));
            var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
            var values = new double[target.Shape!.ElementCount];
            for (var i = 0; i < values.Length; i++) values[i] = term.Kind == LossKind.Mse ? random.Normal() : random.Integer(classes);
            return TensorData.FromNumbers(target.Type, target.Shape.ToArray(), values);
        }

        /// <summary>Replaces each operator with kinks by the polynomial that it is around what it was fed.</summary>
        static void Hold(Graph graph, Dictionary<string, TensorData> pieces)
        {
            var tape = new Tape(graph);
            for (var i = 0; i < graph.Nodes.Count; i++)
            {
                if (graph.Nodes[i] is not { } node || !pieces.TryGetValue(node.Name, out var at)) continue;
                var y = Piece(tape, graph, node, at);
                var output = node.Output;
                node.SetOutput(0, null);
                y.Producer!.SetOutput(0, output);
                graph.Nodes.RemoveAt(i);
                i += tape.InsertInto(graph, i) - 1;
            }
            ShapeInference.Infer(graph);
        }

        static Value Piece(Tape t, Graph graph, Node node, TensorData at)
        {
            Value Data(string what, TensorData data) => graph.AddInitializer(t.FreshName($"{node.Name}/{what}"), data);
            var x = node.Inputs[0]!;
            if (node.Is("MaxPool")) return t.Gather(t.Reshape(x, -1), Data("places", at));
            Func<double, (double Slope, double Offset)> piece = node.OpType switch
            {
                "Relu" => v => (v > 0 ? 1 : 0, 0),
                "LeakyRelu" => v => (v > 0 ? 1 : node.Float("alpha", 0.01f), 0),
                "HardSigmoid" => HardSigmoid(node.Float("alpha", 0.2f), node.Float("beta", 0.5f)),
                _ => HardSigmoid(1.0 / 6, 0.5),
            };
            var pieces = at.ToDoubles().Select(piece).ToList();
            var slope = Data("slope", TensorData.FromNumbers(at.Type, [.. at.Dims], [.. pieces.Select(p => p.Slope)]));
            var offset = Data("offset", TensorData.FromNumbers(at.Type, [.. at.Dims], [.. pieces.Select(p => p.Offset)]));
            var linear = t.Add(t.Mul(x, slope), offset);
            return node.Is("HardSwish") ? t.Mul(x, linear) : linear;
        }

        static Func<double, (double Slope, double Offset)> HardSigmoid(double alpha, double beta) =>
            v => (alpha * v + beta) switch { <= 0 => (0, 0), >= 1 => (0, 1), _ => (alpha, beta) };
    }
}
