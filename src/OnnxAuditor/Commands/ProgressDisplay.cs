using OnnxAuditor.Reporting;
using Spectre.Console;

namespace OnnxAuditor.Commands;

/// <summary>Shows on the error stream how far an audit is, where a person watches it.</summary>
static class ProgressDisplay
{
    const int LongestText = 60;

    /// <summary>Runs the work, with a display where it is wanted.</summary>
    /// <param name="terminal">The streams.</param>
    /// <param name="isShown">Whether to show anything.</param>
    /// <param name="hasColor">Whether colours may be used.</param>
    /// <param name="work">The work; what it is given is null where nothing is shown.</param>
    public static T Run<T>(Terminal terminal, bool isShown, bool hasColor, Func<IProgress<AuditProgress>?, T> work)
    {
        if (!isShown) return work(null);
        var console = TerminalSummary.Console(terminal, hasColor, movesCursor: true);
        var progress = console.Progress().AutoClear(true).HideCompleted(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn());
        return progress.Start(context => work(new Reporter(context)));
    }

    /// <summary>One bar a model. Reports come from the threads that work, so that the display is never behind by more than one.</summary>
    sealed class Reporter(ProgressContext context) : IProgress<AuditProgress>
    {
        readonly Dictionary<string, ProgressTask> tasks = new(StringComparer.Ordinal);
        readonly Lock gate = new();

        public void Report(AuditProgress value)
        {
            var text = Markup.Escape(MarkdownText.Cut(MarkdownText.Visible($"{Path.GetFileName(value.Model)}: {value.Stage}"), LongestText));
            lock (gate)
            {
                if (!tasks.TryGetValue(value.Model, out var task)) tasks[value.Model] = task = context.AddTask(text, maxValue: 1);
                task.Description = text;
                task.Value = value.Fraction;
            }
        }
    }
}
