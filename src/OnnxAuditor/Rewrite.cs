using System.Globalization;
using System.IO.Enumeration;
using GraphRewriter.Canonicalization;
using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.PerSample;
using GraphRewriter.Serialization;
using GraphRewriter.Training;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;

namespace OnnxAuditor;

/// <summary>What a rewritten graph gives gradients of.</summary>
[Flags]
enum GradientTargets
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>The trainable parameters.</summary>
    Weights = 1,
    /// <summary>The float inputs.</summary>
    Inputs = 2,
    /// <summary>The exposed activations; all of them where none were asked for.</summary>
    Activations = 4,
}

/// <summary>What a rewritten graph gives of the gradients of single samples.</summary>
enum PerSampleOutputs
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>The gradients of the trainable parameters, one a sample.</summary>
    Gradients,
    /// <summary>Their Gram matrix over all parameters.</summary>
    Gram,
}

/// <summary>What to add to a graph.</summary>
sealed record RewriteOptions
{
    /// <summary>A pattern (* and ?) of the names of nodes or tensors that become outputs; null for none.</summary>
    public string? Activations { get; init; }

    /// <summary>What to give gradients of.</summary>
    public GradientTargets Gradients { get; init; }

    /// <summary>Whether to give the product of the loss's Hessian by the trainable parameters with a vector.</summary>
    public bool HessianVector { get; init; }

    /// <summary>The loss to attach; null for none, or for the automatic one where gradients are asked for.</summary>
    public LossKind? Loss { get; init; }

    /// <summary>Input shapes given by the user, by input name; symbols stay dynamic.</summary>
    public IReadOnlyDictionary<string, Shape> Shapes { get; init; } = new Dictionary<string, Shape>(StringComparer.Ordinal);

    /// <summary>What to give of the gradients of single samples.</summary>
    public PerSampleOutputs PerSample { get; init; }

    /// <summary>Which statistics BatchNormalization uses; those of the batch are each sample's own where gradients of single samples are asked for.</summary>
    public NormStatistics Statistics { get; init; }

    /// <summary>The output that the loss is attached to; null for all float outputs.</summary>
    public string? Target { get; init; }

    /// <summary>Whether gradients pass Round, and QuantizeLinear where it does not saturate.</summary>
    public bool StraightThrough { get; init; }

    /// <summary>The optimiser of the training step to write; null for none.</summary>
    public Optimizer? TrainStep { get; init; }
}

/// <summary>A rewritten model.</summary>
/// <param name="Model">The model.</param>
/// <param name="Notes">What the user should know, one line each.</param>
/// <param name="Missing">The tensors whose gradients or products were asked for and cannot be given.</param>
sealed record RewriteResult(Model Model, List<string> Notes, IReadOnlyList<string> Missing)
{
    /// <summary>Tensors to write to a file beside the model, by name: what a training step starts from. Empty for anything else.</summary>
    public IReadOnlyList<(string Name, TensorData Data)> Beside { get; init; } = [];
}

/// <summary>
/// Writes a model whose graph gives more than it did: activations, a loss, gradients, Hessian-vector products. Types, dynamic dimensions and the model's own outputs
/// stay; a gradient is the output <c>grad/NAME</c> of what it is the gradient of, the loss is <c>loss</c>, its targets are inputs. The part of a Hessian-vector product
/// that belongs to a parameter is the output <c>hvp/NAME</c>, that of the vector the input <c>v/NAME</c>.
/// </summary>
static class Rewrite
{
    /// <summary>Initializers from which on a model's weights go to a second file: a model file may have 2 GB.</summary>
    const long LargestInline = 1_500_000_000;

    const long ExternalThreshold = 1024;

    const int ShownMissing = 10;

