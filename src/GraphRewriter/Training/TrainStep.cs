using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace GraphRewriter.Training;

/// <summary>What a carried value is.</summary>
public enum CarriedKind
{
    /// <summary>A trained parameter.</summary>
    Parameter,
    /// <summary>An optimiser's state of one parameter; zeros before the first step.</summary>
    State,
    /// <summary>The number of steps made, int64; 0 before the first.</summary>
    Step,
    /// <summary>A running mean or variance of a BatchNormalization.</summary>
    Statistic,
}

/// <summary>A value that a step takes and gives anew: the output of one step is the input of the next.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Input">The graph input.</param>
/// <param name="Output">The graph output, <c>new/</c> before the input's name.</param>
/// <param name="Initial">The contents before the first step.</param>
public sealed record Carried(CarriedKind Kind, Value Input, Value Output, TensorData Initial);

/// <summary>A training step in a graph.</summary>
/// <param name="LearningRate">The input for the learning rate, a float32 scalar.</param>
/// <param name="Carried">What goes from step to step: parameters, their states, the number of steps, statistics.</param>
/// <param name="Unreached">The parameters that no gradient reaches, by name; they stay constants.</param>
/// <param name="Differentiation">What the reverse sweep found.</param>
public sealed record TrainStepResult(Value LearningRate, IReadOnlyList<Carried> Carried, IReadOnlyList<string> Unreached, DifferentiationResult Differentiation);

/// <summary>Turns a graph with a loss into a training step: gradients, update and new state as further nodes, in standard operators only.</summary>
public static class TrainStep
{
    /// <summary>What stands before the name of an input in that of the output that replaces it.</summary>
    public const string NewPrefix = "new/";

