using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>ONX003.</summary>
static class ExternalDataMissing
{
    public static readonly Rule Rule = new("ONX003", "ExternalDataMissing", "External weights are missing or of the wrong size", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: """
            Tensors whose contents lie in a file beside the model (external data) that is not there, is too short, or does not have the length that the tensor's type and
            dimensions need.
            """,
        WhyItMatters: """
            The model has no values for these weights. It cannot be run, and nothing measured would be about the network that its author meant. The other parts of the
            file are audited all the same.
            """,
        HowItIsComputed: "From `location`, `offset` and `length` of each external tensor, and the size of the file they name. The file is not read where they do not agree.",
        Threshold: "None: the declared bytes are there or they are not.",
        Example: "`model.onnx` copied without `model.onnx.data`; or `model.onnx.data` from another export.",
        Remedy: """
            Copy the data file together with the model, under the name that the model declares, and keep both from one export. PyTorch: `torch.onnx.export(..., external_data=True)`
            writes `<model>.onnx.data`; one file below 2 GB: `onnx.save_model(model, path, save_as_external_data=False)`.
            """,
        WhenToIgnore: "Where only the structure of the model is of interest.",
        References: "ONNX external data, https://github.com/onnx/onnx/blob/main/docs/ExternalData.md"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => FileProblems.Of(context, "ONX003", "contents not available", "contents of the declared size",
        "Put the external data file of the same export beside the model, under the name it declares.");
}
