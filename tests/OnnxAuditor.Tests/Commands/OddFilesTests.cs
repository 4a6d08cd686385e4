using OnnxAuditor.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

/// <summary>Malformed, odd and degenerate files are told what is wrong with them; none is an error of this program.</summary>
public class OddFilesTests
{
    /// <summary>Two networks whose weights are left out: as large as real ones.</summary>
    static readonly string[] Large = ["light_resnet50", "light_shufflenet"];

    public static TheoryData<string> Files => [.. SharedFiles.Models("lint").Where(f => !Large.Contains(Path.GetFileNameWithoutExtension(f), StringComparer.Ordinal))];

    [Theory]
    [MemberData(nameof(Files))]
    public void An_odd_file_has_a_report(string file)
    {
        var (code, output, error) = CommandRun.Of("audit", SharedFiles.Require("models", file), "--proxies", "none", "--batch", "2");
        Assert.True(code is (int)ExitCode.Clean or (int)ExitCode.Findings or (int)ExitCode.Unreadable, $"exit code {code}: {error}");
        Assert.Contains("\n# Trainability of ", output, StringComparison.Ordinal);
    }
}
