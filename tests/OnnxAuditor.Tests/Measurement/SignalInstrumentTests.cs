using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using OnnxAuditor.Tests.Rules;
using Xunit;
using Attribute = GraphRewriter.Ir.Attribute;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>What instruments for rules read, against the same quantities computed here.</summary>
public class SignalInstrumentTests
{
    [Theory]
    [InlineData(10, 256)]
    [InlineData(256, 256)]
    [InlineData(257, 256)]
    [InlineData(64 * 512, 256)]
    [InlineData(3 * 224 * 224, 256)]
    [InlineData(50021, 2048)]
    public void Elements_taken_are_distinct_and_share_no_factor_with_the_row(long length, long wanted)
    {
        var (count, step) = LayerSamples.Stride(length, wanted);
        Assert.Equal(Math.Min(length, wanted), count);
        Assert.True((count - 1) * step < length);
        Assert.Equal(1, System.Numerics.BigInteger.GreatestCommonDivisor(step, length));
    }

    [Fact]
    public void Cosines_and_medians_are_those_of_the_rows()
    {
        var sample = new ValueSample([3, 4, 4, 3, 0, 1], 3, 2, null);
        Assert.Equal(0.96, sample.Cosine(0, 1)!.Value, 1e-12);
        Assert.Equal((0.96 + 0.8 + 0.6) / 3, sample.MeanCosine()!.Value, 1e-12);
        Assert.Equal(3, sample.MedianAbs());
        Assert.Null(new ValueSample([1, 2, 0, 0], 2, 2, null).MeanCosine());
        Assert.Null(new ValueSample([1, 2], 1, 2, null).MeanCosine());
    }

    [Fact]
    public void Samples_of_a_layer_are_its_elements()
    {
        var net = new Net();
        var x = net.Input("x", -1, 600);
        var hidden = net.Named("/fc", "MatMul", [x, net.Initializer("w", [600, 600], Net.Draw("w", [600, 600], 0.04, 0))]);
        net.Output(net.Op("MatMul", [net.Named("/tanh", "Tanh", [hidden]), net.Weight("v", [600, 4])]));
        var context = net.Run(data: SignalCases.Noise(16, 600));
        var samples = context.Run!.Read(LayerSamples.Instrument).Value!;
        var layer = context.Run.Layers.First(l => l.Layer.Name == "/fc").Layer;
        var tanh = context.Run.Layers.First(l => l.Layer.Name == "/tanh").Layer;
        var (before, behind) = (samples.Of[LayerSamples.Operand(tanh.Node, 0)], samples.Of[LayerSamples.Output(tanh.Output)]);
        Assert.Equal(samples.Of[LayerSamples.Output(layer.Output)], before);
        Assert.Equal((16, 256), (before.Rows, before.Columns));
        Assert.All(before.Values.Zip(behind.Values), p => Assert.Equal(Math.Tanh(p.First), p.Second, 1e-5));
        Assert.Equal(context.Run.Layers.First(l => l.Layer == layer).Moments!.Variance, before.Variance(), 0.1);
    }

    [Fact]
    public void The_entropy_of_attention_counts_what_a_mask_leaves()
    {
        var net = new Net();
        var x = net.Input("x", -1, 2, 4, 4);
        var mask = net.Initializer("mask", [4, 4], [.. Enumerable.Range(0, 16).Select(i => i % 4 <= i / 4 ? 0f : -1e9f)]);
        var attention = net.Named("/softmax", "Softmax", [net.Op("Add", [x, mask])], Attribute.Of("axis", -1L));
        net.Output(net.Op("MatMul", [net.Op("MatMul", [attention, x]), net.Weight("w", [4, 4])]));
        var values = new float[16 * 32];
        for (var i = 0; i < values.Length; i += 4) if (i % 32 >= 16) values[i] = 1000;
        var read = Assert.Single(net.Run(data: TensorData.FromFloats([16, 2, 4, 4], values)).Run!.Read(AttentionEntropies.Instrument).Value!.Layers);
        Assert.Equal(4, read.Keys);
        // The first head is uniform over what the mask leaves, the second looks at the first key alone.
        Assert.Equal(1, read.Heads[0], 1e-6);
        Assert.Equal(0, read.Heads[1], 1e-6);
    }

