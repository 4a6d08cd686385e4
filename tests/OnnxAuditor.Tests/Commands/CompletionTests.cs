using OnnxAuditor.Proxies;
using OnnxAuditor.Rules;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

/// <summary>What shells are offered, and the scripts that ask for it. tests/distribution/run.sh completes in a real bash.</summary>
public class CompletionTests
{
    static string[] Offered(string line)
    {
        var (code, output, error) = ProgramRun.Of($"[suggest:{line.Length}]", line);
        Assert.Equal((0, ""), (code, error));
        return [.. output.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    [Theory]
    [InlineData("onnx-auditor ", "check", "audit", "doctor", "completion")]
    [InlineData("onnx-auditor che", "check")]
    [InlineData("onnx-auditor check --", "--gate", "--baseline", "--fail-on", "--select")]
    [InlineData("onnx-auditor check x.onnx --fail-on ", "error", "warning", "info", "never")]
    [InlineData("onnx-auditor audit --profile ", "fast", "standard", "full")]
    [InlineData("onnx-auditor audit --profile f", "fast", "full")]
    [InlineData("onnx-auditor audit --format ", "md", "html", "json", "sarif", "junit", "github")]
    [InlineData("onnx-auditor audit --proxies intrain,gra", "intrain,gradalign", "intrain,gradsign", "intrain,grasp")]
    [InlineData("onnx-auditor check --select TRN00", "TRN001", "TRN002")]
    [InlineData("onnx-auditor list ", "rules", "proxies", "operators")]
    [InlineData("onnx-auditor completion ", "bash", "zsh", "fish", "pwsh")]
    public void Words_are_offered(string line, params string[] expected)
    {
        var offered = Offered(line);
        Assert.All(expected, e => Assert.Contains(e, offered));
    }

    [Fact]
    public void What_a_value_begins_with_is_kept() => Assert.All(Offered("onnx-auditor audit --profile f"), w => Assert.StartsWith("f", w, StringComparison.Ordinal));

    [Fact]
    public void Every_rule_and_proxy_is_offered_where_one_is_named()
    {
        var ids = Offered("onnx-auditor explain ");
        Assert.All(RuleRegistry.All, r => Assert.Contains(r.Id, ids));
        var proxies = Offered("onnx-auditor audit --proxies ");
        Assert.All(ProxyRegistry.All, p => Assert.Contains(p.Id, proxies));
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _onnx_auditor onnx-auditor\n")]
    [InlineData("zsh", "compdef _onnx_auditor onnx-auditor\n")]
    [InlineData("fish", "complete -c onnx-auditor -a \"(__onnx_auditor_words)\"\n")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName onnx-auditor -ScriptBlock {\n")]
    public void Each_shell_has_a_script_that_asks_the_program(string shell, string expected)
    {
        var (code, output, error) = CommandRun.Of("completion", shell);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains(expected, output, StringComparison.Ordinal);
        Assert.Contains("[suggest:", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', output);
    }

    [Fact]
    public void Another_shell_is_a_mistake() => Assert.Equal((2, "", "onnx-auditor: 'bsh' is no shell that can be completed in; did you mean 'bash'? Allowed: bash, zsh, fish, pwsh.\n"), CommandRun.Of("completion", "bsh"));
}
