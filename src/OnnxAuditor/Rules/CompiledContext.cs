using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC004.</summary>
static class CompiledContext
{
    public static readonly Rule Rule = new("SEC004", "CompiledContext", "The model holds or names a compiled binary", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "EPContext nodes: parts of a network compiled for one device, embedded in the file or named by a path.",
        WhyItMatters: """
            The binary is opaque: nothing of it can be read, checked, differentiated or trained, and a driver executes it. Named by a path, it makes whoever loads the model open a file of the model's
            choosing.
            """,
        HowItIsComputed: "By operator. Embedded (`embed_mode` 1): warning. Named by a path: warning, and an error where the path is absolute or leaves the model's folder.",
        Threshold: "None.",
        Example: "`com.microsoft::EPContext` with `ep_cache_context = \"model_qnn.bin\"`.",
        Remedy: "Use the model from before compilation, and compile on the machine that runs it (`session.disable_ep_context` or `ep.context_enable` off at export).",
        WhenToIgnore: "Where the file is a deployment artefact that you compiled yourself.",
        References: "ONNX Runtime, EP context design, https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => context.View.Nodes
        .Where(n => n.OpType is "EPContext" && n.Domain.Length > 0)
        .Select(n => Describe(context.View.NameOf(n), n));

    static Observation Describe(string where, Node node)
    {
        var embedded = node.Int("embed_mode", 1) == 1;
        var path = embedded ? "" : node.String("ep_cache_context");
        var leaves = path.StartsWith('/') || path.StartsWith('\\') || path.Contains("..", StringComparison.Ordinal) || path is [_, ':', ..];
        var message = embedded ? "This node embeds a compiled binary that nothing but its driver can read." : $"This node names a compiled binary, '{Phrase.Line(path, 80).TrimEnd('.')}'{(leaves ? ", outside the model's folder" : "")}.";
        return new Observation(where, message, embedded ? "embedded binary" : "path to a binary", "operators", leaves ? 1 : 0)
        {
            Severity = leaves ? Severity.Error : Severity.Warning,
            Node = node,
            Remedy = "Use the model from before compilation and compile it on the machine that runs it.",
        };
    }
}
