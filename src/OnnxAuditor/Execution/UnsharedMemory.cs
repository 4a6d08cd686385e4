namespace OnnxAuditor.Execution;

/// <summary>The pool of a process that shares its memory with no other run.</summary>
sealed class UnsharedMemory : IMemoryPool, IDisposable
{
    /// <summary>The one instance.</summary>
    public static readonly UnsharedMemory Instance = new();

    /// <inheritdoc/>
    public IDisposable Take(long bytes, CancellationToken cancellation) => this;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing was taken.
    }
}
