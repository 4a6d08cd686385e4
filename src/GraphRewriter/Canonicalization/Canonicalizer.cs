using System.Globalization;
using GraphRewriter.Inference;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Brings any model into the one form that gradient rules, probes and engines know. After each pass the model computes what it computed before.</summary>
public static class Canonicalizer
{
    /// <summary>The oldest opset from which numbers are computed; older models only where none of their operators changed before it.</summary>
    public const long OldestOpset = 6;

    /// <summary>Returns the canonical form of a model; the model given is not changed.</summary>
    /// <exception cref="ModelException">The graph breaks the rules of ONNX, or a shape the user gave does not fit.</exception>
    public static CanonicalModel Run(Model model, CanonicalOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var context = new PassContext(model.Copy(), options);
        var tooOld = context.SourceOpset < OldestOpset && context.Model.Graph.AllNodes().Any(n => n.Domain.Length == 0 && StandardOperators.ChangedBefore6.Contains(n.OpType));

        InlineFunctions.Apply(context);
        NameNodes.Apply(context);
        LiftConstants.Apply(context);
        if (tooOld) return StructureOf(context);

        AdaptOperators.Apply(context);
        context.NoteCounts();
        UnshareInitializers.Apply(context);
        if (options.ComputeInFloat32) ComputeInFloat32.Apply(context);
        else ComputeBetweenCasts.Apply(context);
        RemoveDeadCode.Apply(context.Model.Graph);
        var (inputs, batch) = BindShapes.Apply(context);
        ResolveBranches(context);

        var parameters = FindParameters.Apply(context);
        FoldConstants.Apply(context, parameters.Select(p => p.Value).ToHashSet());
        RemoveDeadCode.Apply(context.Model.Graph);
        NameNodes.UniteValues(context);
        return new CanonicalModel(context.Model)
        {
            SourceOpset = context.SourceOpset,
            Parameters = FindParameters.Apply(context),
            Notes = context.Notes,
            Unsupported = context.Unsupported,
            Inputs = inputs,
            Batch = batch,
        };
    }

    static void ResolveBranches(PassContext context)
    {
        var graph = context.Model.Graph;
        while (ResolveControlFlow.Apply(context)) ShapeInference.Infer(graph);
        var before = graph.Initializers.Where(v => v.IsFloat && v.Data is { Count: > 1 }).ToList();
        RemoveDeadCode.Apply(graph);
        var kept = graph.Initializers.ToHashSet();
        var dropped = before.Where(v => !kept.Contains(v)).ToList();
        if (dropped.Count > 0) context.Note(string.Create(CultureInfo.InvariantCulture, $"{dropped.Count} constants of together {dropped.Sum(v => v.Data!.Count)} elements serve only branches that are not taken; they are left out."));
    }

    static CanonicalModel StructureOf(PassContext context)
    {
        context.Note(string.Create(CultureInfo.InvariantCulture, $"Opset {context.SourceOpset} is older than {OldestOpset}: only the structure is read, no number is computed."));
        return new CanonicalModel(context.Model)
        {
            SourceOpset = context.SourceOpset,
            StructureOnly = true,
            Parameters = FindParameters.Apply(context),
            Notes = context.Notes,
            Unsupported = context.Unsupported,
            Inputs = [.. context.Model.Graph.Inputs.Select(v => new InputBinding(v.Name, v.Shape, v.Shape, v.Shape is { IsStatic: true } ? BindingSource.File : BindingSource.Dynamic))],
            Batch = new BatchBinding(BatchKind.None, 1, new Dictionary<string, int>(StringComparer.Ordinal), "only the structure is read"),
        };
    }
}
