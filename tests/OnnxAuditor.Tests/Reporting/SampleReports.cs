using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>Reports made by hand, for the tests of what is written from them.</summary>
static class SampleReports
{
    internal static readonly ToolInfo Tool = new("onnx-auditor", "1.2.3");

    internal static readonly Glossary Glossary = new(
        new Dictionary<string, RuleEntry>(StringComparer.Ordinal)
        {
            ["GRD001"] = new("Gradients vanish on their way to the first layers", "The first layers keep their initial values:\nthe loss does not tell them anything.", "A ratio of 1e-4.", "Glorot and Bengio 2010."),
            ["TRN012"] = new("A node without derivative between a parameter and the output", "Parameters behind it cannot learn.", "Any such node.", "The ONNX operator specification."),
            ["TRN024"] = new("The head ends in a softmax", "A loss on logits is steadier.", "None.", "None."),
            ["WGT003"] = new("Filters that are zero", "A zero filter passes no signal.", "One filter.", "None."),
        },
        new Dictionary<string, ProxyEntry>(StringComparer.Ordinal)
        {
            ["intrain"] = new("InTrain", "Rank of the features at initialisation.", "Its authors, 2025."),
            ["epsilon"] = new("EPSINAS", "Spread of outputs between two constant weights.", "Its authors, 2023."),
        });

    /// <summary>A sick model of which everything is known.</summary>
    internal static ModelReport Sick => new()
    {
        Path = "vendor/sick_mlp.onnx",
        Sha256 = new string('a', 60) + "0123",
        Bytes = 1_234_567,
        Producer = "pytorch 2.10.0",
        IrVersion = 10,
        Opset = new SortedDictionary<string, long>(StringComparer.Ordinal) { ["ai.onnx"] = 21, ["com.microsoft"] = 1 },
        Verdict = Verdict.NotTrainable,
        VerdictReason = "GRD001: the gradient does not reach the first 9 layers",
        Parameters = new(24, 303_114, 303_050, 64, 1_280),
        Macs = 302_080,
        Inputs = [new("image", "float32", "batch×1×28×28")],
        Outputs = [new("probabilities", "float32", "batch×10")],
        NodeCount = 38,
        Coverage = new(36, 35, 303_050, 241_610, [new("/head/ArgMax", "ArgMax", "its output is an index")]),
        Measurement = new("ONNX Runtime 1.31.1", "cpu", "both", "pytorch", 0, 16, "frozen", "cross-entropy against seeded random labels",
            "/head/Gemm output, before Softmax, which was stripped", [new("image", "16×1×28×28", "float32", "synthetic, N(0, 1)")],
            ["shipped weights, frozen statistics: forward and backward", "re-initialised weights, batch statistics: forward and backward"]),
        Proxies =
        [
            new("intrain", 12.34567, true, null, new SortedDictionary<string, double>(StringComparer.Ordinal) { ["rank"] = 3.5, ["stability"] = 0.0271828 }, [12.34567, 11.5, 13.75], "re-initialised weights, batch statistics, N(0, 1) inputs, batch 16"),
            new("parameters", 303_050, true, null, new SortedDictionary<string, double>(StringComparer.Ordinal), [], "from the graph"),
            new("epsilon", null, true, "node /head/ArgMax (ArgMax, opset 21) gives no float output", new SortedDictionary<string, double>(StringComparer.Ordinal), [], "constant weights 1e-7 and 1"),
        ],
        Findings =
        [
            new("GRD001", Severity.Error, Confidence.Certain, "/layers.0/Gemm", "The gradient RMS of the first layer is 1.2e-9 of the last one's", "1.2e-9", "1e-4", "Use ReLU instead of Sigmoid, or add residual connections", "2f1c8a77b0d4e911") { Count = 9, OtherPlaces = ["/layers.1/Gemm", "/layers.2/Gemm"] },
            new("TRN012", Severity.Warning, Confidence.Likely, "/head/ArgMax", "`/head/ArgMax` cuts 61,440 elements off", "61,440 elements", "0 elements", "Cut the head: train on `logits`", "91aa5c07de23f6b8"),
            new("WGT003", Severity.Warning, Confidence.Certain, "layers.3.weight", "2 of 128 rows are zero", "2 rows", "1 row", "Prune them", "55aa5c07de23f6b8") { SuppressedBy = "baseline.json" },
            new("TRN024", Severity.Info, Confidence.Certain, "/head/Softmax", "The output is a probability", "", "", "", "77aa5c07de23f6b8"),
        ],
        Trials =
        [
            new("shipped", "frozen", "adam", 16)
            {
                Outcome = TrialOutcome.Stalls,
                Because = "the loss fell from 2.402 to 1.961 in 3 steps; outputs that ignore the inputs reach 1.96",
                LearningRate = 0.03,
                Losses = [2.402, 2.1, 1.97, 1.961],
                MaxStableLearningRate = 0.1,
                ConstantLoss = 1.96,
                NeverMoved = ["layers.0.weight", "<b>|x"],
                HalfMoved = [("layers.1.weight", 0.875)],
                NoiseScaleUnavailable = "the batch holds one sample",
                UpdateRatios = [("layers.1.weight", 1.5e-6), ("layers.11.weight", 0.0123)],
                Range = [(0.03, 1.97), (0.1, 2.2), (0.3, null)],
            },
            new("reinit", "frozen", "adam", 16) { Outcome = TrialOutcome.Overfits, Because = "the loss fell from 2.3 to 0.19 in 2 steps", LearningRate = 0.1, Losses = [2.3, 0.9, 0.19], StepsToTenth = 2, MaxStableLearningRate = 0.3, ConstantLoss = 1.96, NoiseScale = 42.5, UpdateRatios = [("layers.1.weight", 1.5e-3)], Range = [(0.1, 0.5)] },
            new("reinit", "batch", "adam", 16) { Unavailable = "no gradient reaches any parameter" },
        ],
        Tensors = [new("layers.0.weight", "128×784", "weight", true, 6.541, 1.2e-9), new("layers.0.bias", "128", "bias", true, 0.3, null), new("norm.mean", "64", "statistics", false, double.NaN, null)],
        Layers = [.. Enumerable.Range(0, 12).SelectMany(Block)],
        Notes = ["Softmax at the head was stripped for the loss", "2 Identity nodes were un-shared"],
    };