    /// <summary>Emits the step. Parameters, states and statistics become inputs of the graph; the outputs are the loss and the new values alone.</summary>
    /// <param name="graph">The graph; parameters are initializers.</param>
    /// <param name="loss">A float scalar of the graph; it becomes the output <c>loss</c>.</param>
    /// <param name="parameters">What to train, with the names of the model.</param>
    /// <param name="optimizer">The optimiser.</param>
    /// <param name="statistics">The statistics of the batch that running ones follow; empty for none.</param>
    /// <param name="names">The names taken in the graph.</param>
    /// <param name="straightThrough">Whether gradients pass Round, and QuantizeLinear where it does not saturate.</param>
    public static TrainStepResult Emit(
        Graph graph, Value loss, IReadOnlyList<(string Name, Value Value)> parameters, Optimizer optimizer, IReadOnlyList<BatchStatistics> statistics, NameScope names, bool straightThrough = false)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        // While nodes are emitted the contents are not known: what was computed from them would not follow training.
        var initial = parameters.ToDictionary(p => p.Value, p => p.Value.Data!);
        foreach (var value in initial.Keys) value.Data = null;
        var lossName = names.Fresh("loss");
        var sweep = Differentiate.Run(graph, loss, [.. parameters.Select(p => p.Value)], names, straightThrough);
        var reached = parameters.Where(p => sweep.Gradients.ContainsKey(p.Value)).ToList();
        var unreached = parameters.Where(p => !sweep.Gradients.ContainsKey(p.Value)).ToList();
        foreach (var (_, value) in unreached) value.Data = initial[value];
        var rate = new Value(names.Fresh("learning_rate"), ElementType.Float32, Shape.Scalar);
        graph.Inputs.Add(rate);
        var site = new Site(graph, names, new Tape(names) { Prefix = "update/" });
        graph.Outputs.Clear();
        site.Show(loss, lossName);
        var rates = AllRates(site, optimizer, rate);
        foreach (var (name, value) in reached) site.Train(name, value, initial[value], sweep.Gradients[value], optimizer, rates);
        foreach (var group in statistics.SelectMany(s => (IEnumerable<(Value Running, BatchStatistics Of, bool IsMean)>)[(s.RunningMean, s, true), (s.RunningVariance, s, false)]).GroupBy(s => s.Running))
            site.Follow(group.Key, [.. group.Select(g => (g.Of, g.IsMean))]);
        site.Tape.AppendTo(graph);
        return new TrainStepResult(rate, site.Carried, [.. unreached.Select(p => p.Name)], sweep);
    }

    /// <summary>
    /// The rates of a step. 1 − βᵗ is taken in float64: next to 1, float32 keeps four digits of the 0.001 of the first step.
    /// </summary>
    static Func<ElementType, Rates> AllRates(Site site, Optimizer optimizer, Value rate)
    {
        var t = site.Tape;
        var known = new Dictionary<ElementType, Rates>();
        if (!optimizer.CountsSteps) return type => known.TryGetValue(type, out var rates) ? rates : known[type] = new Rates(t.Cast(rate, type), t.Cast(rate, type), null);
        var step = new Value(site.Names.Fresh("step"), ElementType.Int64, Shape.Scalar);
        var next = t.Op("Add", step, t.Const(TensorData.Scalar(1L)));
        site.Carry(CarriedKind.Step, step, next, TensorData.Scalar(0L));
        var count = t.Cast(next, ElementType.Float64);
        Value Correction(double beta) => t.Sub(1, t.Op("Pow", t.Scalar(beta, ElementType.Float64), count));
        var (first, second) = (t.Div(t.Cast(rate, ElementType.Float64), Correction(Optimizers.Beta1)), t.Sqrt(Correction(Optimizers.Beta2)));
        return type => known.TryGetValue(type, out var rates) ? rates : known[type] = new Rates(t.Cast(rate, type), t.Cast(first, type), t.Cast(second, type));
    }

    /// <summary>The graph that a step is emitted into, and what it carries so far.</summary>
    sealed record Site(Graph Graph, NameScope Names, Tape Tape)
    {
        public List<Carried> Carried { get; } = [];

        public void Train(string name, Value w, TensorData contents, Value gradient, Optimizer optimizer, Func<ElementType, Rates> rates)
        {
            if (!w.Name.Equals(name, StringComparison.Ordinal)) w.Name = Names.Fresh(name);
            Value[] state = [.. optimizer.State.Select(s => new Value(Names.Fresh($"{s}/{w.Name}"), w.Type, w.Shape))];
            var (updated, states) = optimizer.Update(Tape, w, gradient, state, rates(w.Type));
            Carry(CarriedKind.Parameter, w, updated, contents);
            for (var i = 0; i < state.Length; i++) Carry(CarriedKind.State, state[i], states[i], TensorData.FromBytes(w.Type, [.. contents.Dims], new byte[w.Type.ByteCount(contents.Count)]));
        }

        /// <summary>
        /// The running statistic after the batch, as PyTorch has it: the share that ONNX calls momentum stays, and the batch's variance is taken without bias. Layers that share a statistic
        /// change it one after the other.
        /// </summary>
        public void Follow(Value running, IReadOnlyList<(BatchStatistics Of, bool IsMean)> layers)
        {
            // Statistics that come out of a computation have no place to be kept.
            if (running.Data is not { } contents || !Graph.Initializers.Contains(running)) return;
            running.Data = null;
            var value = running;
            foreach (var (of, isMean) in layers)
            {
                var measured = isMean ? of.Mean : Tape.Mul(of.Variance, Unbiased(of));
                value = Tape.Add(Tape.Mul(value, of.Momentum), Tape.Mul(Tape.ReshapeLike(Tape.Cast(measured, running.Type), running), 1 - of.Momentum));
            }
            Carry(CarriedKind.Statistic, running, value, contents);
        }

        /// <summary>n / (n − 1) for the n values of a channel; PyTorch refuses a batch with one value a channel, here it counts as two.</summary>
        Value Unbiased(BatchStatistics of)
        {
            var count = Tape.CountOf(of.X, of.Axes, of.Variance);
            return Tape.Div(count, Tape.Max(Tape.Add(count, -1), Tape.ScalarLike(1, count)));
        }

        /// <summary>Makes a value an input, and its successor an output.</summary>
        public void Carry(CarriedKind kind, Value input, Value successor, TensorData initial)
        {
            Graph.Initializers.Remove(input);
            input.Data = null;
            Graph.Inputs.Add(input);
            Carried.Add(new Carried(kind, input, Show(successor, Names.Fresh(NewPrefix + input.Name), input.Shape), initial));
        }

        /// <summary>Makes a value an output of a name of its own.</summary>
        public Value Show(Value value, string name, Shape? shape = null)
        {
            var output = Tape.Op("Identity", value);
            output.Name = name;
            if (shape is not null) output.Shape = shape;
            Graph.Outputs.Add(output);
            return output;
        }
    }
}
