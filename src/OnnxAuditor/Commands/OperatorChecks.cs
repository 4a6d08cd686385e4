using System.Collections.Frozen;

namespace OnnxAuditor.Commands;

/// <summary>What the values or gradients of each operator were checked against. The numbers of cases are a table that the tests hold: checked-against.tsv.</summary>
static class OperatorChecks
{
    /// <summary>The columns of the table: values stored with the ONNX project's operator tests; values and gradients that PyTorch gave; differences of ONNX Runtime's own kernel.</summary>
    static readonly string[] Columns = ["ONNX node tests", "PyTorch", "finite differences"];

    static readonly FrozenDictionary<string, string> ByOp = Read();

    /// <summary>The references of an operator, each with the number of cases.</summary>
    /// <param name="name">The operator, with its domain in front where that is not the standard one.</param>
    public static string Of(string name) => ByOp.GetValueOrDefault(name, "none");

    static FrozenDictionary<string, string> Read()
    {
        using var stream = typeof(OperatorChecks).Assembly.GetManifestResourceStream("checked-against.tsv")!;
        using var reader = new StreamReader(stream);
        var rows = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(r => r.Split('\t'));
        return rows.ToFrozenDictionary(r => r[0], r => string.Join(", ", Columns.Zip(r[1..]).Where(c => c.Second is not "0").Select(c => $"{c.First} {c.Second}")), StringComparer.Ordinal);
    }
}
