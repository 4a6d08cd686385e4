using OnnxAuditor.Execution;
using Xunit;

namespace OnnxAuditor.Tests.Execution;

public class MemoryPoolTests
{
    readonly MemoryPool pool = new();
    readonly CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    Task<IDisposable> Take(long bytes, long limit = 100) => Task.Run(() => pool.Within(limit).Take(bytes, end.Token), TestContext.Current.CancellationToken);

    [Fact]
    public async Task What_fits_together_runs_together_and_the_rest_waits()
    {
        var first = await Take(60);
        using var second = await Take(40);
        var third = await Waits(10);
        first.Dispose();
        (await third).Dispose();
    }

    [Fact]
    public async Task A_large_request_is_not_overtaken_by_small_ones()
    {
        var first = await Take(60);
        var large = await Waits(90);
        var small = await Waits(10);
        first.Dispose();
        var granted = await large;
        // 90 and 10 fit together.
        (await small).Dispose();
        granted.Dispose();
    }

    [Fact]
    public async Task More_than_the_limit_is_granted_alone()
    {
        var first = await Take(1);
        var more = await Waits(1000);
        first.Dispose();
        (await more).Dispose();
    }

    [Fact]
    public async Task Each_keeps_within_its_own_limit()
    {
        using var first = await Take(60);
        using var generous = await Take(60, limit: 120);
        await Waits(60, limit: 150);
        await end.CancelAsync();
    }

    [Fact]
    public async Task Who_gives_up_waiting_makes_way()
    {
        using var first = await Take(60);
        using var impatient = new CancellationTokenSource();
        var waiting = Task.Run(() => pool.Within(100).Take(90, impatient.Token), TestContext.Current.CancellationToken);
        while (pool.Waiting == 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        var behind = await Waits(10);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        (await behind).Dispose();
    }

    [Fact]
    public async Task Giving_back_twice_counts_once()
    {
        var first = await Take(60);
        using var second = await Take(40);
        first.Dispose();
        first.Dispose();
        using var third = await Take(60);
        await Waits(1);
        await end.CancelAsync();
    }

    [Fact]
    public void Without_a_limit_nobody_waits()
    {
        using var all = pool.Within(10).Take(10, end.Token);
        using var more = pool.Within(null).Take(long.MaxValue, end.Token);
        Assert.Equal(0, pool.Waiting);
    }

    /// <summary>A request that has to wait: it stands in the queue when this returns.</summary>
    async Task<Task<IDisposable>> Waits(long bytes, long limit = 100)
    {
        var before = pool.Waiting;
        var request = Take(bytes, limit);
        while (pool.Waiting == before && !request.IsCompleted) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.False(request.IsCompleted);
        return request;
    }
}
