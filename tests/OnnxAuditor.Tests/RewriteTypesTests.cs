using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Tests.Commands;
using Xunit;

namespace OnnxAuditor.Tests;

/// <summary>Rewritten models of float16, bfloat16 and float64: they keep their types, and what ONNX Runtime cannot run of them is said.</summary>
public sealed class RewriteTypesTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("types-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("real/squeezenet_fp16", ElementType.Float16)]
    [InlineData("torch/torch_gpt", ElementType.Float16)]
    [InlineData("torch/torch_unet", ElementType.Float16)]
    [InlineData("torch/torch_gpt", ElementType.BFloat16)]
    [InlineData("torch/torch_encoder", ElementType.BFloat16)]
    [InlineData("torch/torch_unet", ElementType.BFloat16)]
    [InlineData("torch/torch_encoder", ElementType.Float64)]
    [InlineData("torch/torch_gpt", ElementType.Float64)]
    public void Narrow(string network, ElementType type)
    {
        var model = Retyped(SharedFiles.Require($"models/{network}.onnx"), type);
        var (rewritten, notes, missing) = Rewrite.Apply(model, new RewriteOptions { Gradients = GradientTargets.Weights, Shapes = Shapes(model) });
        var log = new List<string>(MissingKernels.Of(rewritten).Select(k => $"{k.Operator} {k.Type} {k.Loads} {k.Nodes.Count} {k.Nodes[0].LogicalName} {k.Nodes[0].Name}"));
        var wide = Rewrite.Apply(Retyped(SharedFiles.Require($"models/{network}.onnx"), ElementType.Float32, type), new RewriteOptions { Gradients = GradientTargets.Weights, Shapes = Shapes(model) }).Model;
        if (type == ElementType.BFloat16) BetweenCasts.Put(rewritten.Graph);
        try
        {
            var a = Run(rewritten);
            var e = Run(wide);
            foreach (var (name, x) in e)
            {
                var (p, q) = (x.ToDoubles(), a[name].ToDoubles());
                var largest = p.Max(Math.Abs);
                var d = p.Zip(q, (u, v) => Math.Abs(u - v)).Max();
                var l2 = Math.Sqrt(p.Zip(q, (u, v) => (u - v) * (u - v)).Sum() / p.Sum(u => u * u));
                log.Add($"{name} {a[name].Type} largest {largest:G3} max {d / largest:G3} l2 {l2:G3}");
            }
        }
        catch (ModelException ex) { log.Add(ex.Message); }
        Assert.Fail(string.Join('\n', log));
    }

    [Fact]
    public void Missing64()
    {
        var log = new List<string>();
        foreach (var path in Directory.GetFiles(Checkout.Path("models"), "*.onnx").Concat(Directory.GetFiles(Checkout.Path("../shared/models/real"), "*.onnx")))
        {
            try
            {
                var model = Retyped(path, ElementType.Float64);
                var (rewritten, notes, missing) = Rewrite.Apply(model, new RewriteOptions { Gradients = GradientTargets.Weights });
                log.Add(Path.GetFileName(path) + ": " + string.Join(", ", MissingKernels.Of(rewritten).Select(k => k.Operator + k.Loads)));
            }
            catch (Exception e) { log.Add(Path.GetFileName(path) + e.Message); }
        }
        Assert.Fail(string.Join('\n', log));
    }

    static Dictionary<string, Shape> Shapes(Model m) => new(StringComparer.Ordinal) { [m.Graph.Inputs[^1].Name] = new Shape(m.Graph.Inputs[^1].Shape!.Select(d => d.IsKnown ? d : 2)) };

    static Dictionary<string, TensorData> Run(Model model)
    {
        var random = new Random(3);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var input in model.Graph.Inputs.Where(i => i.Data is null).OrderBy(i => i.Name, StringComparer.Ordinal))
        {
            var dims = input.Shape!.ToArray();
            var count = (int)dims.Aggregate(1L, (x, y) => x * y);
            var narrow = TensorData.FromNumbers(ElementType.BFloat16, dims, [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextDouble() - 1)]).ToDoubles();
            feeds[input.Name] = TensorData.FromNumbers(input.Type, dims, input.Type.IsInteger ? [.. narrow.Select(v => (double)(long)(2.4 * Math.Abs(v)))] : narrow);
        }
        using var executor = new OrtExecutor(model, new OrtSettings());
        string[] names = [.. model.Graph.Outputs.Select(o => o.Name)];
        return names.Zip(executor.Run(feeds, names)).ToDictionary(r => r.First, r => r.Second, StringComparer.Ordinal);
    }

    /// <summary>A model whose floats are of a type.</summary>
    static Model Retyped(string path, ElementType type, ElementType? rounded = null)
    {
        var model = OnnxReader.Read(path).Model.Copy();
        TensorData In(TensorData data) => TensorData.FromNumbers(type, [.. data.Dims], rounded is { } r ? TensorData.FromNumbers(r, [.. data.Dims], data.ToDoubles()).ToDoubles() : data.ToDoubles());
        foreach (var value in model.Graph.AllValues().Where(v => v.IsFloat))
        {
            value.Type = type;
            if (value.Data is { } data) value.Data = In(data);
        }
        foreach (var node in model.Graph.AllNodes())
            foreach (var a in node.Attributes.Values.ToList())
            {
                if (a.Content is TensorData { Type: ElementType.Float32 } d && node.OpType != "Resize") node.Set(a with { Content = In(d) });
                if (a is { Name: "to", Content: 1L }) node.Set(GraphRewriter.Ir.Attribute.Of("to", (long)type));
            }
        return model;
    }
}
