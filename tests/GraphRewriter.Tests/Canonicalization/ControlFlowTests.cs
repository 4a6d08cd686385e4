using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Canonicalization;

public class ControlFlowTests
{
    const string Conditional = """
        opset 17
        input x f32[N,4]
        input rate i64[]
        const wanted i64[] = 16000
        graph yes
        const w f32[4,3] = seeded
        y = MatMul(x, w) ; inside
        output y
        graph no
        const w f32[4,3] = 0.5
        y = MatMul(x, w) ; inside
        output y
        main
        c = Equal(rate, wanted)
        z = If(c) then_branch=@yes else_branch=@no ; choose
        output z
        """;

    [Fact]
    public void An_input_that_decides_an_If_is_fixed_and_the_branch_taken_stands_in_its_place()
    {
        var canonical = Canonical.Of(Conditional);

        Assert.Equal("MatMul", canonical.Operators());
        var rate = Assert.Single(canonical.Inputs, i => i.Content is not null);
        Assert.Equal(("rate", 16000L), (rate.Name, rate.Content!.ToInt64s()[0]));
        Assert.Equal(["w LinearWeight"], canonical.Roles());
        Assert.Contains("1 constants of together 12 elements serve only branches that are not taken; they are left out.", canonical.Notes);
    }

    [Fact]
    public void The_user_chooses_the_other_branch()
    {
        var canonical = Canonical.Of(Conditional, new CanonicalOptions { InputValues = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["rate"] = TensorData.Scalar(8000L) } });

        Assert.Equal([0.5f], Assert.Single(canonical.Parameters).Value.Data!.ToFloats().Distinct());
        Assert.Equal(BindingSource.User, canonical.Inputs.Single(i => i.Content is not null).Source);
    }

    [Fact]
    public void Without_leave_to_fix_inputs_the_If_stays_with_its_weights_lifted()
    {
        var canonical = Canonical.Of(Conditional, new CanonicalOptions { FixControlInputs = false });

        Assert.Equal("Equal If", canonical.Operators());
        Assert.Equal(2, canonical.Parameters.Count(p => p.Role == ParameterRole.LinearWeight));
        Assert.All(canonical.Model.Graph.Nodes.SelectMany(n => n.Subgraphs), s => Assert.Empty(s.Graph.Initializers));
    }

    [Fact]
    public void Each_branch_computes_the_sizes_it_needs()
    {
        var canonical = Canonical.Of("""
            opset 11
            input x f32[N,M,K]
            input c bool[]
            graph yes
            y = Softmax(x) axis=1
            output y
            graph no
            y = LogSoftmax(x) axis=1
            output y
            main
            z = If(c) then_branch=@yes else_branch=@no
            output z
            """, new CanonicalOptions { KeepDynamic = true, FixControlInputs = false });

        Assert.All(Assert.Single(canonical.Model.Graph.Nodes).Subgraphs, s => Assert.Contains(s.Graph.Nodes, n => n.Is("Shape")));
    }

    [Fact]
    public void A_branch_that_only_passes_a_value_on_leaves_an_Identity_under_the_output_name()
    {
        var canonical = Canonical.Of("""
            opset 17
            input x f32[2,3]
            const yes bool[] = 1
            graph a
            const k f32[2,3] = 2
            output k
            graph b
            y = Neg(x)
            output y
            main
            s = If(yes) then_branch=@a else_branch=@b
            z = Add(x, s)
            output s
            output z
            """);

        Assert.Equal("Identity Add", canonical.Operators());
        Assert.Equal("s", canonical.Model.Graph.Outputs[0].Name);
    }

    [Fact]
    public void Loops_and_scans_stay()
    {
        var canonical = Canonical.Of("""
            opset 17
            input x f32[4]
            const zero f32[] = 0
            graph step
            input sum f32[]
            input each f32[]
            next = Add(sum, each)
            out = Identity(next)
            output next
            output out
            main
            last, all = Scan(zero, x) body=@step num_scan_inputs=1
            output all
            """);

        Assert.Equal("Scan", canonical.Operators());
    }
}