    [Fact]
    public void Cosines_of_tokens_are_those_of_pairs()
    {
        var net = new Net();
        var x = net.Input("x", -1, 4, 4);
        net.Output(net.Op("MatMul", [net.Named("/sum", "Add", [x, net.Op("Relu", [x])]), net.Weight("w", [4, 4])]));
        // Doubled, the tokens are e₁, e₁, e₂, e₂: of six pairs two are equal.
        float[] tokens = [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
        var read = Assert.Single(net.Run(data: TensorData.FromFloats([16, 4, 4], [.. Enumerable.Repeat(tokens, 16).SelectMany(t => t)])).Run!.Read(TokenCosines.Instrument).Value!.Layers);
        Assert.Equal(("/sum", 4L), (read.Layer.Name, read.Tokens));
        Assert.Equal(1 / 3.0, read.Cosine, 1e-6);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(40)]
    public void Moments_of_channels_are_those_of_the_output(int width)
    {
        var net = new Net();
        var weights = Net.Draw("w", [4, width], 0.5, 0);
        var bias = Net.Draw("b", [width], 1, 3);
        net.Output(net.Op("Gemm", [net.Input("x", -1, 4), net.Initializer("w", [4, width], weights), net.Initializer("b", [width], bias)]));
        var data = SignalCases.Noise(16, 4);
        // Sixteen rows: the smaller Gram matrix is that of channels for 8 of them, that of rows for 40.
        var run = net.Run(data: data).Run!;
        var channels = run.Layers[0].Channels!;
        var (x, y) = (data.ToFloats(), run.Outputs[0].Data.ToFloats());
        for (var c = 0; c < width; c++)
        {
            double[] values = [.. Enumerable.Range(0, 16).Select(r => (double)y[r * width + c])];
            var mean = values.Average();
            Assert.Equal(mean, channels.Mean[c], 1e-5);
            Assert.Equal(values.Average(v => (v - mean) * (v - mean)), channels.Variance[c], 1e-5);
            Assert.Equal(bias[c] + Enumerable.Range(0, 4).Sum(k => (double)x[k] * weights[k * width + c]), y[c], 1e-5);
        }
    }

    [Fact]
    public void Saliency_is_weight_times_gradient_and_samples_of_gradients_are_entries()
    {
        var context = RuleCases.Healthy().Run(data: SignalCases.Noise(16, 64));
        var run = context.Run!;
        var samples = run.Read(GradientSamples.Instrument).Value!.Of.Where(g => g.OfParameter).ToDictionary(g => g.Name, StringComparer.Ordinal);
        foreach (var (parameter, saliency) in run.Read(WeightSaliency.Instrument).Value!.Of)
        {
            var measured = run.Parameters.First(p => p.Parameter.Name == parameter.Name).Gradient!;
            var sample = samples[parameter.Name];
            Assert.Equal(parameter.Count, sample.Count);
            if (sample.Values.Length != parameter.Count) continue;
            // A gradient of at most 2048 entries comes out whole.
            Assert.Equal(measured.Norm, Math.Sqrt(sample.Values.Sum(v => (double)v * v)), measured.Norm * 1e-5);
            Assert.Equal(sample.Values.Zip(run.Contents(parameter).ToFloats(), (g, w) => Math.Abs((double)g * w)).Sum(), saliency, saliency * 1e-5);
        }
        Assert.Contains(samples.Values, s => s.Values.Length == s.Count);
        Assert.Contains(samples.Values, s => s.Values.Length < s.Count);
    }

    [Fact]
    public void Every_second_sample_is_near_the_one_before_it()
    {
        var context = RuleCases.Healthy().Run(thorough: true);
        var near = context.Thorough!.Neighbours.Value!.Of[LayerSamples.Output(context.Run!.Layers[0].Layer.Output)];
        for (var i = 0; i < near.Rows; i += 2) Assert.InRange(1 - near.Cosine(i, i + 1)!.Value, 1e-6, 1e-3);
        Assert.InRange(Math.Abs(near.Cosine(0, 2)!.Value), 0, 0.7);
    }

    [Fact]
    public void Inputs_of_another_scale_are_multiplied()
    {
        var net = new Net();
        net.Output(net.Op("MatMul", [net.Input("x", -1, 8), net.Weight("w", [8, 8])]));
        var context = net.Run(thorough: true, data: SignalCases.Noise(16, 8));
        foreach (var (factor, run) in context.Thorough!.Scales)
            Assert.All(context.Run!.Outputs[0].Data.ToFloats().Zip(run.Outputs[0].Data.ToFloats()), p => Assert.Equal(p.First * factor, p.Second, Math.Abs(p.First * factor) * 1e-4 + 1e-6));
    }

    [Fact]
    public void Runs_are_compared_output_by_output_and_bit_by_bit()
    {
        var run = RuleCases.Healthy().Run(data: SignalCases.Noise(16, 64)).Run!;
        Assert.Equal(new Repetition(null, 0, null, 0), MeasureThorough.Compare(run, run));
        var moved = run with { Outputs = [new OutputMeasurement("y", TensorData.FromFloats([16, 10], [.. run.Outputs[0].Data.ToFloats().Select((v, i) => i == 7 ? v + 1 : v)]))] };
        var compared = MeasureThorough.Compare(run, moved)!;
        Assert.Equal("y", compared.Output);
        Assert.InRange(compared.OutputDifference, 1 / (1 + (double)run.Outputs[0].Data.ToFloats().Max(Math.Abs)) - 1e-6, 1);
        var device = MeasureThorough.Compare("cuda", moved, run);
        Assert.Equal(compared.OutputDifference, Assert.Single(device.Outputs).Difference);
        Assert.Equal("no memory", MeasureThorough.Compare("cuda", run with { Failure = "no memory." }, run).Failure);
        Assert.Null(MeasureThorough.Compare(run, run with { Failure = "no memory" }));
    }
}
