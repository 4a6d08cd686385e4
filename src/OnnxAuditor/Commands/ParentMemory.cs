using System.Globalization;
using OnnxAuditor.Execution;

namespace OnnxAuditor.Commands;

/// <summary>The memory that the parent of a child process deals out: the child writes what it needs, and goes on when a byte comes back.</summary>
/// <param name="terminal">The child's streams.</param>
sealed class ParentMemory(Terminal terminal) : IMemoryPool
{
    /// <summary>The line that asks for memory, with the number of bytes, and the one that gives it back.</summary>
    public const char Ask = 'M', GiveBack = 'F';

    /// <inheritdoc/>
    public IDisposable Take(long bytes, CancellationToken cancellation)
    {
        Tell(string.Create(CultureInfo.InvariantCulture, $"{Ask}{bytes}"));
        if (terminal.Input.ReadByte() < 0) throw new IOException("The process that deals out the memory has ended.");
        cancellation.ThrowIfCancellationRequested();
        return new Lease(this);
    }

    void Tell(string line)
    {
        terminal.Output.WriteLine(line);
        terminal.Output.Flush();
    }

    sealed class Lease(ParentMemory parent) : IDisposable
    {
        public void Dispose() => parent.Tell(GiveBack.ToString());
    }
}
