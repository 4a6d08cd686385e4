namespace OnnxAuditor.Execution;

/// <summary>
/// Memory that several share, each within a limit of its own: a request is granted as soon as it and what is taken already fit its limit, or nothing is taken. Served in the order of the requests, so that a
/// large one is not kept waiting by small ones that slip past it.
/// </summary>
sealed class MemoryPool
{
    readonly Lock gate = new();
    readonly LinkedList<(long Bytes, long Limit, TaskCompletionSource Granted)> waiting = [];
    int takers;
    long taken;

    /// <summary>How many requests wait.</summary>
    public int Waiting
    {
        get
        {
            lock (gate) return waiting.Count;
        }
    }

    /// <summary>The pool as one sees it whose limit is given.</summary>
    /// <param name="limit">Bytes; null for one who neither waits nor counts.</param>
    public IMemoryPool Within(long? limit) => limit is { } bytes ? new Share(this, bytes) : UnsharedMemory.Instance;

    Lease Take(long bytes, long limit, CancellationToken cancellation)
    {
        // Continuations run elsewhere: whoever gives memory back holds the lock.
        var request = new LinkedListNode<(long Bytes, long Limit, TaskCompletionSource Granted)>((bytes, limit, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
        lock (gate)
        {
            waiting.AddLast(request);
            Serve();
        }
        try
        {
            request.Value.Granted.Task.WaitAsync(cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            lock (gate)
            {
                // It may have been granted in this moment.
                if (request.List is null) (takers, taken) = (takers - 1, taken - bytes);
                else waiting.Remove(request);
                Serve();
            }
            throw;
        }
        return new Lease(this, bytes);
    }

    void Serve()
    {
        while (waiting.First is { } first && (takers == 0 || taken + first.Value.Bytes <= first.Value.Limit))
        {
            (takers, taken) = (takers + 1, taken + first.Value.Bytes);
            waiting.RemoveFirst();
            first.Value.Granted.SetResult();
        }
    }

    sealed class Share(MemoryPool pool, long limit) : IMemoryPool
    {
        public IDisposable Take(long bytes, CancellationToken cancellation) => pool.Take(bytes, limit, cancellation);
    }

    sealed class Lease(MemoryPool pool, long bytes) : IDisposable
    {
        int isOpen = 1;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isOpen, 0) == 0) return;
            lock (pool.gate)
            {
                (pool.takers, pool.taken) = (pool.takers - 1, pool.taken - bytes);
                pool.Serve();
            }
        }
    }
}
