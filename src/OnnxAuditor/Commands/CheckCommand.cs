using System.CommandLine;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary><c>check MODEL…</c>: rules on graph and weights, gates and baseline, never a pass; what runs before each commit. It loads neither ONNX Runtime nor libtorch.</summary>
static class CheckCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var models = ModelPaths.Argument();
        var jobs = OptionValues.Of("--jobs", "N", "Models checked at a time; 0 for as many as there are cores", 0L, OptionValues.Integer(0, 256));
        var options = new AuditOptionSet();
        var policy = new PolicyOptionSet();
        var output = new OutputOptionSet("text");
        var command = new Command("check", "Checks models by graph and weights alone, without running them: for commits and pull requests. Exit code 1 for findings or failed gates.") { models };
        foreach (var option in output.First.Concat(policy.All).Concat(options.Static)) command.Add(option);
        command.Add(jobs);
        foreach (var option in output.Last) command.Add(option);
        ModelPaths.RefuseOptions(models, command);
        command.SetAction((result, cancellation) =>
        {
            var destination = output.Destination(result);
            var settings = new ModelSettings(result, options, policy) { IsStatic = true };
            var paths = ModelPaths.Expand(result.GetRequiredValue(models));
            ModelReport One(ModelPath path, AuditOptions audit) => path.File is ModelPaths.StandardInput
                ? ModelPaths.FromStandardInput(terminal, path, file => Audit.Run(file, audit, null, cancellation))
                : Audit.Run(path.File, audit, null, cancellation);
            var run = ModelRuns.All(paths, settings, ModelRuns.Jobs(result.GetValue(jobs), Environment.ProcessorCount), One, cancellation);
            foreach (var complaint in run.Complaints) terminal.Complain(complaint);
            destination.Write(run.Report, terminal, output.IsQuiet(result), output.HasColor(result));
            return Task.FromResult((int)run.Code);
        });
        return command;
    }
}