    /// <summary>Reads, rewrites and writes a model; returns what was written.</summary>
    /// <exception cref="ModelException">The model cannot be read or rewritten.</exception>
    /// <exception cref="UsageException">What was asked for is not in the model.</exception>
    public static RewriteResult Run(string input, string output, RewriteOptions options, CancellationToken cancellation)
    {
        if (Path.GetFullPath(input).Equals(Path.GetFullPath(output), StringComparison.Ordinal)) throw new UsageException("OUT is IN: a model is not written over itself.");
        if (Path.GetDirectoryName(output) is { Length: > 0 } folder && !Directory.Exists(folder)) throw new UsageException($"The folder '{folder}' does not exist.");
        using var file = OnnxReader.Read(input);
        cancellation.ThrowIfCancellationRequested();
        var result = Apply(file.Model, options);
        var model = result.Model;
        cancellation.ThrowIfCancellationRequested();
        var bytes = model.Graph.Initializers.Sum(v => v.Data is { } d ? d.Type.ByteCount(d.Count) : 0);
        result.Notes.AddRange(MissingKernels.Of(model).Select(Describe));
        OnnxWriter.Write(model, output, bytes > LargestInline ? new WriteOptions { ExternalThreshold = ExternalThreshold } : null);
        if (result.Beside.Count > 0) result.Notes.Add($"{WriteTrainStep.WriteParameters(output, result.Beside)}: what the {result.Beside.Count} inputs of parameters and statistics begin with; states and step begin with zeros");
        result.Notes.Add($"{Path.GetFileName(output)}: {model.Graph.Outputs.Count} outputs ({model.Graph.Outputs.Count - file.Model.Graph.Outputs.Count} more than before), {model.Graph.Nodes.Count} nodes");
        return result;
    }

    static string Describe(MissingKernel missing) => string.Create(CultureInfo.InvariantCulture,
        $"ONNX Runtime {OrtDevice.RuntimeVersion} does not run {missing.Operator} on {missing.Type}: the graph {(missing.Loads ? "loads, and fails when it runs" : "does not load")} ({missing.Nodes.Count} nodes, such as '{missing.Nodes[0].LogicalName}')");

    /// <summary>The rewritten model; the model given is not changed.</summary>
    public static RewriteResult Apply(Model source, RewriteOptions options)
    {
        if (options.TrainStep is { } optimizer) return WriteTrainStep.Apply(source, options, optimizer);
        var canonical = Canonicalizer.Run(source, new CanonicalOptions { InputShapes = options.Shapes, KeepDynamic = true, ComputeInFloat32 = false, FixControlInputs = false });
        var graph = canonical.Model.Graph;
        var notes = canonical.Notes.ToList();
        var outputs = graph.Outputs.ToList();
        // Chosen before batch statistics are written out in several nodes each: the layers keep their outputs.
        var activations = options.Activations is { } pattern ? Matching(graph, pattern) : options.Gradients.HasFlag(GradientTargets.Activations) ? Matching(graph, "*") : [];
        if (options.Activations is not null) graph.Outputs.AddRange(activations.Except(outputs));
        using (new UnknownContents(canonical.Parameters))
        {
            var samples = SetStatistics(canonical, options);
            var missing = options is { Loss: null, Gradients: GradientTargets.None, HessianVector: false, PerSample: PerSampleOutputs.None }
                ? [] : AddLossAndGradients(canonical, options, outputs, activations, samples, notes);
            RemoveDeadCode.Apply(graph);
            return new(canonical.Model, notes, missing);
        }
    }

    /// <summary>Sets the statistics; returns where values count samples where that is needed.</summary>
    static SampleAxes? SetStatistics(CanonicalModel canonical, RewriteOptions options)
    {
        if (options.PerSample != PerSampleOutputs.None)
        {
            return PrepareSamples.Run(canonical.Model, canonical.Batch, options.Statistics == NormStatistics.Batch ? SampleStatistics.Alone : SampleStatistics.Frozen, out var objection)
                ?? throw new UsageException($"The samples of a batch cannot be told apart in this model: {objection}. --per-sample needs that; --gradients at a batch of 1 gives each sample's gradients in a run of its own.");
        }
        if (options.Statistics == NormStatistics.Batch) SetNormStatistics.Batch(canonical.Model.Graph);
        else SetNormStatistics.Frozen(canonical.Model.Graph);
        return null;
    }

