using System.Globalization;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using OnnxAuditor.Training;

namespace OnnxAuditor;

/// <summary>
/// Makes the file of <c>rewrite --train-step</c>: one graph whose inputs are data, targets, parameters, optimiser state and learning rate, and whose outputs are the loss, the new parameters and
/// the new state. What the output <c>new/NAME</c> gives is what the input <c>NAME</c> takes next.
/// </summary>
static class WriteTrainStep
{
    const string MetadataPrefix = "train-step.";

    /// <summary>The step; the model given is not changed. Narrow and quantised weights become float32 parameters, as sums of small updates would be lost in them.</summary>
    /// <exception cref="ModelException">No step can be made of the model.</exception>
    public static RewriteResult Apply(Model source, RewriteOptions options, Optimizer optimizer)
    {
        var canonical = Canonicalizer.Run(source, new CanonicalOptions { InputShapes = options.Shapes, KeepDynamic = true, ComputeInFloat32 = true, FixControlInputs = false });
        var built = TrainGraph.Build(canonical, new TrainGraphOptions(optimizer, options.Statistics, options.Loss ?? GraphRewriter.Gradients.LossKind.Auto, options.Target, options.StraightThrough));
        var (step, model) = (built.Step, built.Model);
        List<string> notes = [.. canonical.Notes, .. built.Loss.Terms.Select(Rewrite.Describe)];
        if (options.StraightThrough) notes.Add("gradients pass Round and QuantizeLinear straight through");
        notes.AddRange(step.Differentiation.Blocked.Select(b => $"no gradient through {b.Node}: {b.Reason}"));
        if (step.Unreached.Count > 0) notes.Add(Rewrite.NotGiven(step.Unreached, step.Unreached.Count + Count(step, CarriedKind.Parameter), "parameters are not trained and stay constants"));
        notes.Add($"{optimizer.Name}: {optimizer.Formula}");
        notes.Add(string.Create(CultureInfo.InvariantCulture, $"carried from step to step: {Count(step, CarriedKind.Parameter)} parameters, {Count(step, CarriedKind.State)} states, {Count(step, CarriedKind.Statistic)} running statistics"));
        if (options.Statistics == NormStatistics.Frozen && source.Graph.AllNodes().Any(n => n.Is("BatchNormalization"))) notes.Add("BatchNormalization uses its running statistics and leaves them as they are; --norm-stats batch trains with those of the batch and has the running ones follow");
        model.Metadata[MetadataPrefix + "optimizer"] = optimizer.Name;
        model.Metadata[MetadataPrefix + "formula"] = optimizer.Formula;
        model.Metadata[MetadataPrefix + "learning-rate"] = step.LearningRate.Name;
        model.Metadata[MetadataPrefix + "targets"] = string.Join('\n', built.Loss.Terms.Select(t => t.Target?.Name).OfType<string>());
        model.Metadata[MetadataPrefix + "zero"] = string.Join('\n', step.Carried.Where(c => c.Kind is CarriedKind.State or CarriedKind.Step).Select(c => c.Input.Name));
        return new RewriteResult(model, notes, step.Unreached) { Beside = [.. step.Carried.Where(c => c.Kind is CarriedKind.Parameter or CarriedKind.Statistic).Select(c => (c.Input.Name, c.Initial))] };
    }

    /// <summary>Writes the parameters and statistics that training starts from beside the model; returns the file's name.</summary>
    public static string WriteParameters(string output, IReadOnlyList<(string Name, TensorData Data)> tensors)
    {
        var path = Path.ChangeExtension(output, ".safetensors");
        SafeTensorsFile.Write(path, tensors);
        return Path.GetFileName(path);
    }

    static int Count(TrainStepResult step, CarriedKind kind) => step.Carried.Count(c => c.Kind == kind);
}
