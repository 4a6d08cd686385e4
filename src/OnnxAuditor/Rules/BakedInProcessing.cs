using System.Collections.Frozen;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN023.</summary>
static class BakedInProcessing
{
    /// <summary>What an operator does that belongs in front of or behind a network; whether it handles something else than numbers.</summary>
    static readonly FrozenDictionary<string, (string Does, bool IsForeign)> Operators = new Dictionary<string, (string, bool)>(StringComparer.Ordinal)
    {
        ["DecodeImage"] = ("decodes image files", true),
        ["ImageDecoder"] = ("decodes image files", true),
        ["EncodeImage"] = ("encodes image files", true),
        ["AudioDecoder"] = ("decodes audio files", true),
        ["StringNormalizer"] = ("normalises text", true),
        ["StringSplit"] = ("splits text", true),
        ["StringConcat"] = ("joins text", true),
        ["RegexFullMatch"] = ("matches text", true),
        ["TfIdfVectorizer"] = ("counts n-grams", true),
        ["Tokenizer"] = ("tokenises text", true),
        ["BertTokenizer"] = ("tokenises text", true),
        ["SentencepieceTokenizer"] = ("tokenises text", true),
        ["GPT2Tokenizer"] = ("tokenises text", true),
        ["LabelEncoder"] = ("maps labels", true),
        ["ZipMap"] = ("makes a map of labels", true),
        ["STFT"] = ("computes a spectrogram", false),
        ["DFT"] = ("computes a spectrum", false),
        ["MelWeightMatrix"] = ("makes a mel filter bank", false),
        ["NonMaxSuppression"] = ("selects boxes", false),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static readonly Rule Rule = new("TRN023", "BakedInProcessing", "Pre- or post-processing is part of the graph", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Operators that decode images, tokenise text, compute spectra or select boxes, and inputs of bytes that the graph itself casts and scales.",
        WhyItMatters: """
            They are convenient for shipping and in the way of training: augmentation has to come between decoding and the network, text and files carry no gradient, and box selection hides the
            scores that a loss needs. Random probes cannot be images, so that nothing behind a decoder can be measured with synthetic inputs.
            """,
        HowItIsComputed: """
            By operator, in the graph as read; operators that handle files or text give a warning, numeric ones an info. An input of type uint8 that a Cast to float follows is an info.
            """,
        Threshold: "None.",
        Example: "`ai.onnx.contrib::DecodeImage → Resize → network → EncodeImage`.",
        Remedy: """
            Audit and train the differentiable core: export the network alone, or cut it out with `onnx.utils.extract_model(in, out, [first tensor], [last tensor])`. Put the processing back with
            `onnx.compose.merge_models` for shipping.
            """,
        WhenToIgnore: "Where the file is the shipping artefact and the core exists separately. STFT and DFT are differentiable and may stay.",
        References: "ONNX, composing models, https://onnx.ai/onnx/api/compose.html"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var view = context.View;
        foreach (var node in view.Nodes.Where(n => Operators.ContainsKey(n.OpType) && view.IsOnPath(n)))
        {
            var (does, foreign) = Operators[node.OpType];
            yield return Describe(view.NameOf(node), $"{node.OpType} {does}: this belongs outside the part that is trained.", node.OpType, foreign) with { Node = node };
        }
        foreach (var input in view.Graph.Inputs.Where(i => i is { Type: ElementType.UInt8, Data: null }))
            if (view.UsesOf(input).FirstOrDefault(u => u.Node.Is("Cast")) is { Node: { } cast } && cast.Int("to") is 1 or 10 or 11 or 16)
                yield return Describe(input.Name, "The graph casts this input of bytes to floats: scaling and normalisation are part of it.", "uint8 input", false) with { Value = input };
    }

    static Observation Describe(string where, string message, string measured, bool foreign) => new(where, message, measured, "the network alone", foreign ? 1 : 0)
    {
        Severity = foreign ? Severity.Warning : Severity.Info,
        Remedy = "Audit and train the network without it: onnx.utils.extract_model(in, out, [first tensor], [last tensor]).",
    };
}
