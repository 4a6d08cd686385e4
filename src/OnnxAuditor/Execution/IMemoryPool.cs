namespace OnnxAuditor.Execution;

/// <summary>Memory that runs made at a time share.</summary>
interface IMemoryPool
{
    /// <summary>Takes memory, and waits until there is enough; disposing of what it returns gives it back.</summary>
    /// <param name="bytes">What the run needs by estimate.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was ended.</exception>
    IDisposable Take(long bytes, CancellationToken cancellation);
}
