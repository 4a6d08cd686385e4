using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Inference;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Microsoft.ML.OnnxRuntime;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class EmbeddingGradientTests
{
    const int Rows = 20_000, Vocabulary = 7, Width = 1, Repetitions = 200;

    [Fact]
    public void Embedding_gradient_over_many_duplicate_rows_is_the_same_in_every_run_on_two_threads()
    {
        var random = new Random(1);
        var indices = new long[Rows];
        var cotangent = new float[Rows * Width];
        for (var i = 0; i < Rows; i++) indices[i] = random.Next(-Vocabulary, Vocabulary);
        for (var i = 0; i < cotangent.Length; i++) cotangent[i] = (float)(random.NextDouble() - 0.5);
        using var options = new SessionOptions { IntraOpNumThreads = 2, ExecutionMode = ExecutionMode.ORT_SEQUENTIAL };
        using var session = new InferenceSession(EmbeddingGradient(), options);
        using var table = OrtValue.CreateTensorValueFromMemory(new float[Vocabulary * Width], [Vocabulary, Width]);
        using var rows = OrtValue.CreateTensorValueFromMemory(indices, [Rows]);
        using var dy = OrtValue.CreateTensorValueFromMemory(cotangent, [Rows, Width]);
        using var run = new RunOptions();
        float[]? first = null;
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            using var outputs = session.Run(run, ["table", "indices", "dy"], [table, rows, dy], ["gradient"]);
            var gradient = outputs[0].GetTensorDataAsSpan<float>();
            first ??= gradient.ToArray();
            Assert.True(gradient.SequenceEqual(first), $"Repetition {repetition} differs from the first.");
        }
        AssertSums(first!, indices, cotangent);
    }

    static void AssertSums(float[] gradient, long[] indices, float[] cotangent)
    {
        var sums = new double[Vocabulary * Width];
        for (var i = 0; i < Rows; i++)
            for (var k = 0; k < Width; k++) sums[((indices[i] + Vocabulary) % Vocabulary * Width) + k] += cotangent[(i * Width) + k];
        for (var k = 0; k < sums.Length; k++) Assert.Equal(sums[k], gradient[k], 1e-3);
    }

    static byte[] EmbeddingGradient()
    {
        var graph = new Graph { Name = "embedding" };
        var table = new Value("table", ElementType.Float32, Shape.Of(Vocabulary, Width));
        var indices = new Value("indices", ElementType.Int64, Shape.Of(Rows));
        var rows = new Value("rows");
        graph.Inputs.AddRange([table, indices]);
        graph.Nodes.Add(new Node("Gather", [table, indices], [rows], name: "gather"));
        ShapeInference.Infer(graph);
        var dy = new Value("dy", ElementType.Float32, rows.Shape);
        graph.Inputs.Add(dy);
        var result = Differentiate.Run(graph, [(rows, dy)], [table], new Tape(graph));
        var gradient = new Value("gradient", ElementType.Float32, table.Shape);
        graph.Nodes.Add(new Node("Identity", [result.Gradients[table]], [gradient], name: "named"));
        graph.Outputs.Add(gradient);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        return OnnxWriter.ToBytes(model);
    }
}
