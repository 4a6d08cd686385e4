using System.Globalization;
using GraphRewriter.Ir;
using Microsoft.ML.OnnxRuntime;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

/// <summary>How far a gradient is from what it is compared with.</summary>
/// <param name="Input">The slot of the input.</param>
/// <param name="What">What is compared.</param>
/// <param name="Relative">The difference over the sum of magnitudes that the projection adds up.</param>
/// <param name="Excess">The difference over what is allowed.</param>
readonly record struct GradientError(int Input, string What, double Relative, double Excess);

/// <summary>
/// Checks the gradients of a sample by projected finite differences: with L = Σ c y for a random cotangent c, the derivative of L along a random direction v of each
/// input must be the product of v with the gradient. The fourth-order central difference (Richardson) is taken in float64 where ONNX Runtime has the kernel of the
/// operator; the gradient graph runs in float32, and in float64 too where it can.
/// </summary>
sealed class GradientCheck
{
    // The truncation error of the fourth-order difference, step^4 / 30 times the fifth derivative, is 3e-14 at the step of float64 and 3e-8 at that of float32.
    const double Step64 = 1.0 / 1024, Step32 = 1.0 / 32;
    // What remains is rounding: of the float64 evaluation, of the float32 gradient graph, and of float32 differences, whose noise is allowed for on top.
    const double Tolerance64 = 1e-8, Tolerance32 = 2e-5;

    // Of the greatest number; a canonical form adds in another order than the kernel.
    const double ForwardTolerance = 1e-5;

    readonly OpSample sample;
    readonly Random random;
    readonly double[]?[] values;
    readonly double[]?[] directions;

    public GradientCheck(OpSample sample)
    {
        this.sample = sample;
        random = new Random(Seed(sample.Id));
        values = [.. sample.Inputs.Select(i => i is null ? null : i.Values ?? (i.Domain ?? sample.Domain ?? Domain.Any).Draw(Count(i.Dims), random))];
        directions = [.. values.Select(v => v is null ? null : Direction(v.Length))];
    }

    /// <summary>The values of each input.</summary>
    public double[]?[] Values => values;

    /// <summary>Checks the first gradients; throws where one differs.</summary>
    public List<GradientError> FirstOrder()
    {
        var real = sample.InFloat32 is null && Loads(SampleGraph.Original(sample, values, ElementType.Float64)) ? ElementType.Float64 : ElementType.Float32;
        var forward = new SampleGraph(sample, values, real);
        using var evaluate = new Evaluation(sample, SampleGraph.Original(sample, values, real));
        var outputs = evaluate.Run(Feeds(real));
        AssertShapes(forward, outputs);
        if (sample.IsLowered) AssertSame(outputs, forward.Model, real);
        var cotangents = forward.Outputs.Where(o => o.IsFloat).Select(o => Direction(Count(outputs[o.Name].Dims))).ToList();
        if (sample.Expected is not null)
        {
            foreach (var c in cotangents) Array.Fill(c, 1);
            return AgainstExpected(Gradients(ElementType.Float32, outputs, cotangents));
        }
        var errors = AgainstDifferences(forward, evaluate, real, cotangents, Gradients(ElementType.Float32, outputs, cotangents), ElementType.Float32);
        if (real == ElementType.Float64 && Gradients(ElementType.Float64, outputs, cotangents, optional: true) is { } wide)
            errors.AddRange(AgainstDifferences(forward, evaluate, real, cotangents, wide, ElementType.Float64));
        return Verified(errors);
    }

