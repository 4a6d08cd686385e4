using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using GraphRewriter.Ir;

namespace GraphRewriter.Tests.Serialization;

/// <summary>Everything a model holds as text, contents as hashes: two models with the same text are the same.</summary>
static class ModelText
{
    public static string Of(Model model)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"ir {model.IrVersion} {model.ProducerName} {model.ProducerVersion} {model.Domain} {model.ModelVersion} {model.Documentation}\n");
        text.Append(CultureInfo.InvariantCulture, $"opsets {string.Join(',', model.Opsets)} metadata {string.Join(',', model.Metadata)} rest {Hash(model.UnknownFields.Span)}\n");
        Append(text, model.Graph, "");
        foreach (var f in model.Functions)
        {
            text.Append(CultureInfo.InvariantCulture, $"function {f.Domain} {f.Name} {f.Overload} {string.Join(',', f.Opsets)} ({string.Join(',', f.AttributeNames)}) {f.Documentation} {string.Join(',', f.Metadata)}\n");
            foreach (var a in f.AttributeDefaults) Append(text, a, " ");
            Append(text, f.Body, " ");
        }
        return text.ToString();
    }

    static void Append(StringBuilder text, Graph graph, string indent)
    {
        text.Append(CultureInfo.InvariantCulture, $"{indent}graph {graph.Name} {graph.Documentation} {string.Join(',', graph.Metadata)} {Hash(graph.UnknownFields.Span)}\n");
        foreach (var v in graph.Inputs) text.Append(CultureInfo.InvariantCulture, $"{indent} in {Of(v)}\n");
        foreach (var v in graph.Initializers) text.Append(CultureInfo.InvariantCulture, $"{indent} const {Of(v)} = {Of(v.Data)} {Of(v.SparseData)}\n");
        foreach (var node in graph.Nodes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{indent} node {node} {node.Overload} {node.Documentation} {string.Join(',', node.Metadata)} {Hash(node.UnknownFields.Span)}\n");
            text.Append(CultureInfo.InvariantCulture, $"{indent}  ({string.Join(", ", node.Inputs.Select(i => i?.Name ?? "-"))}) -> ({string.Join("; ", node.Outputs.Select(o => o is null ? "-" : Of(o)))})\n");
            foreach (var a in node.Attributes.Values) Append(text, a, indent + "  ");
        }
        foreach (var v in graph.Outputs) text.Append(CultureInfo.InvariantCulture, $"{indent} out {Of(v)}\n");
        text.Append(CultureInfo.InvariantCulture, $"{indent} annotated {string.Join(',', graph.Annotated.Select(v => v.Name).Order(StringComparer.Ordinal))}\n");
    }

    static void Append(StringBuilder text, GraphRewriter.Ir.Attribute a, string indent)
    {
        text.Append(CultureInfo.InvariantCulture, $"{indent}@{a.Name} {a.Kind} {a.Reference} {Hash(a.UnknownFields.Span)} = ");
        text.Append(a.Content switch
        {
            null => "none",
            TensorData t => Of(t),
            TensorData[] many => string.Join(' ', many.Select(Of)),
            SparseTensorData s => Of(s),
            SparseTensorData[] many => string.Join(' ', many.Select(Of)),
            byte[] bytes => Convert.ToHexString(bytes),
            byte[][] many => string.Join(' ', many.Select(Convert.ToHexString)),
            float[] many => string.Join(' ', many.Select(BitConverter.SingleToUInt32Bits)),
            long[] many => string.Join(' ', many),
            Graph or Graph[] => "",
            var other => Convert.ToString(other, CultureInfo.InvariantCulture),
        }).Append('\n');
        if (a.Content is Graph g) Append(text, g, indent + " ");
        if (a.Content is Graph[] graphs) foreach (var each in graphs) Append(text, each, indent + " ");
    }

    static string Of(Value v) =>
        $"{v} {v.Other?.Kind} {Hash(v.Other is { } other ? other.Encoded.Span : default)} {v.Documentation} {string.Join(',', v.Metadata)} {Hash(v.UnknownFields.Span)}";

    static string Of(TensorData? t) => t is null ? "" : t.Unavailable is { } why ? $"{t} ({why})"
        : t.Type == ElementType.String ? $"{t} {string.Join(' ', t.Strings.Select(Convert.ToHexString))}" : $"{t} {Hash(t.Bytes.Span)}";

    static string Of(SparseTensorData? s) => s is null ? "" : $"sparse [{string.Join(',', s.Dims)}] {Of(s.Values)} {Of(s.Indices)}";

    static string Hash(ReadOnlySpan<byte> bytes) => bytes.IsEmpty ? "" : Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
}
