using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX001. A file that cannot be read has no model to look at: <see cref="RuleEngine.Unreadable"/> makes its finding.</summary>
static class UnreadableFile
{
    public static readonly Rule Rule = new("ONX001", "UnreadableFile", "The file is no readable ONNX model", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            A file that is not an ONNX model at all: a git-LFS pointer, the text of a symbolic link, a web page saved under the model's name, an empty file, a download that
            broke off, or other bytes that the format's parser rejects.
            """,
        WhyItMatters: """
            Nothing can be said of the model. The usual cause is harmless (the large file was never fetched), but a pipeline that goes on without noticing trains or ships
            the wrong thing.
            """,
        HowItIsComputed: """
            The first bytes are held against what such files begin with (`version https://git-lfs`, `<html`, `<!DOCTYPE`, …); then the protobuf message is parsed and must
            hold a graph. A file that ends within a field is reported as truncated.
            """,
        Threshold: "None: the file is readable or it is not. The program ends with exit code 3; the other models of the run are audited all the same.",
        Example: "`model.onnx` of 133 bytes that begins with `version https://git-lfs.github.com/spec/v1`.",
        Remedy: """
            Git-LFS pointer: `git lfs pull`, and in CI check out with LFS enabled. Web page: download from the direct link, not from the page that shows the file. Truncated:
            compare size and SHA-256 with the publisher's and fetch again.
            """,
        WhenToIgnore: "Never for a model that is used. Exclude text fixtures that merely end in `.onnx` from the paths.",
        References: "ONNX IR specification, https://github.com/onnx/onnx/blob/main/docs/IR.md; Git LFS specification, https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => FileProblems.Of(context, "ONX001", "not readable", "a readable ONNX model",
        "Fetch the file again (git lfs pull, or a direct download).");
}
