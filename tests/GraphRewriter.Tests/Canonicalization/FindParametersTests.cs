using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class FindParametersTests
{
    [Fact]
    public void Convolution_normalisation_slope_and_linear_layers_have_their_roles()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[1,3,8,8]
            const mean f32[3,1,1] = 0.4 0.5 0.6
            const w f32[4,3,3,3] = seeded
            const b f32[4] = seeded
            const g f32[4] = seeded
            const s f32[4] = seeded
            const rm f32[4] = seeded
            const rv f32[4] = 1.5
            const slope f32[4,1,1] = seeded
            const fc f32[4,5] = seeded
            const fb f32[5] = seeded
            const eps f32[] = 0.1
            const gain f32[5] = seeded
            n = Sub(x, mean)
            c = Conv(n, w, b)
            bn = BatchNormalization(c, g, s, rm, rv)
            p = PRelu(bn, slope)
            q = GlobalAveragePool(p)
            f = Flatten(q)
            m = MatMul(f, fc)
            a = Add(fb, m)
            e = Add(a, eps)
            y = Mul(e, gain)
            output y
            """);

        Assert.Equal(
            [
                "mean FrontEnd (frozen)", "w ConvolutionWeight", "b Bias", "g NormalizationScale", "s NormalizationShift", "rm RunningMean (frozen)", "rv RunningVariance (frozen)",
                "slope Slope", "fc LinearWeight", "fb Bias", "gain Scale",
            ],
            canonical.Roles());
    }

    [Fact]
    public void Transform_basis_and_filter_bank_are_tables_but_a_first_convolution_is_a_layer()
    {
        var canonical = Canonical.Of("""
            opset 13
            input wave f32[1,1,64]
            const window f32[64] = seeded
            const basis f32[6,1,8] = seeded
            const mel f32[5,6] = 0.25
            const w f32[4,5,3] = seeded
            const two f32[] = 2
            framed = Mul(wave, window)
            spectrum = Conv(framed, basis) strides=[4]
            power = Pow(spectrum, two)
            bands = MatMul(mel, power)
            y = Conv(bands, w)
            output y
            """);

        Assert.Equal(["window FrontEnd (frozen)", "basis FrontEnd (frozen)", "mel FrontEnd (frozen)", "w ConvolutionWeight"], canonical.Roles());
    }

    [Fact]
    public void Embeddings_positions_tokens_and_masks_are_told_apart()
    {
        var canonical = Canonical.Of("""
            opset 13
            input ids i64[1,3]
            const table f32[4,2] = seeded
            const positions f32[1,3,2] = seeded
            const token f32[1,1,2] = seeded
            const mask f32[4,4] = 0 -1e9 -1e9 -1e9 0 0 -1e9 -1e9 0 0 0 -1e9 0 0 0 0
            e = Gather(table, ids)
            p = Add(e, positions)
            c = Concat(token, p) axis=1
            t = Transpose(c) perm=[0,2,1]
            s = MatMul(c, t)
            masked = Add(s, mask)
            y = Softmax(masked)
            output y
            """);

        Assert.Equal(["table Embedding", "positions Shift", "token Token"], canonical.Roles());
    }

    [Fact]
    public void Recurrent_weights_are_found_through_the_slices_exporters_make()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[5,2,3]
            const wi f32[8,3] = seeded
            const wh f32[8,2] = seeded
            const bi f32[8] = seeded
            const bh f32[8] = seeded
            const zero i64[1] = 0
            const four i64[1] = 4
            const eight i64[1] = 8
            a = Slice(wi, zero, four, zero)
            b = Slice(wi, four, eight, zero)
            wi2 = Concat(b, a) axis=0
            wi3 = Unsqueeze(wi2, zero)
            wh3 = Unsqueeze(wh, zero)
            bb = Concat(bi, bh) axis=0
            b3 = Unsqueeze(bb, zero)
            y, h = LSTM(x, wi3, wh3, b3) hidden_size=2
            output y
            """);

        Assert.Equal(["wi RecurrentInputWeight", "wh RecurrentHiddenWeight", "bi RecurrentBias", "bh RecurrentBias"], canonical.Roles());
        Assert.All(canonical.Parameters, p => Assert.False(p.Uses[0].Direct));
    }

    [Fact]
    public void A_tensor_with_several_uses_is_one_tied_parameter()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[2,3]
            const w f32[3,3] = seeded
            a = MatMul(x, w)
            r = Relu(a)
            y = MatMul(r, w)
            output y
            """);

        var tied = Assert.Single(canonical.Parameters);
        Assert.True(tied.IsTied);
        Assert.Equal(9, tied.Count);
    }

    [Fact]
    public void A_sinusoidal_position_table_is_not_learned()
    {
        var table = string.Join(' ', Enumerable.Range(0, 3).SelectMany(p => (double[])[Math.Sin(p), Math.Cos(p), Math.Sin(p * 0.1), Math.Cos(p * 0.1)]).Select(v => v.ToString("R", System.Globalization.CultureInfo.InvariantCulture)));
        var canonical = Canonical.Of($"""
            opset 13
            input ids i64[1,3]
            const table f32[4,4] = seeded
            const positions f32[3,4] = {table}
            e = Gather(table, ids)
            y = Add(e, positions)
            output y
            """);

        Assert.Equal(["table Embedding", "positions FrontEnd (frozen)"], canonical.Roles());
    }

    [Fact]
    public void A_weight_computed_from_factors_gives_the_factors()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[2,3]
            const v f32[4,3] = seeded
            const g f32[4,1] = seeded
            norm = ReduceL2(v) axes=[1]
            unit = Div(v, norm)
            w = Mul(unit, g)
            y = Gemm(x, w) transB=1
            output y
            """);

        Assert.Equal(["v LinearWeight", "g LinearWeight"], canonical.Roles());
        Assert.Equal("ReduceL2 Div Mul Gemm", canonical.Operators());
    }
    [Fact]
    public void Ones_and_zeros_of_constant_nodes_are_no_scale_and_shift_of_a_batch_normalisation()
    {
        var canonical = Canonical.Of("""
            opset 21
            input x f32[1,2,4,4]
            const mean f32[2] = 0 0
            const variance f32[2] = 1 1
            const fresh f32[2] = 1 1
            ones = Constant() value_floats=[1.0,1.0]
            zeros = Constant() value_floats=[0.0,0.0]
            shifts = Constant() value_floats=[0.0,0.5]
            plain = BatchNormalization(x, ones, zeros, mean, variance)
            learned = BatchNormalization(plain, fresh, zeros, mean, variance)
            shifted = BatchNormalization(learned, ones, shifts, mean, variance)
            output shifted
            """);

        Assert.Equal(["mean RunningMean (frozen)", "variance RunningVariance (frozen)", "fresh NormalizationScale", "zeros NormalizationShift", "ones NormalizationScale", "shifts NormalizationShift"], canonical.Roles());
    }
}
