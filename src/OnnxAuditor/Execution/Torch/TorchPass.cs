using System.Buffers;
using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>The tensors that a forward pass kept.</summary>
/// <param name="values">Inputs, initializers and kept values.</param>
/// <param name="widened">What stands in for the values of the model given.</param>
/// <param name="shared">Tensors that belong to the executor.</param>
/// <param name="pins">Handles of the memory that inputs lie in.</param>
/// <param name="peakBytes">The most that computed values took at one time.</param>
sealed class TorchPass(Dictionary<Value, Tensor> values, Dictionary<Value, Value> widened, HashSet<object> shared, List<MemoryHandle> pins, long peakBytes) : IDisposable
{
    /// <summary>A kept value, an input or an initializer.</summary>
    public Tensor this[Value value] => values[widened.GetValueOrDefault(value, value)];

    /// <summary>The dimensions of a kept value.</summary>
    public long[] DimsOf(Value value) => this[value].shape;

    /// <summary>The most that computed values took at one time, bytes; a view counts like a copy, and what autograd keeps does not count.</summary>
    public long PeakBytes => peakBytes;

    /// <summary>The gradients of a value by leaves, or their products with a cotangent.</summary>
    /// <param name="of">A kept float value; a scalar where there is no seed.</param>
    /// <param name="by">Leaves of the pass.</param>
    /// <param name="seed">The cotangent, of the value's shape; null for 1.</param>
    /// <param name="differentiable">Whether the gradients can be differentiated again.</param>
    /// <returns>One gradient a leaf, null for one that the value does not depend on, in the dispose scope of the caller.</returns>
    public Tensor?[] Gradients(Value of, IReadOnlyList<Value> by, Tensor? seed = null, bool differentiable = false) =>
        Gradients(this[of], [.. by.Select(v => this[v])], seed, differentiable);

    /// <summary>The gradients of a tensor by others; null for one that it does not depend on.</summary>
    /// <exception cref="ModelException">libtorch cannot differentiate; the message says what.</exception>
    public static Tensor?[] Gradients(Tensor of, IReadOnlyList<Tensor> by, Tensor? seed = null, bool differentiable = false)
    {
        List<Tensor> inputs = [.. by.Where(t => t.requires_grad)];
        // Without any input libtorch would differentiate by all leaves.
        if (!of.requires_grad || inputs.Count == 0) return new Tensor?[by.Count];
        Clear();
        try
        {
            // Not autograd.grad: TorchSharp has no handler there, and an exception of libtorch ends the process.
            autograd.backward([of], seed is null ? null : [seed], retain_graph: true, create_graph: differentiable, inputs: inputs);
            return [.. by.Select(t => t.requires_grad ? t.grad : null)];
        }
        catch (ExternalException e)
        {
            throw new ModelException(ModelProblem.Unsupported, $"Torch cannot differentiate: {e.Message.Split('\n', 2)[0]}", e);
        }
        finally
        {
            Clear();
        }

        // A gradient left behind would be added to the next one, and a recorded one would keep its leaf alive. A tensor that is no leaf collects gradients of later calls too.
        void Clear()
        {
            foreach (var input in inputs) input.grad = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in values.Values) if (!shared.Contains(tensor)) tensor.Dispose();
        values.Clear();
        foreach (var pin in pins) pin.Dispose();
        pins.Clear();
    }
}
