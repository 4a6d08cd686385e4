using GraphRewriter.PerSample;
using Xunit;

namespace OnnxAuditor.Tests.PerSample;

/// <summary>Each rule for weights in its cases, on networks of one layer, as <see cref="PerSampleCheck"/> holds them.</summary>
public sealed class PerSampleSlotTests
{
    /// <summary>Cases by name: the inputs, then constants and nodes; y is the output.</summary>
    static readonly Dictionary<string, string> Cases = new(StringComparer.Ordinal)
    {
        ["convolution, strided, dilated, padded unevenly"] = """
            input x f32[N,4,9,8]
            const w f32[6,4,3,2] = seeded
            const bias f32[6] = seeded
            y = Conv(x, w, bias) strides=[2,1] dilations=[1,2] pads=[1,0,2,1]
            """,
        ["convolution in groups"] = """
            input x f32[N,4,6,6]
            const w f32[6,2,3,3] = seeded
            y = Conv(x, w) group=2 auto_pad="SAME_UPPER"
            """,
        ["depthwise convolution"] = """
            input x f32[N,4,6,6]
            const w f32[4,1,3,3] = seeded
            y = Conv(x, w) group=4 pads=[1,1,1,1]
            """,
        ["depthwise convolution with two outputs a channel"] = """
            input x f32[N,3,6,5]
            const w f32[6,1,3,2] = seeded
            const bias f32[6] = seeded
            y = Conv(x, w, bias) group=3 strides=[2,2]
            """,
        ["pointwise convolution, strided"] = """
            input x f32[N,4,6,6]
            const w f32[5,4,1,1] = seeded
            y = Conv(x, w) strides=[2,2]
            """,
        ["convolution in one dimension"] = """
            input x f32[N,3,12]
            const w f32[4,3,5] = seeded
            y = Conv(x, w) pads=[2,2]
            """,
        ["convolution in three dimensions"] = """
            input x f32[N,2,4,5,4]
            const w f32[3,2,2,3,2] = seeded
            const bias f32[3] = seeded
            y = Conv(x, w, bias)
            """,
        ["transposed convolution"] = """
            input x f32[N,4,5,4]
            const w f32[4,3,3,3] = seeded
            const bias f32[6] = seeded
            y = ConvTranspose(x, w, bias) group=2 strides=[2,2] pads=[1,1,0,1] output_padding=[1,0]
            """,
        ["convolution of the frames of a film"] = """
            input x f32[N,3,2,5,5]
            const w f32[4,2,3,3] = seeded
            const bias f32[4] = seeded
            const frames i64[4] = -1 2 5 5
            const films i64[5] = -1 3 4 3 3
            f = Reshape(x, frames)
            c = Conv(f, w, bias)
            y = Reshape(c, films)
            """,
        ["matrix from the right"] = """
            input x f32[N,3,4]
            const w f32[4,5] = seeded
            y = MatMul(x, w)
            """,
        ["matrix from the right, one row a sample"] = """
            input x f32[N,4]
            const w f32[4,5] = seeded
            y = MatMul(x, w)
            """,
        ["matrix from the left"] = """
            input x f32[N,4,3]
            const w f32[5,4] = seeded
            y = MatMul(w, x)
            """,
        ["stack of matrices"] = """
            input x f32[N,2,3,4]
            const w f32[2,4,5] = seeded
            y = MatMul(x, w)
            """,
        ["vector from the right"] = """
            input x f32[N,3,4]
            const w f32[4] = seeded
            y = MatMul(x, w)
            """,
        ["vector from the left"] = """
            input x f32[N,4,3]
            const w f32[4] = seeded
            y = MatMul(w, x)
            """,
        ["samples in the middle"] = """
            input x f32[N,3,4]
            const w f32[4,5] = seeded
            t = Transpose(x) perm=[1,0,2]
            m = MatMul(t, w)
            y = Transpose(m) perm=[1,0,2]
            """,
        ["steps in front of the samples, flattened with them"] = """
            input x f32[N,3,4]
            const w f32[4,5] = seeded
            const bias f32[5] = seeded
            const rows i64[2] = -1 4
            const width i64[1] = 5
            t = Transpose(x) perm=[1,0,2]
            flat = Reshape(t, rows)
            m = Gemm(flat, w, bias)
            s = Shape(t) start=0 end=2
            target = Concat(s, width) axis=0
            back = Reshape(m, target)
            y = Transpose(back) perm=[1,0,2]
            """,
        ["Gemm, turned and scaled"] = """
            input x f32[N,4]
            const w f32[5,4] = seeded
            const bias f32[5] = seeded
            y = Gemm(x, w, bias) transB=1 alpha=0.5 beta=2.0
            """,
        ["Gemm with samples as columns"] = """
            input x f32[N,4]
            const w f32[5,4] = seeded
            const bias f32[5,1] = seeded
            t = Gemm(w, x, bias) transB=1
            y = Transpose(t) perm=[1,0]
            """,
        ["Gemm over the steps of each sample"] = """
            input x f32[N,3,4]
            const w f32[4,5] = seeded
            const rows i64[2] = -1 4
            const stacks i64[3] = -1 3 5
            flat = Reshape(x, rows)
            m = Gemm(flat, w)
            y = Reshape(m, stacks)
            """,
        ["Einsum"] = """
            input x f32[N,3,4]
            const w f32[4,2,5] = seeded
            y = Einsum(x, w) equation="bti,iho->bhto"
            """,
        ["Einsum with an ellipsis and a label summed over"] = """
            input x f32[N,3,4]
            const w f32[4,5,2] = seeded
            y = Einsum(x, w) equation="...i,ijk->...j"
            """,
        ["factor and summand of each channel"] = """
            input x f32[N,4,3,3]
            const w f32[4,4,1,1] = seeded
            const factor f32[4,1,1] = seeded
            const summand f32[1,4,1,1] = seeded
            c = Conv(x, w)
            m = Mul(c, factor)
            y = Add(m, summand)
            """,
        ["divisor and subtrahend"] = """
            input x f32[N,4]
            const w f32[4,5] = seeded
            const divisor f32[5] = 2 3 -1.5 2.5 4
            const summand f32[1,5] = seeded
            m = MatMul(x, w)
            d = Div(m, divisor)
            y = Sub(summand, d)
            """,
        ["positions added to a sequence"] = """
            input x f32[N,3,4]
            const w f32[4,5] = seeded
            const positions f32[3,5] = seeded
            m = MatMul(x, w)
            y = Add(m, positions)
            """,
        ["slope of each channel"] = """
            input x f32[N,4,3,3]
            const w f32[4,4,1,1] = seeded
            const slope f32[4,1,1] = seeded
            c = Conv(x, w)
            y = PRelu(c, slope)
            """,
        ["batch normalisation"] = """
            input x f32[N,3,4,4]
            const w f32[3,3,1,1] = seeded
            const scale f32[3] = seeded
            const shift f32[3] = seeded
            const mean f32[3] = 0.1
            const variance f32[3] = 2
            c = Conv(x, w)
            y = BatchNormalization(c, scale, shift, mean, variance)
            """,
        ["layer normalisation over two axes"] = """
            input x f32[N,3,4,2]
            const scale f32[4,2] = seeded
            const shift f32[4,2] = seeded
            y = LayerNormalization(x, scale, shift) axis=2
            """,
        ["instance normalisation"] = """
            input x f32[N,3,4,2]
            const scale f32[3] = seeded
            const shift f32[3] = seeded
            y = InstanceNormalization(x, scale, shift)
            """,
        ["group normalisation"] = """
            input x f32[N,4,3,2]
            const scale f32[4] = seeded
            const shift f32[4] = seeded
            y = GroupNormalization(x, scale, shift) num_groups=2
            """,
        ["table of embeddings, from both ends"] = """
            input ids f32[N,5]
            const two f32[] = 2
            const table f32[3,4] = seeded
            s = Mul(ids, two)
            c = Clip(s, low, high)
            i = Cast(c) to=7
            y = Gather(table, i)
            """,
        ["table that is also the head"] = """
            input ids f32[N,2]
            const table f32[40,4] = seeded
            c = Clip(ids, low, high)
            i = Cast(c) to=7
            e = Gather(table, i)
            t = Transpose(table) perm=[1,0]
            y = MatMul(e, t)
            """,
        ["large table, few rows looked up"] = """
            input ids f32[N,2]
            const table f32[40,4] = seeded
            c = Clip(ids, low, high)
            i = Cast(c) to=7
            y = Gather(table, i)
            """,
        ["weight normalisation"] = """
            input x f32[N,4]
            const direction f32[4,5] = seeded
            const length f32[1,5] = seeded
            n = ReduceL2(direction, first) keepdims=1
            u = Div(direction, n)
            w = Mul(u, length)
            y = MatMul(x, w)
            """,
        ["parts of one weight"] = """
            input x f32[N,4]
            const both f32[10,4] = seeded
            a, b = Split(both) axis=0 num_outputs=2
            ta = Transpose(a) perm=[1,0]
            tb = Transpose(b) perm=[1,0]
            p = MatMul(x, ta)
            q = MatMul(x, tb)
            y = Mul(p, q)
            """,
        ["one weight used twice"] = """
            input x f32[N,4]
            const w f32[4,4] = seeded
            h = MatMul(x, w)
            r = Tanh(h)
            y = MatMul(r, w)
            """,
        ["token joined to each sequence"] = """
            input x f32[N,3,4]
            const token f32[1,1,4] = seeded
            const w f32[4,5] = seeded
            const rest i64[2] = 1 4
            m = MatMul(x, square)
            n = Shape(x) start=0 end=1
            target = Concat(n, rest) axis=0
            e = Expand(token, target)
            j = Concat(e, m) axis=1
            y = MatMul(j, w)
            """,
        ["LSTM in both directions, with peepholes and lengths"] = Recurrent("LSTM", 4, """direction="bidirectional" """, peepholes: true),
        ["LSTM backwards"] = Recurrent("LSTM", 4, """direction="reverse" """, directions: 1),
        ["GRU, reset before the product"] = Recurrent("GRU", 3, """direction="bidirectional" linear_before_reset=0 """),
        ["GRU, reset behind the product"] = Recurrent("GRU", 3, """direction="bidirectional" linear_before_reset=1 """),
        ["RNN"] = Recurrent("RNN", 1, """direction="forward" """, directions: 1),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_of_single_samples_are_those_of_each_sample_alone(string name) => PerSampleCheck.Run(TextGraph.Parse(Constants + Cases[name] + "\noutput y"));

    [Fact]
    public void A_sample_has_statistics_of_its_own() => PerSampleCheck.Run(TextGraph.Parse(Constants + Cases["batch normalisation"] + "\noutput y"), SampleStatistics.Alone);

    /// <summary>What several cases use.</summary>
    const string Constants = """
        opset 21
        const low f32[] = -1
        const high f32[] = 1
        const first i64[1] = 0
        const square f32[4,4] = seeded

        """;

    static string Recurrent(string op, int gates, string attributes, int directions = 2, bool peepholes = false) => $"""
        input x f32[N,4,3]
        const w f32[{directions},{gates * 2},3] = seeded
        const r f32[{directions},{gates * 2},2] = seeded
        const b f32[{directions},{gates * 4}] = seeded
        {(peepholes ? $"const p f32[{directions},6] = seeded" : "")}
        t = Transpose(x) perm=[1,0,2]
        h = {op}(t, w, r, b{(peepholes ? ", , , , p" : "")}) hidden_size=2 {attributes}
        y = Transpose(h) perm=[2,0,1,3]
        """;
}
