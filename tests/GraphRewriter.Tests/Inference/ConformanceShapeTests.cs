using System.Globalization;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Inference;

/// <summary>Holds inference against the ONNX project's operator tests: models with the tensors that go in and come out.</summary>
public sealed class ConformanceShapeTests
{
    // Measured with release 1.12 of the test data, which has 1036 tensors; what is not inferred depends on data (Unique, NonMaxSuppression, …).
    const int LeastTensors = 997;
    const int LeastEvaluated = 357;

    static readonly HashSet<string> OtherSemantics = new(StringComparer.Ordinal)
    {
        // Before opset 20 the axis was an attribute with another default.
        "DFT",
    };

    sealed record Case(string Name, Graph Graph, TensorData[] Inputs, TensorData[] Outputs);

    [Fact]
    public void Inferred_shapes_and_types_are_those_that_come_out()
    {
        var known = 0;
        var total = 0;
        var unknown = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var test in Cases())
        {
            Feed(test, withContents: false);
            Check(test, "contents unknown");
            Feed(test, withContents: true);
            for (var i = 0; i < test.Outputs.Length; i++)
            {
                total++;
                if (test.Graph.Outputs[i].Shape is { IsStatic: true }) known++;
                else unknown.Add(test.Graph.Nodes[^1].OpType);
            }
            Check(test, "contents given");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{known} of {total} outputs inferred; not inferred: {string.Join(", ", unknown)}");
        Assert.True(known >= LeastTensors, $"{known} of {total} outputs have a known shape, expected {LeastTensors}; not inferred: {string.Join(", ", unknown)}");
    }

    [Fact]
    public void Evaluated_contents_are_those_that_come_out()
    {
        var evaluated = 0;
        var operators = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var test in Cases())
        {
            // The expected windows were computed with 3.1415 for pi.
            if (test.Name.Contains("window", StringComparison.Ordinal)) continue;
            Feed(test, withContents: true);
            for (var i = 0; i < test.Outputs.Length; i++)
            {
                if (test.Graph.Outputs[i].Evaluated is not { } value) continue;
                evaluated++;
                operators.Add(test.Graph.Nodes[^1].OpType);
                AssertSame(test.Outputs[i], value, test.Name);
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{evaluated} outputs evaluated: {string.Join(", ", operators)}");
        Assert.True(evaluated >= LeastEvaluated, $"{evaluated} outputs are evaluated, expected {LeastEvaluated}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Partial_knowledge_never_leads_to_a_wrong_shape(int seed)
    {
        var random = new Random(seed);
        foreach (var test in Cases())
        {
            Feed(test, input => (Blurred(random, input.Shape), random.Next(2) == 0 ? input : null));
            Check(test, $"seed {seed}");
        }
    }

    // Hides sizes behind nothing or behind symbols that name them, so that a symbol that comes out tells which size it claims.
    static Shape? Blurred(Random random, Shape shape) => random.Next(8) == 0 ? null
        : new Shape(shape.Select(d => random.Next(4) switch { 0 => Dim.Unknown, 1 => new Dim(-1, $"size{d}"), _ => d }));

    static void Check(Case test, string how)
    {
        for (var i = 0; i < test.Outputs.Length; i++)
        {
            var (output, actual) = (test.Graph.Outputs[i], test.Outputs[i]);
            var where = $"{test.Name}, output {i}, {how}: inferred {output}, actual {actual}";
            Assert.True(output.Type == actual.Type || output.Type == ElementType.Undefined, where);
            if (output.Shape is not { } shape) continue;
            Assert.True(shape.Rank == actual.Dims.Count, where);
            for (var d = 0; d < shape.Rank; d++)
                Assert.True(shape[d].IsKnown ? shape[d].Size == actual.Dims[d] : shape[d].Symbol is not { } symbol || Claimed(symbol) == actual.Dims[d], where);
        }
    }

    // The size that a symbol or a product of symbols and numbers names.
    static long Claimed(string product) =>
        product.Split('*').Aggregate(1L, (n, factor) => n * long.Parse(factor.Replace("size", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));

    static void Feed(Case test, bool withContents) => Feed(test, input => (input.Shape, withContents ? input : null));

    static void Feed(Case test, Func<TensorData, (Shape? Shape, TensorData? Contents)> known)
    {
        for (var i = 0; i < test.Inputs.Length; i++)
        {
            var input = test.Graph.Inputs[i];
            input.Type = test.Inputs[i].Type;
            (input.Shape, input.Data) = known(test.Inputs[i]);
        }
        ShapeInference.Forget(test.Graph);
        foreach (var output in test.Graph.Nodes.SelectMany(n => n.Outputs)) output?.Type = ElementType.Undefined;
        ShapeInference.Infer(test.Graph);
    }

    static void AssertSame(TensorData expected, TensorData actual, string where)
    {
        Assert.True(expected.Type == actual.Type && expected.Dims.SequenceEqual(actual.Dims), $"{where}: expected {expected}, evaluated {actual}");
        if (!expected.Type.IsFloat)
        {
            Assert.True(expected.Bytes.Span.SequenceEqual(actual.Bytes.Span), where);
            return;
        }
        var tolerance = expected.Type is ElementType.Float16 or ElementType.BFloat16 ? 1e-2 : 1e-6;
        var (e, a) = (expected.ToDoubles(), actual.ToDoubles());
        for (var i = 0; i < e.Length; i++)
            Assert.True(e[i] == a[i] || (double.IsNaN(e[i]) && double.IsNaN(a[i])) || Math.Abs(e[i] - a[i]) <= tolerance * Math.Max(1, Math.Abs(e[i])), $"{where}: element {i} is {e[i]}, evaluated {a[i]}");
    }

    static IEnumerable<Case> Cases()
    {
        foreach (var folder in Directory.EnumerateDirectories(Checkout.OnnxTestData("node")).Order(StringComparer.Ordinal))
        {
            var data = Path.Combine(folder, "test_data_set_0");
            if (!Directory.Exists(data)) continue;
            var model = OnnxReader.Read(Path.Combine(folder, "model.onnx")).Model;
            var graph = model.Graph;
            if (model.Opset < 7 || graph.Nodes.Any(n => n.Domain.Length != 0 || OtherSemantics.Contains(n.OpType))) continue;
            if (graph.Inputs.Concat(graph.Outputs).Any(v => v.Other is not null)) continue;
            var test = new Case(Path.GetFileName(folder), graph, Tensors(data, "input"), Tensors(data, "output"));
            // Some bfloat16 data is stored as what its bits are.
            if (graph.Inputs.Zip(test.Inputs).Concat(graph.Outputs.Zip(test.Outputs)).Any(p => p.First.Type != p.Second.Type)) continue;
            yield return test;
        }
    }

    static TensorData[] Tensors(string folder, string kind) =>
    [
        .. Directory.EnumerateFiles(folder, kind + "_*.pb")
            .OrderBy(f => int.Parse(Path.GetFileNameWithoutExtension(f).AsSpan(kind.Length + 1), CultureInfo.InvariantCulture))
            .Select(f => new TensorReader(new ReadContext(int.MaxValue, new ExternalData(null))).Read(TensorProto.Parser.ParseFrom(File.ReadAllBytes(f)), f)),
    ];
}
