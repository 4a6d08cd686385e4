using System.CommandLine;
using GraphRewriter.Training;

namespace OnnxAuditor.Commands;

/// <summary><c>rewrite IN OUT</c>: writes the rewritten graph.</summary>
static class RewriteCommand
{
    static readonly Dictionary<string, GradientTargets> Targets = new(StringComparer.Ordinal)
    {
        ["weights"] = GradientTargets.Weights,
        ["inputs"] = GradientTargets.Inputs,
        ["activations"] = GradientTargets.Activations,
    };

    static readonly Dictionary<string, PerSampleOutputs> PerSampleKinds = new(StringComparer.Ordinal)
    {
        ["gradients"] = PerSampleOutputs.Gradients,
        ["gram"] = PerSampleOutputs.Gram,
    };

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var input = new Argument<string>("IN") { Description = "The model" };
        var output = new Argument<string>("OUT") { Description = "The file to write" };
        var activations = OptionValues.Of<string>("--activations", "=PATTERN", "Make activations outputs, those whose node or tensor name matches the pattern (* and ?); all without one", text => text);
        var gradients = OptionValues.List("--gradients", "=LIST", "Make gradients of the loss outputs: weights, inputs, activations; of the weights without a list", Target);
        var hessian = new Option<bool>("--hessian-vector") { Description = "Make products of the loss's Hessian by the weights with vectors (inputs v/NAME) outputs (hvp/NAME)" };
        var perSample = OptionValues.Of<string>("--per-sample", "=KIND", "Make the gradients of the loss by the weights for each sample alone outputs (per_sample_grad/NAME), or with gram their Gram matrix", PerSampleKind);
        var trainStep = OptionValues.Of<string>("--train-step", "OPTIMIZER", $"Write a training step: data, targets, parameters, state and learning rate in, loss, new parameters and new state out; {string.Join(", ", Optimizers.All.Select(o => o.Name))}", OptimizerName);
        var loss = OptionValues.Of<string>("--loss", "=KIND", $"Make the loss an output, and its targets inputs: {string.Join(", ", AuditOptionSet.Losses.Keys)}; auto without a kind", Loss);
        var canonical = new Option<bool>("--canonical") { Description = "Write the canonical form: one opset, functions inlined, branches resolved; anything else asked for implies it" };
        var shape = OptionValues.List("--shape", "NAME=SHAPE", "Shape of an input, such as image=1x3x224x224; symbols stay dynamic; may be repeated", OptionValues.InputShape, splits: false);
        var statistics = OptionValues.Choice("--norm-stats", "Statistics of BatchNormalization", "frozen", AuditOptionSet.StatisticsByName.Keys);
        var target = OptionValues.Of<string>("--target", "OUTPUT", "The output to attach the loss to [default: all float outputs]", text => text);
        var straightThrough = AuditOptionSet.StraightThrough();
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Write nothing but errors" };
        var command = new Command("rewrite", "Writes a model with activations, gradients or a loss as further outputs, or a whole training step, in standard ONNX operators only.")
        {
            input, output, activations, gradients, perSample, hessian, trainStep, loss, canonical, shape, statistics, target, straightThrough, quiet,
        };
        command.SetAction((result, cancellation) =>
        {
            var request = new RewriteOptions
            {
                Activations = result.GetValue(activations),
                Gradients = (result.GetValue(gradients) ?? []).Aggregate(GradientTargets.None, (a, b) => a | b),
                HessianVector = result.GetValue(hessian),
                PerSample = result.GetValue(perSample) is { } each ? PerSampleKinds[each] : PerSampleOutputs.None,
                TrainStep = result.GetValue(trainStep) is { } optimizer ? Optimizers.Named(optimizer) : null,
                Loss = result.GetValue(loss) is { } kind ? AuditOptionSet.Losses[kind] : null,
                Shapes = AuditOptionSet.Unique(result.GetValue(shape) ?? []),
                Statistics = AuditOptionSet.StatisticsByName[result.GetRequiredValue(statistics)],
                Target = result.GetValue(target),
                StraightThrough = result.GetValue(straightThrough),
            };
            if (request is { Activations: null, Gradients: GradientTargets.None, PerSample: PerSampleOutputs.None, HessianVector: false, TrainStep: null, Loss: null } && !result.GetValue(canonical))
                throw new UsageException("say what to write: --activations, --gradients, --per-sample, --hessian-vector, --train-step, --loss or --canonical.");
            if (request.TrainStep is not null && request is not { Activations: null, Gradients: GradientTargets.None, PerSample: PerSampleOutputs.None, HessianVector: false })
                throw new UsageException("--train-step writes a graph whose outputs are the loss and the new values alone; write activations, gradients or products to a file of their own.");
            var rewritten = Rewrite.Run(result.GetRequiredValue(input), result.GetRequiredValue(output), request, cancellation);
            if (!result.GetValue(quiet))
                foreach (var note in rewritten.Notes) terminal.Error.WriteLine(note);
            // A file that lacks what was asked for is no success, though all that could be given is in it.
            return Task.FromResult((int)(rewritten.Missing.Count > 0 ? ExitCode.Findings : ExitCode.Clean));
        });
        return command;
    }

    static GradientTargets Target(string text) => Targets.TryGetValue(text, out var target)
        ? target
        : throw new UsageException($"'{text}' has no gradients{Nearest.Suggestion(text, Targets.Keys)} Allowed: {string.Join(", ", Targets.Keys)}.");

    static string PerSampleKind(string text) => PerSampleKinds.ContainsKey(text)
        ? text
        : throw new UsageException($"'{text}' is nothing that is had for each sample{Nearest.Suggestion(text, PerSampleKinds.Keys)} Allowed: {string.Join(", ", PerSampleKinds.Keys)}.");

    /// <summary>A name of an optimiser, checked.</summary>
    internal static string OptimizerName(string text) => Optimizers.All.Any(o => o.Name.Equals(text, StringComparison.Ordinal))
        ? text
        : throw new UsageException($"'{text}' is no optimizer{Nearest.Suggestion(text, Optimizers.All.Select(o => o.Name))} Allowed: {string.Join(", ", Optimizers.All.Select(o => o.Name))}.");

    static string Loss(string text) => AuditOptionSet.Losses.ContainsKey(text)
        ? text
        : throw new UsageException($"'{text}' is no loss{Nearest.Suggestion(text, AuditOptionSet.Losses.Keys)} Allowed: {string.Join(", ", AuditOptionSet.Losses.Keys)}.");
}
