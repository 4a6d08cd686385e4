using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC001.</summary>
static class RefusedExternalData
{
    public static readonly Rule Rule = new("SEC001", "RefusedExternalData", "External data points where a model has no business", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Tensors whose external data is named by an absolute path, a path that leaves the model's folder, a symbolic link, a file with a second name (hard link), a folder or
            device, or with keys that the format does not know.
            """,
        WhyItMatters: """
            Such a reference makes whoever loads the model read any file the user can read: keys, configuration, other people's data end up as "weights" in what is saved next.
            It is never needed for an honest model.
            """,
        HowItIsComputed: """
            The path is judged as text, both kinds of separator on every system, before anything is opened; then each of its parts is checked for links, and the file for its
            kind and its number of names. A file that fails is never opened.
            """,
        Threshold: "None: a reference is a plain relative path to an ordinary file below the model's folder, or it is refused.",
        Example: "`location = \"../../etc/passwd\"`.",
        Remedy: """
            Do not use the file before its origin is clear. If it is your own: save it again with `onnx.save_model(model, path, save_as_external_data=True, location="weights.bin")`
            and copy linked files instead of linking them.
            """,
        WhenToIgnore: "Never for a model from elsewhere. For your own, where a store of hard-linked or linked files holds the weights: copy the model out of the store first.",
        References: "CVE-2022-25882 and CVE-2024-27318 (path traversal through external data in onnx); https://github.com/onnx/onnx/blob/main/docs/ExternalData.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => FileProblems.Of(context, "SEC001", "refused, not opened", "a relative path to an ordinary file below the model's folder",
        "Do not use the file before its origin is clear; save your own model again with its weights in one plain file beside it.");
}
