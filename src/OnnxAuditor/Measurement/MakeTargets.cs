using System.Globalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Makes what losses compare outputs with: the user's targets, or seeded ones.</summary>
static class MakeTargets
{
    /// <summary>The contents of a target for a whole batch: those of its parts are cut out of them, so that a split batch has the targets of one that is not.</summary>
    /// <param name="term">The term of the loss.</param>
    /// <param name="target">The graph input that holds the target of one part.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="labels">The user's targets, one batch after the other; null for seeded ones.</param>
    /// <param name="parts">The parts of the batch.</param>
    /// <param name="draw">Which batch: 0 for the first.</param>
    /// <exception cref="ModelException">The target's shape is not known, or the user's targets do not reach to another batch than the first.</exception>
    /// <exception cref="UsageException">The user's targets do not fit.</exception>
    public static TensorData For(LossTerm term, Value target, long seed, TensorData? labels, int parts = 1, int draw = 0)
    {
        if (target.Shape is not { IsStatic: true } shape) throw new ModelException(ModelProblem.Binding, $"The shape of the loss target of '{term.Output.Name}' is not known: {target.Shape}.");
        var dims = shape.ToArray();
        if (labels is not null) return Labels(labels, term, target, shape, parts, draw);
        if (dims.Length > 0) dims[0] *= parts;
        var random = new SeededRandom(seed, string.Create(CultureInfo.InvariantCulture, $"target/{term.Output.Name}/{draw}"));
        var values = new double[checked((int)Shape.Of(dims).ElementCount)];
        var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
        for (var i = 0; i < values.Length; i++) values[i] = term.Kind == LossKind.Mse ? random.Normal() : random.Integer(Math.Max(1, classes));
        return TensorData.FromNumbers(target.Type, dims, values);
    }

    static TensorData Labels(TensorData labels, LossTerm term, Value target, Shape shape, int parts, int draw)
    {
        var expected = shape.ToArray();
        var batch = expected.Length == 0 ? 1 : expected[0] * parts;
        var needed = batch * (draw + 1);
        var fits = labels.Dims.Count == expected.Length && labels.Dims.Skip(1).SequenceEqual(expected.Skip(1));
        if (fits && draw > 0 && expected.Length > 0 && labels.Dims[0] < needed) throw new ModelException(ModelProblem.Binding, $"The labels hold {labels.Dims[0]} samples; another batch needs {needed}.");
        fits = fits && (expected.Length == 0 || labels.Dims[0] >= needed);
        if (!fits) throw new UsageException($"The labels have shape {labels.Shape}; the loss of '{term.Output.Name}' takes {(expected.Length == 0 ? shape : shape.With(0, batch))}.");
        if (term.Kind == LossKind.CrossEntropy && !labels.Type.IsInteger) throw new UsageException($"The labels are {labels.Type}; a cross-entropy takes int64 classes.");
        var taken = expected.Length == 0 ? labels : BatchPart.Of(labels, 0, batch * draw, batch);
        return taken.Type == target.Type ? taken : TensorData.FromNumbers(target.Type, [.. taken.Dims], taken.ToDoubles());
    }
}
