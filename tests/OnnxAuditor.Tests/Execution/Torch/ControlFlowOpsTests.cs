using GraphRewriter.Ir;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

public class ControlFlowOpsTests
{
    const string Branches = """
        opset 21
        input c bool[]
        input x f32[2,3]
        const w f32[2,3] = seeded
        const v f32[2,3] = 0.5
        graph yes
        y = Mul(x, w) ; inside
        output y
        graph no
        n = Add(x, v) ; inside
        m = Mul(n, n) ; again
        output m
        main
        z = If(c) then_branch=@yes else_branch=@no ; choose
        output z
        """;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_branch_gives_its_values_and_the_gradients_of_the_weights_it_captures(bool taken) => BothEngines.Agree(Branches, ("c", TensorData.FromBools([], [taken])));

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    [InlineData(4, false)]
    public void A_loop_hands_on_its_states_and_stacks_what_it_yields(int rounds, bool starts)
    {
        // ONNX Runtime cannot scan what is empty, which our gradient of no rounds would.
        var runs = starts ? rounds : 0;
        var outputs = BothEngines.Agree("""
            opset 21
            input m i64[]
            input go bool[]
            input a f32[3]
            input b f32[2,3]
            const w f32[3] = seeded
            graph inner
            input i i64[]
            input on bool[]
            input s f32[3]
            input t f32[2,3]
            on2 = Identity(on) ; keep
            k = Mul(s, w) ; scale
            s2 = Sin(k) ; bend
            t2 = Add(t, s2) ; gather
            p = Mul(t2, t2) ; square
            output on2
            output s2
            output t2
            output s2
            output p
            main
            e, f, g, h = Loop(m, go, a, b) body=@inner ; loop
            output e
            output f
            output g
            output h
            """, withGradients: runs > 0, ("m", TensorData.Scalar((long)rounds)), ("go", TensorData.FromBools([], [starts])));

        Assert.Equal([runs, 2, 3], outputs["h"].Dims);
    }

    [Fact]
    public void A_loop_ends_by_the_condition_of_its_body()
    {
        var outputs = BothEngines.Agree("""
            opset 21
            input x f32[]
            const bound f32[] = 40.0
            const two f32[] = 2.0
            const yes bool[] = 1
            graph inner
            input i i64[]
            input on bool[]
            input s f32[]
            s2 = Mul(s, two) ; double
            on2 = Less(s2, bound) ; small
            output on2
            output s2
            output s2
            main
            e, h = Loop(, yes, x) body=@inner ; loop
            output e
            output h
            """, ("x", TensorData.FromFloats([], [3])));

        Assert.Equal([6f, 12, 24, 48], outputs["h"].ToFloats());
    }

    [Fact]
    public void A_scan_goes_along_any_axes_in_any_direction_with_several_states()
    {
        BothEngines.Agree("""
            opset 21
            input a f32[2]
            input b f32[2,4]
            input x f32[2,3]
            input y f32[3,2,4]
            input z f32[4,2,3]
            const w f32[4] = seeded
            graph inner
            input s f32[2]
            input t f32[2,4]
            input xi f32[2]
            input yi f32[2,4]
            input zi f32[4,2]
            s2 = Mul(s, xi) ; one
            u = Mul(yi, w) ; two
            t2 = Add(t, u) ; three
            q = Mul(zi, s2) ; four
            r = Sin(t2) ; five
            v = Identity(s2) ; six
            output s2
            output t2
            output q
            output r
            output v
            main
            e, f, g, h, i = Scan(a, b, x, y, z) body=@inner num_scan_inputs=3 scan_input_axes=[1,0,-1] scan_input_directions=[1,0,1] scan_output_axes=[-1,1,0] scan_output_directions=[0,1,1] ; scan
            output e
            output f
            output g
            output h
            output i
            """);
    }

    [Fact]
    public void A_loop_in_a_scan_in_a_branch_sees_what_is_around_all_of_them()
    {
        BothEngines.Agree("""
            opset 21
            input c bool[]
            input x f32[3,2]
            const w f32[2] = seeded
            const m i64[] = 2
            const yes bool[] = 1
            graph inner
            input state f32[2]
            input xi f32[2]
            graph innermost
            input i i64[]
            input on bool[]
            input s f32[2]
            on2 = Identity(on) ; keep
            p = Mul(s, w) ; scale
            s2 = Add(p, xi) ; add
            output on2
            output s2
            graph inner
            l = Loop(m, yes, state) body=@innermost ; loop
            n = Sin(l) ; bend
            output n
            output l
            graph yes_branch
            e, f = Scan(w, x) body=@inner num_scan_inputs=1 ; scan
            g = Mul(f, e) ; product
            output g
            graph no_branch
            h = Mul(x, w) ; other
            output h
            main
            z = If(c) then_branch=@yes_branch else_branch=@no_branch ; choose
            output z
            """, ("c", TensorData.FromBools([], [true])));
    }
}