    /// <summary>The float values whose name, or whose node's name, matches; those of subgraphs cannot be outputs, and what a pass put between them is no activation.</summary>
    static List<Value> Matching(Graph graph, string pattern)
    {
        bool Matches(string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
        var found = graph.Nodes.Where(n => n.Origin is null).SelectMany(n => n.Outputs.OfType<Value>().Where(v => v.IsFloat && (Matches(v.Name) || Matches(n.LogicalName)))).ToList();
        return found.Count > 0 ? found : throw new UsageException($"No activation matches '{pattern}'; nodes are named like '{graph.Nodes.FirstOrDefault()?.LogicalName}'.");
    }

    static List<string> AddLossAndGradients(CanonicalModel canonical, RewriteOptions options, List<Value> outputs, List<Value> activations, SampleAxes? samples, List<string> notes)
    {
        var graph = canonical.Model.Graph;
        var inputs = graph.Inputs.Where(i => i.IsFloat).ToList();
        var chosen = options.Target is null ? outputs : outputs.Where(o => o.Name.Equals(options.Target, StringComparison.Ordinal)).ToList();
        if (chosen.Count == 0) throw new UsageException($"There is no output '{options.Target}'; the model has {string.Join(", ", outputs.Select(o => $"'{o.Name}'"))}.");
        // The outputs' names are taken first, so that nothing emitted on the way gets them.
        var names = new NameScope(graph);
        var lossName = names.Fresh("loss");
        var targets = Targets(canonical, options.Gradients, inputs, activations).Select(t => (t.Name, Output: names.Fresh($"grad/{t.Name}"), t.Value)).ToList();
        var curved = options.HessianVector ? Targets(canonical, GradientTargets.Weights, [], []).Select(t => (t.Name, Output: names.Fresh($"hvp/{t.Name}"), t.Value)).ToList() : [];
        var attached = AttachLoss.Run(graph, chosen, options.Loss ?? LossKind.Auto, names);
        var tape = new Tape(names);
        Expose(tape, graph, attached.Loss, lossName);
        notes.AddRange(attached.Terms.Select(Describe));
        var missing = samples is null ? [] : AddPerSample(canonical, options, samples, attached, tape, names, notes);
        if (targets.Count + curved.Count == 0)
        {
            tape.AppendTo(graph);
            return missing;
        }

        var first = Differentiate.Run(graph, attached.Loss, [.. targets.Concat(curved).Select(t => t.Value).Distinct()], names, options.StraightThrough);
        if (options.StraightThrough) notes.Add("gradients pass Round and QuantizeLinear straight through");
        notes.AddRange(first.Blocked.Select(b => $"no gradient through {b.Node}: {b.Reason}"));
        missing.AddRange(ExposeAll(tape, graph, "gradients", targets, first.Gradients, notes));
        if (curved.Count > 0)
        {
            var second = HessianVectorProduct.Emit(graph, first, [.. curved.Select(t => (t.Name, t.Value))], names);
            // That comparisons and signs are constant almost everywhere is no loss of curvature.
            notes.AddRange(second.Blocked.Where(b => b.IsMissingRule).Select(b => $"no second gradient through {b.Node}: {b.Reason}"));
            missing.AddRange(ExposeAll(tape, graph, "Hessian-vector products", curved, second.Products, notes));
        }
        tape.AppendTo(graph);
        return missing;
    }

    /// <summary>A term of the loss, for a note.</summary>
    internal static string Describe(LossTerm t) =>
        $"loss: {t.Kind} on '{t.AttachedTo.Name}'{(t.Stripped is { } head ? $", in front of {head}" : "")}{(t.Target is { } target ? $", target input '{target.Name}'" : "")}";

    /// <summary>What could not be given, for a note; the first names of it.</summary>
    internal static string NotGiven(IReadOnlyList<string> missing, int of, string what) =>
        $"{missing.Count} of {of} {what}, as the loss does not depend on the tensor or the way is blocked: {string.Join(", ", missing.Take(ShownMissing))}{(missing.Count > ShownMissing ? " …" : "")}";

    static List<string> AddPerSample(CanonicalModel canonical, RewriteOptions options, SampleAxes samples, AttachedLoss attached, Tape tape, NameScope names, List<string> notes)
    {
        var graph = canonical.Model.Graph;
        var targets = Targets(canonical, GradientTargets.Weights, [], []).Select(t => (t.Name, Output: names.Fresh($"per_sample_grad/{t.Name}"), t.Value)).ToList();
        Value[] parameters = [.. targets.Select(t => t.Value)];
        var isMean = attached.Terms.All(t => t.Kind != LossKind.Sum);
        if (options.PerSample == PerSampleOutputs.Gradients)
        {
            var each = PerSampleGradients.Run(graph, samples, attached.Loss, isMean, parameters, names, options.StraightThrough);
            notes.AddRange(each.Refused.Values.Distinct(StringComparer.Ordinal).Select(why => $"no gradient of single samples: {why}"));
            return ExposeAll(tape, graph, "gradients of single samples", targets, each.Gradients, notes);
        }
        var gram = PerSampleGradients.Gram(graph, samples, attached.Loss, isMean, parameters, names, options.StraightThrough);
        if (gram.Matrix is { } matrix) Expose(tape, graph, matrix, names.Fresh("per_sample_gram"));
        notes.AddRange(gram.Refused.Values.Distinct(StringComparer.Ordinal).Select(why => $"not in the Gram matrix: {why}"));
        notes.Add($"Gram matrix over {gram.Counted.Count} of {parameters.Length} parameters");
        return [.. targets.Where(t => !gram.Counted.Contains(t.Value)).Select(t => t.Name)];
    }

    /// <summary>Makes what was found for each target an output; returns the names of those for which nothing was.</summary>
    static List<string> ExposeAll(Tape tape, Graph graph, string what, List<(string Name, string Output, Value Value)> targets, IReadOnlyDictionary<Value, Value> found, List<string> notes)
    {
        var missing = new List<string>();
        foreach (var (name, output, value) in targets)
        {
            if (found.TryGetValue(value, out var result)) Expose(tape, graph, result, output);
            else missing.Add(name);
        }
        if (missing.Count > 0) notes.Add(NotGiven(missing, targets.Count, $"{what} are not in the file"));
        return missing;
    }

    static IEnumerable<(string Name, Value Value)> Targets(CanonicalModel canonical, GradientTargets wanted, List<Value> inputs, List<Value> activations)
    {
        if (wanted.HasFlag(GradientTargets.Weights)) foreach (var p in canonical.Parameters.Where(p => p.Trainable)) yield return (p.Name, p.Value);
        if (wanted.HasFlag(GradientTargets.Inputs)) foreach (var i in inputs) yield return (i.Name, i);
        if (wanted.HasFlag(GradientTargets.Activations)) foreach (var a in activations) yield return (a.Name, a);
    }

    /// <summary>Makes a value an output under a name of its own; one value can be the gradient of several.</summary>
    static void Expose(Tape tape, Graph graph, Value value, string name)
    {
        var output = tape.Op("Identity", value);
        output.Name = name;
        graph.Outputs.Add(output);
    }
}

/// <summary>
/// Hides the contents of parameters while nodes are emitted: what is computed from a parameter must not be folded into a constant, or a parameter that is changed
/// later (by training) would not change it.
/// </summary>
file sealed class UnknownContents : IDisposable
{
    readonly List<(Value Value, TensorData? Data)> hidden = [];

    public UnknownContents(IEnumerable<Parameter> parameters)
    {
        foreach (var value in parameters.Select(p => p.Value).Distinct())
        {
            hidden.Add((value, value.Data));
            value.Data = null;
        }
    }

    public void Dispose()
    {
        foreach (var (value, data) in hidden) value.Data = data;
    }
}
