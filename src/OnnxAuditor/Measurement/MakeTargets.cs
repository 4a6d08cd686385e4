using System.Globalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Measurement;

/// <summary>Makes what losses compare outputs with: the user's targets, or seeded ones.</summary>
static class MakeTargets
{
    /// <summary>The contents of a target.</summary>
    /// <param name="term">The term of the loss.</param>
    /// <param name="target">The graph input that holds its target.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="run">Which part of the batch runs.</param>
    /// <param name="labels">The user's targets for the whole batch; null for seeded ones.</param>
    /// <param name="another">Whether the part is one of another batch than the first, which the user's targets need not reach to.</param>
    /// <exception cref="ModelException">The target's shape is not known, or the user's targets do not reach to another batch.</exception>
    /// <exception cref="UsageException">The user's targets do not fit.</exception>
    public static TensorData For(LossTerm term, Value target, long seed, int run, TensorData? labels, bool another = false)
    {
        if (target.Shape is not { IsStatic: true } shape) throw new ModelException(ModelProblem.Binding, $"The shape of the loss target of '{term.Output.Name}' is not known: {target.Shape}.");
        if (labels is not null) return Labels(labels, term, target, shape, run, another);
        var random = new SeededRandom(seed, string.Create(CultureInfo.InvariantCulture, $"target/{term.Output.Name}/{run}"));
        var values = new double[checked((int)shape.ElementCount)];
        var classes = term.Kind == LossKind.CrossEntropy ? term.AttachedTo.Shape![term.ClassAxis].Size : 2;
        for (var i = 0; i < values.Length; i++) values[i] = term.Kind == LossKind.Mse ? random.Normal() : random.Integer(Math.Max(1, classes));
        return TensorData.FromNumbers(target.Type, shape.ToArray(), values);
    }

    static TensorData Labels(TensorData labels, LossTerm term, Value target, Shape shape, int run, bool another)
    {
        var expected = shape.ToArray();
        var perRun = expected.Length == 0 ? 1 : expected[0];
        var needed = perRun * (run + 1);
        var fits = labels.Dims.Count == expected.Length && labels.Dims.Skip(1).SequenceEqual(expected.Skip(1));
        if (fits && another && expected.Length > 0 && labels.Dims[0] < needed) throw new ModelException(ModelProblem.Binding, $"The labels hold {labels.Dims[0]} samples; another batch needs {needed}.");
        fits = fits && (expected.Length == 0 || labels.Dims[0] >= needed);
        if (!fits) throw new UsageException($"The labels have shape {labels.Shape}; the loss of '{term.Output.Name}' takes {shape}.");
        if (term.Kind == LossKind.CrossEntropy && !labels.Type.IsInteger) throw new UsageException($"The labels are {labels.Type}; a cross-entropy takes int64 classes.");
        var part = expected.Length == 0 ? labels : BatchPart.Of(labels, 0, perRun * run, perRun);
        return part.Type == target.Type ? part : TensorData.FromNumbers(target.Type, expected, part.ToDoubles());
    }
}
