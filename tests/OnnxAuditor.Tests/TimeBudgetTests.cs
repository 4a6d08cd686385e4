using OnnxAuditor.Execution;
using Xunit;

namespace OnnxAuditor.Tests;

public class TimeBudgetTests
{
    sealed class Slow(TimeSpan wait) : IMemoryPool
    {
        public IDisposable Take(long bytes, CancellationToken cancellation)
        {
            // A clock that went on would end the wait.
            if (cancellation.WaitHandle.WaitOne(wait)) throw new OperationCanceledException(cancellation);
            return UnsharedMemory.Instance;
        }
    }

    [Fact]
    public void The_clock_stands_still_while_memory_is_waited_for()
    {
        using var budget = new TimeBudget(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);
        budget.Uncounted(new Slow(TimeSpan.FromSeconds(3.5))).Take(1, CancellationToken.None).Dispose();
        Assert.True(budget.Token.WaitHandle.WaitOne(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void A_cancelled_audit_waits_no_longer()
    {
        using var source = new CancellationTokenSource();
        using var budget = new TimeBudget(null, source.Token);
        source.CancelAfter(50);
        Assert.ThrowsAny<OperationCanceledException>(() => budget.Take(new Slow(TimeSpan.FromMinutes(5)), 1));
    }

    [Fact]
    public void Without_a_limit_the_clock_never_ends()
    {
        using var budget = new TimeBudget(null, TestContext.Current.CancellationToken);
        budget.Take(UnsharedMemory.Instance, 1).Dispose();
        Assert.False(budget.Token.IsCancellationRequested);
    }
}
