using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>
/// Gives every input a concrete shape: what the user says, then the batch size, then sizes that follow from the weights, then defaults tried until shape inference
/// finds no contradiction. What stays unknown is said.
/// </summary>
static class BindShapes
{
    public static (IReadOnlyList<InputBinding> Inputs, BatchBinding Batch) Apply(PassContext context)
    {
        var graph = context.Model.Graph;
        var declared = graph.Inputs.ToDictionary(v => v, v => v.Shape);
        var sources = graph.Inputs.ToDictionary(v => v, v => v.Shape is { IsStatic: true } ? BindingSource.File : BindingSource.Dynamic);
        ApplyUserShapes(context, sources);
        var steering = FixControlInputs.Apply(context);
        var batch = BindBatch.Apply(context, declared);
        NoteFreed(context, declared, batch);
        if (!context.Options.KeepDynamic)
        {
            DeriveFromWeights(graph);
            TryDefaults(context, declared);
        }
        else InferenceTrial.Run(graph);

        foreach (var input in graph.Inputs)
        {
            if (sources[input] == BindingSource.User || Equals(declared[input], input.Shape)) continue;
            sources[input] = input.Shape is { IsStatic: true } ? BindingSource.Default : BindingSource.Dynamic;
        }
        var bindings = declared.Keys.Select(v => steering.TryGetValue(v, out var content)
            ? new InputBinding(v.Name, declared[v], content.Shape, context.Options.InputValues.ContainsKey(v.Name) ? BindingSource.User : BindingSource.Default, content)
            : new InputBinding(v.Name, declared[v], v.Shape, sources[v]));
        return ([.. bindings], batch);
    }

    static void ApplyUserShapes(PassContext context, Dictionary<Value, BindingSource> sources)
    {
        var graph = context.Model.Graph;
        foreach (var (name, shape) in context.Options.InputShapes)
        {
            var input = graph.Inputs.Find(v => string.Equals(v.Name, name, StringComparison.Ordinal))
                ?? throw new ModelException(ModelProblem.Binding, $"The model has no input '{name}'. Its inputs: {string.Join(", ", graph.Inputs.Select(v => v.Name))}.");
            if (input.Shape is { } fixedShape && !Fits(shape, fixedShape))
                throw new ModelException(ModelProblem.Binding, $"Input '{name}' was given the shape {shape}; the model takes {fixedShape}.");
            // A dimension the file fixes stays fixed, but the first may be asked for anew: it is the batch in most models, and whether it can be changed is found out there.
            input.Shape = shape;
            sources[input] = BindingSource.User;
        }
    }

    /// <summary>What holds a size that the user frees is only found for the batch; a graph may depend on any other.</summary>
    static void NoteFreed(PassContext context, Dictionary<Value, Shape?> declared, BatchBinding batch)
    {
        foreach (var (input, file) in declared)
            for (var axis = 0; file is not null && axis < file.Rank; axis++)
                if (file[axis].IsKnown && input.Shape is { } shape && !shape[axis].IsKnown && batch.Axes.GetValueOrDefault(input.Name, -1) != axis)
                    context.Note(string.Create(CultureInfo.InvariantCulture, $"Input '{input.Name}': dimension {axis} is {file[axis]} in the file and '{shape[axis]}' here; whether the graph holds that number elsewhere is not checked."));
    }

    static bool Fits(Shape given, Shape declared)
    {
        if (given.Rank != declared.Rank) return false;
        for (var i = 0; i < given.Rank; i++) if (declared[i].IsKnown && given[i].IsKnown && given[i].Size != declared[i].Size) return false;
        return true;
    }

    /// <summary>Sizes that the weights of an input's first operators state.</summary>
    static void DeriveFromWeights(Graph graph)
    {
        var consumers = graph.Consumers();
        foreach (var input in graph.Inputs)
        {
            foreach (var node in consumers.GetValueOrDefault(input, []))
            {
                if (input.Shape is not { } shape || node.Inputs[0] != input || node.Input(1)?.Shape is not { IsStatic: true } weight) continue;
                var (axis, size) = node.OpType switch
                {
                    "Conv" when shape.Rank == weight.Rank => (1, weight[1].Size * node.Int("group", 1)),
                    "ConvTranspose" when shape.Rank == weight.Rank => (1, weight[0].Size),
                    "MatMul" when shape.Rank >= 2 && weight.Rank >= 2 => (shape.Rank - 1, weight[-2].Size),
                    "Gemm" when shape.Rank == 2 && node.Int("transA") == 0 => (1, weight[node.Int("transB") != 0 ? 1 : 0].Size),
                    "RNN" or "GRU" or "LSTM" when shape.Rank == 3 => (2, weight[2].Size),
                    "LayerNormalization" when weight.Rank == 1 => (shape.Rank - 1, weight[0].Size),
                    "BatchNormalization" or "InstanceNormalization" when shape.Rank >= 2 => (1, weight[0].Size),
                    _ => (-1, 0L),
                };
                if (axis >= 0 && !shape[axis].IsKnown) input.Shape = shape.With(axis, size);
            }
        }
    }

    static void TryDefaults(PassContext context, Dictionary<Value, Shape?> declared)
    {
        var graph = context.Model.Graph;
        var user = context.Options.InputShapes;
        var open = graph.Inputs.Where(v => v.Shape is { IsStatic: false } && !user.ContainsKey(v.Name)).ToList();
        var groups = DefaultSizes.Groups(open);
        var start = open.ToDictionary(v => v, v => v.Shape!);
        string? trouble = null;
        for (var attempt = 0; attempt < DefaultSizes.Attempts; attempt++)
        {
            foreach (var input in open) input.Shape = new Shape(start[input].Select((d, axis) => d.IsKnown ? d : groups[DefaultSizes.Key(input.Name, d, axis)].Size(attempt)));
            var failure = InferenceTrial.Run(graph);
            if (failure is null)
            {
                foreach (var input in open) context.Note($"Input '{input.Name}' {declared[input]} is bound to {input.Shape}; --shape chooses another.");
                return;
            }
            trouble ??= failure;
            if (groups.Count == 0) break;
        }
        foreach (var input in open) input.Shape = start[input];
        if (open.Count > 0) context.Note(string.Create(CultureInfo.InvariantCulture, $"No default size of {string.Join(", ", open.Select(v => $"'{v.Name}'"))} fits the graph ({trouble}); they stay dynamic, --shape binds them."));
        if (InferenceTrial.Run(graph) is { } contradiction) throw new ModelException(ModelProblem.InvalidGraph, contradiction);
    }
}
