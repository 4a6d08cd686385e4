using System.Globalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Measurement.Instruments;
using Xunit;

namespace OnnxAuditor.Tests.Proxies;

/// <summary>Instruments where models are unusual: gates that are no ReLU, odd numbers of units, blocks, fixed batches, values beyond float32.</summary>
public sealed class InstrumentCornerTests
{
    static readonly Protocol Shipped = new(WeightSource.Shipped, NormStatistics.Batch, InputLaw.Auto, 4, 0, Probes.None);

    static Dictionary<string, TensorData> Rows(int samples, int width) => new(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([samples, width], [.. Enumerable.Range(0, samples * width).Select(Number)]) };

    static float Number(int i) => (float)Math.Sin(i * i + 0.5);

    static SignPatterns Signs(string gate, int samples, int width)
    {
        var scored = ScoredModel.Of($"""
            opset 20
            input x f32[N,{width}]
            const zero f32[] = 0
            const six f32[] = 6
            const one f32[] = 1
            const half f32[] = 0.5
            const root f32[] = 1.4142135
            {gate}
            output y
            """) with
        { Batch = samples, Data = Rows(samples, width) };
        var (signs, failure) = scored.Run(Shipped with { Batch = samples, Instruments = [ActivationSigns.Instrument] }).Read(ActivationSigns.Instrument);
        Assert.True(signs is not null, failure);
        return signs;
    }

    [Theory]
    [InlineData("y = Relu(x)")]
    [InlineData("y = Clip(x, zero, six)")]
    [InlineData("s = Sigmoid(x)\ny = Mul(x, s)")]
    [InlineData("s = HardSigmoid(x)\ny = Mul(s, x)")]
    [InlineData("k = Mul(x, six)\ns = Sigmoid(k)\ny = Mul(x, s)")]
    [InlineData("y = HardSwish(x)")]
    [InlineData("y = Gelu(x)")]
    [InlineData("d = Div(x, root)\ne = Erf(d)\np = Add(e, one)\nm = Mul(x, p)\ny = Mul(m, half)")]
    [InlineData("y = Elu(x)")]
    [InlineData("y = LeakyRelu(x)")]
    [InlineData("y = Mish(x)")]
    [InlineData("y = Relu(x)\nz = Clip(x, zero, six)\noutput z")]
    public void Gates_are_on_where_their_input_is_positive(string gate)
    {
        // 37 units are two words and five bits.
        const int Samples = 5, Width = 37;
        var signs = Signs(gate, Samples, Width);
        Assert.Equal((Width, Samples), (signs.UnitCount, signs.Samples));
        for (var s = 0; s < Samples; s++)
            for (var u = 0; u < Width; u++) Assert.Equal(Number(s * Width + u) > 0, ((signs.Words[0][s][u / 16] >> (u % 16)) & 1) == 1);
        Assert.All(signs.Words[0], w => Assert.Equal(0, w[2] >> 5));
    }

    [Theory]
    [InlineData("y = Sigmoid(x)")]
    [InlineData("y = Tanh(x)")]
    [InlineData("y = Clip(x, half, six)")]
    [InlineData("s = Sigmoid(x)\ny = Mul(s, one)")]
    public void What_has_no_gate_has_no_pattern(string gate) => Assert.Contains("gate", ScoredModel.Of($"""
        opset 20
        input x f32[N,4]
        const six f32[] = 6
        const half f32[] = 0.5
        const one f32[] = 1
        {gate}
        output y
        """).Score("naswot").Reason, StringComparison.Ordinal);

    [Theory]
    [InlineData(7, 13)]
    [InlineData(128, 40)]
    [InlineData(129, 40)]
    [InlineData(300, 50)]
    public void Different_units_are_counted_over_any_number_of_samples(int samples, int width)
    {
        // Every third unit repeats the one before.
        var on = Enumerable.Range(0, samples).Select(s => Enumerable.Range(0, width).Select(u => Number(s * width + (u % 3 == 2 ? u - 1 : u)) > 0).ToArray()).ToArray();
        var words = on.Select(row => row.Chunk(16).Select(c => (ushort)c.Select((b, i) => b ? 1 << i : 0).Sum()).ToArray()).ToArray();
        var signs = new SignPatterns([words, words], [width, width], samples);
        var expected = Enumerable.Range(0, width).Select(u => string.Concat(on.Select(row => row[u] ? '1' : '0'))).Distinct(StringComparer.Ordinal).Count();
        Assert.Equal(expected, signs.DistinctUnits());
        Assert.Equal(2 * Enumerable.Range(0, width).Count(u => on[0][u] != on[1][u]), signs.Distance(0, 1));
    }