    /// <summary>A model without anything to mend.</summary>
    internal static ModelReport Healthy => new()
    {
        Path = "models/residual_cnn.onnx",
        Sha256 = new string('b', 64),
        Bytes = 823,
        Producer = "",
        IrVersion = 8,
        Opset = new SortedDictionary<string, long>(StringComparer.Ordinal) { ["ai.onnx"] = 17 },
        Verdict = Verdict.Trainable,
        VerdictReason = "no finding stands against it",
        Parameters = new(14, 77_850, 77_850, 0, 0),
        Macs = 12_453_888,
        Inputs = [new("x", "float32", "N×3×32×32")],
        Outputs = [new("y", "float32", "N×10")],
        NodeCount = 30,
        Coverage = new(30, 30, 77_850, 77_850, []),
        Measurement = new("ONNX Runtime 1.31.1", "cpu", "both", "pytorch", 0, 16, "frozen", "cross-entropy against seeded random labels", "y", [new("x", "16×3×32×32", "float32", "synthetic, N(0, 1)")],
            ["shipped weights, frozen statistics: forward and backward"]),
        Proxies = [new("intrain", 21.5, true, null, new SortedDictionary<string, double>(StringComparer.Ordinal), [21.5], "re-initialised weights")],
        Findings = [new("TRN024", Severity.Info, Confidence.Certain, "/head/Softmax", "The output is a probability", "", "", "", "77aa5c07de23f6b8")],
        Tensors = [new("w", "10×64", "weight", true, 3.2, 0.4)],
        Layers = [.. Enumerable.Range(0, 6).Select(i => new LayerRow($"/block.{i}/Conv", "Conv", "16×16×32×32", 2304, new(0.01, 1 - 0.02 * i, 1 - 0.02 * i, 0, 9.5 - i, 6, null), new(0.01, 0.001 + 0.0001 * i, 0)) { Weight = new(1.5, 6 - 0.5 * i) })],
    };

    /// <summary>A file that is no model.</summary>
    internal static ModelReport Unreadable => new()
    {
        Path = "vendor/pointer.onnx",
        Bytes = 130,
        Unreadable = "it is a git-LFS pointer, not the model: run `git lfs pull`",
        VerdictReason = "the file was not read",
        Findings = [new("ONX001", Severity.Error, Confidence.Certain, "vendor/pointer.onnx", "The file is a git-LFS pointer", "130 bytes", "", "Run `git lfs pull`", "00aa5c07de23f6b8")],
    };

    /// <summary>A model that a time budget ended before anything was run.</summary>
    internal static ModelReport OverBudget => Healthy with
    {
        Path = "vendor/large.onnx",
        Verdict = Verdict.Undetermined,
        VerdictReason = "the time budget of 1 s ended the audit",
        BudgetExceeded = "the time budget of 1 s was spent before the first pass",
        Coverage = new(0, 0, 0, 0, []),
        Measurement = null,
        Macs = null,
        Proxies = [],
        Findings = [],
        Layers = [],
    };

    internal static AuditReport Of(params ModelReport[] models) => new(Tool, models);

    static LayerRow[] Block(int i)
    {
        var shrink = Math.Pow(0.2, 11 - i);
        return
        [
            new LayerRow($"/layers.{i}/Gemm", "Gemm", "16×128", i == 0 ? 100_480 : 16_512, new(0.02, 0.9, 0.9, 0, 20 - 1.5 * i, 3.5, null), new(shrink, shrink / 45, 0)),
            new LayerRow($"/layers.{i}/Sigmoid", "Sigmoid", "16×128", 0, new(0.5, 0.2, 0.54, 0.01 * i, null, 0.99, i == 7 ? 0.25 : 0), i == 3 ? null : new(shrink, shrink / 40, 0.125)),
        ];
    }
}
