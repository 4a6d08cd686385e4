using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Products with the Jacobian J = ∂y/∂x of a recorded pass, and derivatives along a line. Results are of the shapes of y and x.</summary>
static class Jacobian
{
    /// <summary>Jᵀu: the vector–Jacobian product, one backward pass.</summary>
    /// <param name="pass">A pass that kept y and in which x is a leaf.</param>
    /// <param name="y">A float value.</param>
    /// <param name="x">The leaf.</param>
    /// <param name="u">The cotangent, of the shape of y.</param>
    public static TensorData Transposed(TorchPass pass, Value y, Value x, TensorData u)
    {
        using var scope = NewDisposeScope();
        return Fetch(pass.Gradients(y, [x], Place(u, pass[y]))[0] ?? zeros_like(pass[x]));
    }

    /// <summary>Jv: the Jacobian–vector product, as the derivative of Jᵀu by u (two backward passes).</summary>
    /// <inheritdoc cref="Along"/>
    public static TensorData Times(TorchPass pass, Value y, Value x, TensorData v)
    {
        using var scope = NewDisposeScope();
        return Fetch(Times(pass[y], pass[x], Place(v, pass[x]), differentiable: false));
    }

    /// <summary>The first and second derivative of y along the line x + t v at t = 0: Jv, and its derivative along v.</summary>
    /// <param name="pass">A pass that kept y and in which x is a leaf.</param>
    /// <param name="y">A float value.</param>
    /// <param name="x">The leaf.</param>
    /// <param name="v">The direction, of the shape of x.</param>
    public static (TensorData First, TensorData Second) Along(TorchPass pass, Value y, Value x, TensorData v)
    {
        using var scope = NewDisposeScope();
        var direction = Place(v, pass[x]);
        var first = Times(pass[y], pass[x], direction, differentiable: true);
        return (Fetch(first), Fetch(Times(first, pass[x], direction, differentiable: false)));
    }

    static Tensor Times(Tensor y, Tensor x, Tensor v, bool differentiable)
    {
        var u = zeros_like(y).detach().requires_grad_();
        // Where y depends on x linearly, or not at all, there is nothing to differentiate.
        if (TorchPass.Gradients(y, [x], u, differentiable: true)[0] is not { requires_grad: true } transposed) return zeros_like(y).detach();
        return TorchPass.Gradients((transposed * v).sum(), [u], differentiable: differentiable)[0] ?? zeros_like(y).detach();
    }

    static Tensor Place(TensorData data, Tensor like)
    {
        long[] dims = [.. data.Dims];
        if (!dims.AsSpan().SequenceEqual(like.shape)) throw new ArgumentException($"The vector is {data}; [{string.Join(", ", like.shape)}] is needed.", nameof(data));
        return tensor(data.ToDoubles(), dims).to(like.dtype).to(like.device);
    }

    static TensorData Fetch(Tensor tensor) => TorchTensors.Fetch(tensor, ElementType.Undefined);
}