    [Fact]
    public void Equal_samples_are_one_region_and_have_no_kernel()
    {
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,3]
            y = Relu(x)
            output y
            """) with
        { Data = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.FromFloats([4, 3], [1, -1, 2, -1, 1, 1, 3, -2, 1, 1, 1, 1]) } };
        Assert.Equal(3, scored.Value("linear_regions"));
        Assert.Equal(0, scored.Value("linear_regions", "nearest"));
        Assert.Contains("alike", scored.Score("naswot").Reason, StringComparison.Ordinal);
        // The units show 1011, 0101 and 1111.
        Assert.Equal(3, scored.Value("swap"));
    }

    const string Plain = """
        opset 17
        input x f32[N,4]
        const w1 f32[4,4] = seeded
        const w2 f32[4,4] = seeded
        const w3 f32[4,3] = seeded
        a = MatMul(x, w1) ; l1
        b = Relu(a) ; r1
        c = MatMul(b, w2) ; l2
        d = Relu(c) ; r2
        y = MatMul(d, w3) ; l3
        output y
        """;

    const string Concatenated = """
        opset 17
        input x f32[N,3,6,6]
        const k1 f32[4,3,1,1] = seeded
        const k2 f32[2,4,1,1] = seeded
        const k3 f32[5,6,1,1] = seeded
        const w f32[6,3] = seeded
        a = Conv(x, k1) ; stem
        b = Relu(a) ; r1
        c = Conv(b, k2) ; c2
        d = Concat(b, c) axis=1 ; join
        e = Conv(d, k3) ; c3
        f = Relu(e) ; r2
        g = Concat(d, f) axis=1 ; join2
        p = GlobalAveragePool(g)
        q = Flatten(p)
        const v f32[11,3] = seeded
        y = MatMul(q, v) ; head
        output y
        """;

    const string Masked = """
        opset 17
        input x f32[N,4]
        input attention_mask f32[N,4]
        const w1 f32[4,4] = seeded
        const w2 f32[4,4] = seeded
        const w3 f32[4,3] = seeded
        a = MatMul(x, w1) ; e1
        b = Mul(a, attention_mask) ; m1
        c = Add(a, b) ; s1
        d = MatMul(c, w2) ; l2
        e = Mul(d, attention_mask) ; m2
        f = Add(c, e) ; s2
        y = MatMul(f, w3) ; l3
        output y
        """;

    [Theory]
    [InlineData(Plain, "r1 r2")]
    [InlineData(Concatenated, "r1 join join2")]
    [InlineData(Masked, "e1 s1 s2")]
    public void Blocks_end_at_sums_and_concatenations_and_in_a_chain_at_activations(string text, string expected) =>
        Assert.Equal(expected, string.Join(' ', FindBlocks.Borders(ScoredModel.Of(text).Canonical(4)).Select(b => b.Name)));

    [Theory]
    [InlineData("models/residual_cnn.onnx", 4)]
    [InlineData("models/transformer.onnx", 5)]
    [InlineData("shared/torch/torch_encoder.onnx", 0)]
    [InlineData("shared/torch/torch_mobilenet_v3.onnx", 0)]
    [InlineData("shared/torch/torch_vit_tiny.onnx", 0)]
    public void Blocks_of_networks_are_found_once_each(string path, int borders)
    {
        var found = FindBlocks.Borders(ScoredModel.At(path).Canonical(2));
        Assert.Equal(found.Count, found.Select(b => b.Output).Distinct().Count());
        if (borders > 0) Assert.Equal(borders, found.Count);
        Assert.True(found.Count > 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Absolute_weights_are_those_drawn_or_shipped_without_their_signs(bool shipped)
    {
        var parameters = ScoredModel.At("models/residual_cnn.onnx").Canonical(1).Parameters;
        var absolute = DrawWeights.Under(Shipped with { Weights = shipped ? WeightSource.AbsoluteShipped : WeightSource.Absolute }, parameters);
        var signed = DrawWeights.Under(Shipped with { Weights = shipped ? WeightSource.Shipped : WeightSource.Reinitialized }, parameters);
        Assert.Equal(parameters.Count, absolute.Count);
        Assert.All(parameters, p => Assert.Equal((signed.TryGetValue(p, out var d) ? d : p.Value.Data!).ToFloats().Select(Math.Abs), absolute[p].ToFloats()));
        Assert.Contains(parameters, p => (signed.TryGetValue(p, out var d) ? d : p.Value.Data!).ToFloats().Any(v => v < 0));
    }

    [Theory]
    [InlineData("zico")]
    [InlineData("l_swag")]
    public void A_second_batch_needs_twice_the_samples(string id)
    {
        var scored = ScoredModel.Of(Plain) with { Data = Rows(7, 4) };
        Assert.Contains("another batch needs 8", scored.Score(id).Reason, StringComparison.Ordinal);
        Assert.NotNull((scored with { Data = Rows(8, 4) }).Score(id).Value);
        var labels = TensorData.FromInt64s([4], [0, 1, 2, 0]);
        Assert.Contains("another batch needs 8", (scored with { Data = Rows(8, 4), Labels = labels }).Score(id).Reason, StringComparison.Ordinal);
        // One batch is enough for the others.
        Assert.NotNull((scored with { Labels = labels }).Score("snip").Value);
    }

    [Fact]
    public void A_second_batch_cannot_be_cut_from_data_whose_samples_do_not_come_first()
    {
        var scored = ScoredModel.Of("""
            opset 17
            input x f32[N,4]
            input b f32[2,N,4]
            const w f32[4,3] = seeded
            const axis i64[1] = 0
            c = ReduceSum(b, axis) keepdims=0
            d = Add(x, c)
            y = MatMul(d, w)
            output y
            """) with
        { Data = new Dictionary<string, TensorData>(Rows(8, 4), StringComparer.Ordinal) { ["b"] = TensorData.FromFloats([2, 4, 4], [.. Enumerable.Range(0, 32).Select(Number)]) } };
        Assert.NotNull(scored.Score("snip").Value);
        Assert.Contains("do not come first", scored.Score("zico").Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(30, 1e3)]
    [InlineData(30, 1e-3)]
    public void SynFlow_beyond_the_range_of_float32_is_that_of_float64(int depth, double weight)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        // Each layer of two units multiplies by twice the weight; the last gives one logit. Every tensor carries R = 2 · (2 w)^(depth − 1) · w · 2.
        var text = string.Create(CultureInfo.InvariantCulture, $"opset 17\ninput x f32[N,2]\n{string.Concat(Enumerable.Range(0, depth).Select(l => $"const w{l} f32[2,2] = {weight}\na{l} = MatMul({(l == 0 ? "x" : $"h{l - 1}")}, w{l})\nh{l} = Relu(a{l})\n"))}const v f32[2,1] = 1\ny = MatMul(h{depth - 1}, v)\noutput y");
        var score = ScoredModel.Of(text).Score("synflow");
        ScoredModel.AssertClose("synflow", Math.Log(depth + 1) + Math.Log(2) + depth * Math.Log(2 * weight), score.Value ?? double.NaN, 1e-6);
    }

    [Fact]
    public void Models_of_a_fixed_batch_have_the_values_of_free_ones()
    {
        // What keeps the batch fixed changes nothing: a sum over one sample, two samples exchanged twice.
        ScoredModel Of(string batch, string mixing) => ScoredModel.Of(Plain.Replace("[N,4]", $"[{batch},4]\nconst axis i64[1] = 0\nconst order i64[2] = 1 0\n{mixing}", StringComparison.Ordinal).Replace("MatMul(x", "MatMul(z", StringComparison.Ordinal))
            with
        { Data = Rows(8, 4), Labels = TensorData.FromInt64s([8], [0, 1, 2, 0, 1, 2, 2, 0]) };
        string[] ids = ["naswot", "linear_regions", "swap", "jacob_cov", "epe_nas", "snip", "grad_norm", "plain", "fisher", "zico", "l_swag", "ntk_condition", "gradsign", "gradalign", "intrain", "az_nas", "synflow", "dextr"];
        var (free, one, two) = (Of("N", "z = Identity(x)"), Of("1", "z = ReduceSum(x, axis) keepdims=1"), Of("2", "e = Gather(x, order)\nz = Gather(e, order)"));
        var expected = free.Scores(ids);
        foreach (var (fixedBatch, parts) in ((ScoredModel, int)[])[(one, 4), (two, 2)])
        {
            var found = fixedBatch.Scores(ids);
            Assert.Equal((1, parts), (free.Parts["snip"], fixedBatch.Parts["snip"]));
            foreach (var id in ids)
            {
                if (parts == 2 && id is "ntk_condition" or "gradsign" or "gradalign")
                {
                    Assert.Contains("told apart", found[id].Reason, StringComparison.Ordinal);
                    continue;
                }
                Assert.True(expected[id].Value is not null && found[id].Value is not null, $"{id}: {expected[id].Reason}; {found[id].Reason}");
                // The kernel's smallest eigenvalue and the correlations lie in the last digits of float32.
                ScoredModel.AssertClose($"{id} in {parts} parts", expected[id].Value!.Value, found[id].Value!.Value, id is "ntk_condition" or "jacob_cov" ? 2e-3 : 1e-4);
                foreach (var (part, value) in expected[id].Components) ScoredModel.AssertClose($"{id} {part} in {parts} parts", value, found[id].Components[part], id is "ntk_condition" or "jacob_cov" ? 2e-3 : 1e-4);
            }
        }
    }
}