    /// <summary>Checks that the gradient graph made without knowing dimensions gives the gradients of the one made knowing them.</summary>
    public void WithUnknownDimensions()
    {
        var forward = new SampleGraph(sample, values, ElementType.Float32);
        using var evaluate = new Evaluation(sample, SampleGraph.Original(sample, values, ElementType.Float32));
        var outputs = evaluate.Run(Feeds(ElementType.Float32));
        if (sample.IsLowered) AssertSame(outputs, new SampleGraph(sample, values, ElementType.Float32, hideShapes: true).Model, ElementType.Float32);
        var cotangents = forward.Outputs.Where(o => o.IsFloat).Select(o => Direction(Count(outputs[o.Name].Dims))).ToList();
        var known = Gradients(ElementType.Float32, outputs, cotangents)!;
        var unknown = Gradients(ElementType.Float32, outputs, cotangents, hideShapes: true)!;
        Assert.Equal(known.Keys, unknown.Keys);
        var errors = new List<GradientError>();
        foreach (var (slot, a) in known)
        {
            var (x, y) = (a.ToDoubles(), unknown[slot].ToDoubles());
            var largest = x.Select(Math.Abs).DefaultIfEmpty(0).Max();
            // Sums may run in another order.
            for (var k = 0; k < x.Length; k++) errors.Add(Error(slot, "unknown dimensions", x[k], y[k], largest, 1e-5, 0));
        }
        Verified(errors);
    }

    /// <summary>Checks the gradients of the projected first gradients by differences of the first gradients.</summary>
    public List<GradientError> SecondOrder()
    {
        var errors = (sample.InFloat32 is null ? SecondOrder(ElementType.Float64) : null) ?? SecondOrder(ElementType.Float32);
        Assert.True(errors is not null, $"{sample.Id}: the second gradient does not load.");
        return Verified(errors);
    }

    List<GradientError>? SecondOrder(ElementType real)
    {
        var graph = new SampleGraph(sample, values, real);
        var first = graph.Differentiate();
        var gradient = new SampleGraph(sample, values, real);
        gradient.Differentiate();
        var second = graph.DifferentiateAgain(first);
        if (real == ElementType.Float64 && !(Loads(gradient.Model) && Loads(graph.Model))) return null;
        using var evaluate = new Evaluation(sample, gradient.Model);
        using var evaluateSecond = new Evaluation(sample, graph.Model);
        var feeds = Feeds(real);
        using (var forward = new Evaluation(sample, new SampleGraph(sample, values, real).Model))
        {
            var outputs = forward.Run(feeds);
            AddCotangents(feeds, graph, outputs, [.. graph.Outputs.Where(o => o.IsFloat).Select(o => Direction(Count(outputs[o.Name].Dims)))]);
        }
        var weights = first.ToDictionary(i => $"g{i}", i => Direction(values[i]!.Length), StringComparer.Ordinal);
        foreach (var i in first) feeds[$"w{i}"] = TensorData.FromNumbers(real, sample.Inputs[i]!.Dims, weights[$"g{i}"]);
        var found = evaluateSecond.Run(feeds);
        var errors = new List<GradientError>();
        foreach (var slot in graph.Slots)
        {
            var h = second.Contains(slot) ? found[$"h{slot}"].ToDoubles() : new double[values[slot]!.Length];
            var (difference, noise) = Difference(evaluate, feeds, slot, real, weights);
            errors.Add(Projected(slot, $"second gradient in {real}", h, difference, real == ElementType.Float64 ? Tolerance64 * 10 : Tolerance32 * 10, noise));
        }
        return errors;
    }

    List<GradientError> AgainstDifferences(SampleGraph forward, Evaluation evaluate, ElementType real, List<double[]> cotangents,
        Dictionary<int, TensorData>? gradients, ElementType precision)
    {
        var weights = forward.Outputs.Where(o => o.IsFloat).Zip(cotangents).ToDictionary(p => p.First.Name, p => p.Second, StringComparer.Ordinal);
        var tolerance = precision == ElementType.Float64 ? Tolerance64 : sample.Tolerance?.Value ?? Tolerance32;
        var errors = new List<GradientError>();
        foreach (var slot in forward.Slots)
        {
            Assert.True(gradients!.ContainsKey(slot), $"{sample.Id}: input {slot} has no gradient.");
            var (difference, noise) = Difference(evaluate, Feeds(real), slot, real, weights);
            errors.Add(Projected(slot, $"gradient in {precision} against differences in {real}", gradients[slot].ToDoubles(), difference, tolerance, noise));
        }
        return errors;
    }

