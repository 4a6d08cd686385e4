using GraphRewriter.Ir;

namespace OnnxAuditor.Execution;

/// <summary>An engine that holds a model and runs it.</summary>
interface IExecutor : IDisposable
{
    /// <summary>The engine and the device it computes on, for the report.</summary>
    string Provider { get; }

    /// <summary>Runs the model.</summary>
    /// <param name="feeds">Contents by input name; every input without contents needs one.</param>
    /// <param name="outputs">The names of the outputs wanted.</param>
    /// <param name="cancellation">Ends the run early.</param>
    /// <returns>The outputs, in the order asked for.</returns>
    /// <exception cref="ModelException">An operator cannot be computed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    TensorData[] Run(IReadOnlyDictionary<string, TensorData> feeds, IReadOnlyList<string> outputs, CancellationToken cancellation = default);
}
