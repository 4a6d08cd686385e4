using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN030.</summary>
static class OldFormat
{
    static readonly Threshold MinOpset = new("TRN030.opset", 7, "", "an older operator set is a warning");
    static readonly Threshold GoodOpset = new("TRN030.good-opset", 12, "", "an older operator set is an info");
    static readonly Threshold MinIr = new("TRN030.ir", 4, "", "an older IR version is a warning");

    public static readonly Rule Rule = new("TRN030", "OldFormat", "Operator set or IR version is old", Severity.Warning, RuleCost.Scan, new RuleText(
        WhatItFinds: "Models of operator set below 12, and of IR version below 4.",
        WhyItMatters: """
            Below operator set 7 operators broadcast by attribute and BatchNormalization had another meaning; converters from there are incomplete. Before 12, Dropout and BatchNormalization have no
            training mode, Clip and Pad take their bounds as attributes, and importers for training support few of the versions. Below IR 4 every initializer is also a graph input, so that
            tools ask for weights as inputs or refuse to treat them as constants.
            """,
        HowItIsComputed: "From `opset_import` of the standard domain and `ir_version`. Models of operator sets 1 to 5 are read for their structure only, without computing anything, where an operator in them changed before 6.",
        Threshold: "Operator set below 7, or IR version below 4: warning. Operator set 7 to 11: info. The bounds are those of the changes named above.",
        Example: "IR version 3, operator set 7, written in 2018.",
        Remedy: """
            Export again with a current exporter (`opset_version=17` or later). From the file alone: `onnx.version_converter.convert_version(model, 17)`, or `onnx-auditor rewrite --canonical`, which writes
            operator set 21 and IR 10 and checks that outputs stay the same.
            """,
        WhenToIgnore: "Where the model is only run, and the runtime reads it.",
        References: "ONNX versioning, https://github.com/onnx/onnx/blob/main/docs/Versioning.md; operator changelog, https://github.com/onnx/onnx/blob/main/docs/Changelog.md"),
        Find)
    { Thresholds = [MinOpset, GoodOpset, MinIr] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var (opset, ir) = (context.Model.Opset, context.Model.IrVersion);
        var usesStandard = context.View.Nodes.Any(n => n.Domain.Length == 0);
        const string remedy = "Export again with a current exporter, or upgrade the file: onnx.version_converter.convert_version(model, 17), or onnx-auditor rewrite --canonical.";
        if (usesStandard && opset < context.Limit(GoodOpset))
        {
            var old = opset < context.Limit(MinOpset);
            yield return new Observation("opset_import", $"The model is written for operator set {opset}{(context.Canonical is { StructureOnly: true } ? ", from which only the structure can be read" : "")}.", $"opset {opset}", $"≥ {context.Limit(old ? MinOpset : GoodOpset)}", 100 - opset)
            {
                Severity = old ? Severity.Warning : Severity.Info,
                Remedy = remedy,
            };
        }
        if (ir < context.Limit(MinIr) && context.Model.Graph.Initializers.Count > 0)
            yield return new Observation("ir_version", $"The file is of IR version {ir}: every initializer is also a graph input.", $"IR {ir}", $"≥ {context.Limit(MinIr)}", 10 - ir) { Severity = Severity.Warning, Remedy = remedy };
    }
}