    List<GradientError> AgainstExpected(Dictionary<int, TensorData>? gradients)
    {
        var errors = new List<GradientError>();
        foreach (var (expected, (slot, gradient)) in sample.Expected!.Zip(gradients!.OrderBy(g => g.Key)))
        {
            var found = gradient.ToDoubles();
            Assert.Equal(expected.Length, found.Length);
            for (var k = 0; k < found.Length; k++) errors.Add(Error(slot, $"element {k}", expected[k], found[k], Math.Abs(expected[k]), Tolerance32, 1e-6));
        }
        Assert.Equal(sample.Expected!.Length, gradients!.Count);
        return Verified(errors);
    }

    /// <summary>Runs the gradient graph; null where it is optional and ONNX Runtime lacks a kernel of the type.</summary>
    Dictionary<int, TensorData>? Gradients(ElementType real, Dictionary<string, TensorData> outputs, List<double[]> cotangents,
        bool hideShapes = false, bool optional = false)
    {
        var graph = new SampleGraph(sample, values, real, hideShapes);
        var slots = graph.Differentiate();
        if (optional && !Loads(graph.Model)) return null;
        var feeds = Feeds(real);
        AddCotangents(feeds, graph, outputs, cotangents);
        using var evaluation = new Evaluation(sample, graph.Model);
        var results = evaluation.Run(feeds);
        foreach (var i in slots) Assert.True(results[$"g{i}"].Dims.SequenceEqual(sample.Inputs[i]!.Dims), $"{sample.Id}: the gradient of input {i} is {results[$"g{i}"]}, the input [{string.Join(',', sample.Inputs[i]!.Dims)}].");
        return slots.ToDictionary(i => i, i => results[$"g{i}"]);
    }

    /// <summary>The derivative of the weighted sum of outputs along the direction of an input, and the rounding noise in it.</summary>
    (double Difference, double Noise) Difference(Evaluation evaluate, Dictionary<string, TensorData> feeds, int slot, ElementType real, Dictionary<string, double[]> weights)
    {
        var noise = 0.0;
        double At(double step)
        {
            var moved = values[slot]!.Zip(directions[slot]!, (x, v) => x + step * v).ToArray();
            var results = evaluate.Run(new Dictionary<string, TensorData>(feeds, StringComparer.Ordinal) { [$"x{slot}"] = TensorData.FromNumbers(real, sample.Inputs[slot]!.Dims, moved) });
            var sum = 0.0;
            noise = 0;
            foreach (var (name, weight) in weights)
            {
                var y = results[name].ToDoubles();
                var epsilon = Math.Max(Epsilon(results[name].Type), Epsilon(real));
                for (var k = 0; k < y.Length; k++)
                {
                    sum += weight[k] * y[k];
                    noise += epsilon * Math.Abs(weight[k] * y[k]);
                }
            }
            return sum;
        }
        if (sample.Linear) return ((At(1) - At(-1)) / 2, noise);
        var h = real == ElementType.Float64 ? Step64 : Step32;
        return ((8 * (At(h) - At(-h)) - (At(2 * h) - At(-2 * h))) / (12 * h), 2 * noise / h);
    }

    static double Epsilon(ElementType type) => type switch { ElementType.Float64 => 2.3e-16, ElementType.Float32 => 1.2e-7, _ => 9.8e-4 };

    GradientError Projected(int slot, string what, double[] gradient, double difference, double tolerance, double noise)
    {
        var sum = 0.0;
        var magnitude = 0.0;
        for (var k = 0; k < gradient.Length; k++)
        {
            sum += gradient[k] * directions[slot]![k];
            magnitude += Math.Abs(gradient[k] * directions[slot]![k]);
        }
        return Error(slot, what, difference, sum, Math.Max(magnitude, Math.Abs(difference)), tolerance, noise);
    }

    static GradientError Error(int slot, string what, double expected, double found, double scale, double tolerance, double noise)
    {
        var gap = Math.Abs(expected - found);
        if (gap == 0) return new GradientError(slot, what, 0, 0);
        var text = string.Create(CultureInfo.InvariantCulture, $"{what}: {found} where {expected} is expected, of magnitude {scale}, noise {noise}");
        return new GradientError(slot, text, gap / Math.Max(scale, 1e-300), gap / (tolerance * scale + noise));
    }

