using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class BindShapesTests
{
    const string Image = """
        opset 13
        input x f32[batch,?,height,width]
        const w f32[4,3,3,3] = seeded
        c = Conv(x, w) pads=[1,1,1,1]
        y = GlobalAveragePool(c)
        output y
        """;

    static CanonicalOptions Shaped(string input, params Dim[] dims) => new() { InputShapes = new Dictionary<string, Shape>(StringComparer.Ordinal) { [input] = new(dims) } };

    [Fact]
    public void Free_dimensions_get_the_batch_the_channels_of_the_weights_and_a_default_size()
    {
        var canonical = Canonical.Of(Image, new CanonicalOptions { Batch = 2 });

        var input = Assert.Single(canonical.Inputs);
        Assert.Equal(Shape.Of(2, 3, 128, 128), input.Bound);
        Assert.Equal(BindingSource.Default, input.Source);
        Assert.Equal((BatchKind.Free, 2L), (canonical.Batch.Kind, canonical.Batch.Size));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_users_shape_is_taken_and_its_symbols_stay_dynamic(bool keepDynamic)
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse(Image), Shaped("x", new Dim(-1, "batch"), 3, 32, new Dim(-1, "w")) with { KeepDynamic = keepDynamic });

        Assert.Equal("batch×3×32×w", canonical.Inputs[0].Bound!.ToString());
        Assert.Equal(BindingSource.User, canonical.Inputs[0].Source);
    }

    [Fact]
    public void A_size_other_than_the_batch_that_the_user_frees_is_named()
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse("opset 13\ninput x f32[1,3]\ny = Relu(x)\noutput y"), Shaped("x", new Dim(-1, "n"), new Dim(-1, "width")));

        Assert.Equal(["x", "1", "3", "width"], Assert.Single(canonical.Notes, n => n.Contains("not checked", StringComparison.Ordinal)).Split(' ', '\'').Where(w => w is "x" or "0" or "1" or "3" or "n" or "width"));
    }

    [Fact]
    public void A_shape_that_does_not_fit_names_expected_and_given()
    {
        var problem = Assert.Throws<ModelException>(() => Canonicalizer.Run(TextGraph.Parse("opset 13\ninput x f32[1,3]\ny = Relu(x)\noutput y"), Shaped("x", 1, 4)));
        var unknown = Assert.Throws<ModelException>(() => Canonicalizer.Run(TextGraph.Parse("opset 13\ninput x f32[1,3]\ny = Relu(x)\noutput y"), Shaped("z", 1, 3)));

        Assert.Equal((ModelProblem.Binding, ModelProblem.Binding), (problem.Problem, unknown.Problem));
        Assert.Contains("1×4", problem.Message, StringComparison.Ordinal);
        Assert.Contains("1×3", problem.Message, StringComparison.Ordinal);
        Assert.Contains("Its inputs: x.", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_are_tried_until_inference_agrees()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[N,3,h,w]
            const to i64[2] = 0 3072
            const w0 f32[3072,5] = seeded
            flat = Reshape(x, to)
            y = MatMul(flat, w0)
            output y
            """);

        Assert.Equal(Shape.Of(1, 3, 32, 32), canonical.Inputs[0].Bound);
    }

    [Fact]
    public void States_share_the_batch_and_earlier_keys_are_none()
    {
        var canonical = Canonical.Of("""
            opset 13
            input x f32[batch,seq,4]
            input past f32[2,batch,past_seq,4]
            const zero i64[] = 0
            k = Gather(past, zero) axis=0
            y = Concat(k, x) axis=1
            output y
            """, new CanonicalOptions { Batch = 3 });

        Assert.Equal(["3×64×4", "2×3×0×4"], canonical.Inputs.Select(i => i.Bound!.ToString()));
        Assert.Equal([("x", 0), ("past", 1)], canonical.Batch.Axes.Select(a => (a.Key, a.Value)));
    }

    [Fact]
    public void A_Reshape_that_holds_the_batch_size_is_rewritten_only_where_the_batch_changes()
    {
        const string Text = """
            opset 13
            input x f32[1,3,4]
            const to i64[3] = 1 2 6
            y = Reshape(x, to)
            output y
            """;
        var kept = Canonicalizer.Run(TextGraph.Parse(Text), new CanonicalOptions());
        var bound = Canonicalizer.Run(TextGraph.Parse(Text), new CanonicalOptions { Batch = 5 });

        Assert.Equal([1L, 2, 6], kept.Model.Graph.Nodes[0].Inputs[1]!.Data!.ToInt64s());
        Assert.Equal([0L, 2, 6], bound.Model.Graph.Nodes[0].Inputs[1]!.Data!.ToInt64s());
        Assert.Equal(Shape.Of(5, 2, 6), bound.Model.Graph.Outputs[0].Shape);
    }

    [Theory]
    [InlineData("r = Reshape(x, a)", "1 12", "n×12")]
    [InlineData("r = Reshape(x, a)", "1 -1", "n×12")]
    [InlineData("m = ReduceMean(x) axes=[0]\nr = Reshape(m, a)", "1 12", "1×12")]
    public void A_symbol_in_the_place_of_the_files_batch_size_stays_one_where_samples_stay_apart(string nodes, string target, string shape)
    {
        var canonical = Canonicalizer.Run(TextGraph.Parse($"opset 13\ninput x f32[1,3,4]\nconst a i64[2] = {target}\n{nodes}\noutput r"), Shaped("x", new Dim(-1, "n"), 3, 4) with { KeepDynamic = true });

        Assert.Equal(shape, canonical.Model.Graph.Outputs[0].Shape!.ToString());
        Assert.Equal(shape[0] == 'n' ? (BatchKind.Free, -1L) : (BatchKind.Fixed, 1L), (canonical.Batch.Kind, canonical.Batch.Size));
        Assert.Equal(shape[0] == 'n' ? "n×3×4" : "1×3×4", canonical.Model.Graph.Inputs[0].Shape!.ToString());
    }

    [Theory]
    [InlineData("x f32[1,6,4]", "const a i64[2] = 6 4\nconst w f32[4,2] = seeded\nconst b i64[2] = 1 12\nr = Reshape(x, a)\nm = MatMul(r, w)\ny = Reshape(m, b)")]
    [InlineData("x f32[1,4,2,2]", "const a i64[3] = 2 2 4\nconst b i64[5] = 2 -1 2 2 2\nconst i i64[] = 1\nr = Reshape(x, a)\np = Transpose(r) perm=[1,0,2]\ns = Reshape(p, b)\ny = Gather(s, i) axis=0")]
    [InlineData("x f32[1,3,4]", "const token f32[1,1,4] = seeded\ny = Concat(token, x) axis=1")]
    [InlineData("x f32[1,2,4,4]", "const sizes i64[4] = 1 2 6 8\ny = Resize(x, , , sizes) mode=\"linear\"")]
    [InlineData("x f32[1,3,4]", "const w f32[1,5,4] = seeded\nconst r f32[1,5,5] = seeded\nconst h f32[1,1,5] = 0\nt = Transpose(x) perm=[1,0,2]\na, b = RNN(t, w, r, , , h) hidden_size=5\ny = Transpose(b) perm=[1,0,2]")]
    public void What_holds_the_batch_size_is_rewritten_so_that_samples_stay_apart(string input, string nodes)
    {
        var text = $"opset 13\ninput {input}\n{nodes}\noutput y";
        var one = Canonicalizer.Run(TextGraph.Parse(text), new CanonicalOptions());
        var three = Canonicalizer.Run(TextGraph.Parse(text), new CanonicalOptions { Batch = 3 });

        Assert.Equal((BatchKind.Free, 3L), (three.Batch.Kind, three.Batch.Size));
        Canonical.AssertSamplesStayApart(one, three);
    }

    [Theory]
    [InlineData("y = ReduceMean(x) axes=[0]", "ReduceMean")]
    [InlineData("y = Softmax(x) axis=0", "Softmax")]
    [InlineData("y = Transpose(x) perm=[1,0,2]\nz = Flatten(y)", "output")]
    [InlineData("const c i64[2] = 3 4\ny = Reshape(x, c)", "output")]
    [InlineData("const c i64[2] = 12 -1\ny = Reshape(x, c)", "output")]
    [InlineData("y = MeanVarianceNormalization(x) axes=[0,2]", "MeanVarianceNormalization")]
    [InlineData("const w f32[1,5,4] = seeded\nconst r f32[1,5,5] = seeded\ny = RNN(x, w, r) hidden_size=5", "RNN")]
    [InlineData("c = Cast(x) to=7\nd = ReduceMax(c) axes=[1,2] keepdims=0\ny = Gather(x, d) axis=0", "Gather")]
    [InlineData("const c i64[3] = 1 1 -1\na = ReduceMean(x) axes=[1,2] keepdims=0\ny = Mul(x, a)", "Mul")]
    [InlineData("const c f32[2,3,4] = 1\ny = Concat(x, c) axis=0", "Concat")]
    public void What_mixes_samples_keeps_the_batch_fixed_and_is_named(string nodes, string culprit)
    {
        var last = nodes.Split('\n')[^1].Split(' ')[0];
        var canonical = Canonicalizer.Run(TextGraph.Parse($"opset 13\ninput x f32[1,3,4]\n{nodes}\noutput {last}"), new CanonicalOptions { Batch = 5 });

        Assert.Equal((BatchKind.Fixed, 1L), (canonical.Batch.Kind, canonical.Batch.Size));
        Assert.StartsWith(culprit, canonical.Batch.Reason, StringComparison.Ordinal);
    }
}
