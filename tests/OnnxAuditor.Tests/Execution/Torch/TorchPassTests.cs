using GraphRewriter.Ir;
using OnnxAuditor.Execution.Torch;
using TorchSharp;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

public sealed class TorchPassTests : IDisposable
{
    readonly torch.Tensor x;
    readonly TorchSharp.DisposeScope scope;

    public TorchPassTests()
    {
        TorchBuild.RequireLibTorch();
        scope = torch.NewDisposeScope();
        x = torch.tensor(new float[] { 1, 2, 3 }, requires_grad: true);
    }

    public void Dispose() => scope.Dispose();

    [Fact]
    public void An_operator_without_derivative_is_named_and_the_program_goes_on()
    {
        // Of the incomplete gamma function libtorch knows the derivative by its second argument alone.
        var unknown = torch.special.gammainc(x, torch.ones(3)).sum();

        var refused = Assert.Throws<ModelException>(() => TorchPass.Gradients(unknown, [x]));

        Assert.Equal((ModelProblem.Unsupported, "Torch cannot differentiate: the derivative for 'igamma: input' is not implemented."), (refused.Problem, refused.Message));
        Assert.Equal([2, 4, 6], Numbers(TorchPass.Gradients(x.square().sum(), [x])[0]!));
    }

    [Fact]
    public void What_is_no_scalar_needs_a_cotangent()
    {
        Assert.StartsWith("Torch cannot differentiate: grad can be implicitly created only for scalar outputs", Assert.Throws<ModelException>(() => TorchPass.Gradients(x.square(), [x])).Message, StringComparison.Ordinal);
        Assert.Equal([2, 8, 18], Numbers(TorchPass.Gradients(x.square(), [x], x.detach())[0]!));
    }

    [Fact]
    public void Gradients_by_tensors_that_are_no_leaves_do_not_add_up_over_calls()
    {
        var middle = x.square();
        var loss = middle.square().sum();
        for (var call = 0; call < 3; call++)
        {
            Assert.Equal([2, 8, 18], Numbers(TorchPass.Gradients(loss, [middle])[0]!));
            Assert.Equal([[4, 32, 108], [2, 8, 18]], TorchPass.Gradients(loss, [x, middle]).Select(g => Numbers(g!)));
            Assert.Equal([4, 32, 108], Numbers(TorchPass.Gradients(loss, [x])[0]!));
        }
    }

    [Fact]
    public void Gradients_of_gradients_leave_nothing_at_their_leaves()
    {
        var first = TorchPass.Gradients(x.pow(3).sum(), [x], differentiable: true)[0]!;
        var second = TorchPass.Gradients(first.sum(), [x])[0]!;

        Assert.Equal([3, 12, 27], Numbers(first));
        Assert.Equal([6, 12, 18], Numbers(second));
        Assert.Null(x.grad);
    }

    [Fact]
    public void Of_what_a_tensor_does_not_depend_on_there_is_no_gradient()
    {
        var (other, constant) = (torch.ones(2, requires_grad: true), torch.ones(2));

        Assert.Equal([false, true, true], TorchPass.Gradients(x.sum(), [x, other, constant]).Select(g => g is null));
        Assert.Equal([true], TorchPass.Gradients(constant.sum(), [x]).Select(g => g is null));
        Assert.Empty(TorchPass.Gradients(x.sum(), []));
    }

    static float[] Numbers(torch.Tensor tensor) => tensor.data<float>().ToArray();
}
