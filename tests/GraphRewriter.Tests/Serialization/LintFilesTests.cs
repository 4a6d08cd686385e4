using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Serialization;

public class LintFilesTests
{
    public static TheoryData<string> Files() => [.. SharedFiles.Models("lint")];

    [Theory]
    [MemberData(nameof(Files))]
    public void X(string name)
    {
        try
        {
            using var f = OnnxReader.Read(SharedFiles.Require(["models", .. name.Split('/')]));
            TestContext.Current.SendDiagnosticMessage("");
            Console.WriteLine($"{name}: read, {f.Model.Graph.Nodes.Count} nodes, problems: {string.Join(" | ", f.Problems)} check: {string.Join(" | ", GraphChecker.Check(f.Model))}");
            using var second = OnnxReader.Read(OnnxWriter.ToBytes(f.Model), null);
            Console.WriteLine("   " + string.Equals(ModelText.Of(f.Model), ModelText.Of(second.Model), StringComparison.Ordinal) + string.Join(" | ", second.Problems));
        }
        catch (ModelException e)
        {
            Console.WriteLine($"{name}: {e.Problem}: {e.Message}");
        }
    }
}
