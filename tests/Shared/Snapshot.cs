using System.Runtime.CompilerServices;
using Xunit;

namespace Testing;

/// <summary>Compares a text with the one kept in a folder "snapshots" beside the test. UPDATE_SNAPSHOTS=1 writes it anew instead: look at the difference before you commit it.</summary>
static class Snapshot
{
    /// <summary>Compares the text with the snapshot of that file name.</summary>
    internal static void Match(string name, string text, [CallerFilePath] string test = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(test)!, "snapshots", name);
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") is "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
        Assert.True(File.Exists(path), $"There is no snapshot {name}; UPDATE_SNAPSHOTS=1 writes it.");
        Assert.Equal(File.ReadAllText(path), text);
    }
}
