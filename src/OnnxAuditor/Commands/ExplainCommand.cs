using System.CommandLine;
using System.CommandLine.Completions;
using OnnxAuditor.Proxies;
using OnnxAuditor.Rules;

namespace OnnxAuditor.Commands;

/// <summary><c>explain ID</c>: the page of a rule or a proxy.</summary>
static class ExplainCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var id = new Argument<string>("ID") { Description = "A rule (TRN012) or a proxy (intrain)", HelpName = "ID" };
        id.CompletionSources.Add(_ => [.. RuleRegistry.All.Select(r => new CompletionItem(r.Id)), .. ProxyRegistry.All.Select(p => new CompletionItem(p.Id))]);
        var command = new Command("explain", "Tells what a rule finds or a proxy measures, why it matters and how it is computed.") { id };
        command.SetAction(result =>
        {
            terminal.Output.Write(Page(result.GetRequiredValue(id)));
            return (int)ExitCode.Clean;
        });
        return command;
    }

    /// <summary>The page, the same as in docs/.</summary>
    /// <exception cref="UsageException">Nothing has the id.</exception>
    public static string Page(string id)
    {
        if (RuleRegistry.All.FirstOrDefault(r => r.Id.Equals(id, StringComparison.OrdinalIgnoreCase) || r.Name.Equals(id, StringComparison.OrdinalIgnoreCase)) is { } rule) return DocPages.Of(rule);
        if (ProxyRegistry.All.FirstOrDefault(p => p.Id.Equals(id, StringComparison.OrdinalIgnoreCase)) is { } proxy) return DocPages.Of(proxy);
        var ids = RuleRegistry.All.Select(r => r.Id).Concat(RuleRegistry.All.Select(r => r.Name)).Concat(ProxyRegistry.All.Select(p => p.Id));
        throw new UsageException($"there is no rule or proxy '{id}'{Nearest.Suggestion(id, ids)} 'onnx-auditor list rules' and 'onnx-auditor list proxies' show them.");
    }
}
