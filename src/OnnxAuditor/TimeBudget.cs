using System.Diagnostics;
using OnnxAuditor.Execution;

namespace OnnxAuditor;

/// <summary>The time that an audit may take. Its clock stands still while the audit waits for memory that others use: what a budget covers must not depend on what else runs.</summary>
sealed class TimeBudget : IDisposable
{
    readonly CancellationTokenSource source;
    readonly Stopwatch clock = Stopwatch.StartNew();
    readonly TimeSpan? limit;

    /// <summary>Starts the clock.</summary>
    /// <param name="limit">The time; null for no limit.</param>
    /// <param name="cancellation">Ends the audit as well.</param>
    public TimeBudget(TimeSpan? limit, CancellationToken cancellation)
    {
        this.limit = limit;
        source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (limit is { } time) source.CancelAfter(time);
    }

    /// <summary>Is cancelled when the time is used up.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Takes memory with the clock standing still.</summary>
    /// <param name="pool">Where from.</param>
    /// <param name="bytes">How much.</param>
    /// <exception cref="OperationCanceledException">The audit was ended meanwhile.</exception>
    public IDisposable Take(IMemoryPool pool, long bytes)
    {
        clock.Stop();
        if (limit is not null) source.CancelAfter(Timeout.InfiniteTimeSpan);
        try
        {
            return pool.Take(bytes, Token);
        }
        finally
        {
            clock.Start();
            if (limit is { } time) source.CancelAfter(TimeSpan.FromTicks(Math.Max(0, (time - clock.Elapsed).Ticks)));
        }
    }

    /// <summary>A pool whose waits do not count.</summary>
    public IMemoryPool Uncounted(IMemoryPool pool) => new Waiting(this, pool);

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();

    sealed class Waiting(TimeBudget budget, IMemoryPool pool) : IMemoryPool
    {
        // The budget's own token is what ends the wait, and the run that follows.
        public IDisposable Take(long bytes, CancellationToken cancellation) => budget.Take(pool, bytes);
    }
}