    List<GradientError> Verified(List<GradientError> errors)
    {
        var bad = errors.Where(e => !(e.Excess <= 1)).Select(e => $"{sample.Id}, input {e.Input}: {e.What}").ToList();
        Assert.True(bad.Count == 0, string.Join('\n', bad));
        return errors;
    }

    /// <summary>Checks that a canonical form gives the outputs of the operator itself.</summary>
    void AssertSame(Dictionary<string, TensorData> expected, Model canonical, ElementType real)
    {
        using var evaluate = new Evaluation(sample, canonical);
        var found = evaluate.Run(Feeds(real));
        foreach (var (name, value) in expected)
        {
            var difference = OrtReference.RelativeDifference(value, found[name]);
            Assert.True(difference <= ForwardTolerance, string.Create(CultureInfo.InvariantCulture, $"{sample.Id}: {name} differs by {difference} of its greatest number:\n{Text(value)}\n{Text(found[name])}"));
        }

        static string Text(TensorData data) => $"{data}: {string.Join(' ', data.ToDoubles().Take(64).Select(v => v.ToString("G5", CultureInfo.InvariantCulture)))}";
    }

    void AssertShapes(SampleGraph graph, Dictionary<string, TensorData> outputs)
    {
        foreach (var output in graph.Outputs)
        {
            var found = outputs[output.Name];
            Assert.True(output.Type == found.Type, $"{sample.Id}: {output.Name} is inferred as {output.Type}, is {found.Type}.");
            Assert.True(output.Shape is { } s && s.Rank == found.Dims.Count && s.Zip(found.Dims).All(p => !p.First.IsKnown || p.First.Size == p.Second), $"{sample.Id}: {output} is inferred, the run gave {found}.");
        }
    }

    static void AddCotangents(Dictionary<string, TensorData> feeds, SampleGraph graph, Dictionary<string, TensorData> outputs, List<double[]> cotangents)
    {
        var floats = graph.Outputs.Where(o => o.IsFloat).ToList();
        for (var k = 0; k < floats.Count; k++) feeds[$"c{k}"] = TensorData.FromNumbers(floats[k].Type, [.. outputs[floats[k].Name].Dims], cotangents[k]);
    }

    Dictionary<string, TensorData> Feeds(ElementType real)
    {
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < values.Length; i++)
            if (sample.Inputs[i] is { IsConstant: false } input) feeds[$"x{i}"] = TensorData.FromNumbers(input.IsFloat ? real : input.Type, input.Dims, values[i]!);
        return feeds;
    }

    double[] Direction(int count)
    {
        var v = new double[count];
        for (var i = 0; i < count; i++) v[i] = (random.Next(1, 9) / 8.0) * (random.Next(2) == 0 ? -1 : 1);
        return v;
    }

    /// <summary>Whether ONNX Runtime has kernels for all of a model.</summary>
    static bool Loads(Model model)
    {
        try
        {
            using var runtime = new PlainRuntime(model, GraphOptimizationLevel.ORT_DISABLE_ALL);
            return true;
        }
        catch (OnnxRuntimeException e) when (e.Message.Contains("NOT_IMPLEMENTED", StringComparison.Ordinal) || e.Message.Contains("NotImplemented", StringComparison.Ordinal) || e.Message.Contains("Type Error", StringComparison.Ordinal))
        {
            return false;
        }
    }

    static int Count(IEnumerable<long> dims) => (int)dims.Aggregate(1L, (a, b) => a * b);

    static int Seed(string text)
    {
        var hash = 2166136261u;
        foreach (var c in text) hash = (hash ^ c) * 16777619u;
        return (int)(hash & int.MaxValue);
    }

    /// <summary>Evaluates a model, in a new session each time where the sample draws at random.</summary>
    sealed class Evaluation(OpSample sample, Model model) : IDisposable
    {
        readonly PlainRuntime? runtime = sample.IsRandom ? null : new PlainRuntime(model);

        public Dictionary<string, TensorData> Run(Dictionary<string, TensorData> feeds)
        {
            if (runtime is not null) return runtime.Run(feeds);
            using var fresh = new PlainRuntime(model);
            return fresh.Run(feeds);
        }

        public void Dispose() => runtime?.Dispose();
    }
}
