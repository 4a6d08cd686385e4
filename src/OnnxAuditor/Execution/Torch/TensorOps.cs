using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Steps that the operators have in common, as methods of a tensor.</summary>
static class TensorOps
{
    extension(Tensor x)
    {
        /// <summary>A scalar of the type and on the device of the tensor.</summary>
        public Tensor Scalar(double value) => full([], value, x.dtype, x.device);

        /// <summary>The tensor with a number where a condition does not hold; there its gradient is zero.</summary>
        public Tensor Where(Tensor condition, double otherwise) => x.masked_fill(condition.logical_not(), otherwise);

        /// <summary>An axis counted from the front.</summary>
        public int AxisOf(long axis) => (int)(axis < 0 ? axis + x.dim() : axis);

        /// <summary>The length of an axis, counted from the front.</summary>
        public long Length(int axis) => x.shape[axis];

        /// <summary>The dimensions with one of them replaced by any number of others.</summary>
        public long[] ShapeWith(int axis, params ReadOnlySpan<long> dims) => [.. x.shape.AsSpan(0, axis), .. dims, .. x.shape.AsSpan(axis + 1)];

        /// <summary>The tensor in one axis.</summary>
        public Tensor Flat() => x.reshape(-1);

        /// <summary>Indices as int64, counted from the front of an axis of the given length.</summary>
        public Tensor Indices(long length)
        {
            var indices = x.to(ScalarType.Int64);
            return where(indices < 0, indices + length, indices);
        }

        /// <summary>The numbers 0, 1, …, on the device of the tensor.</summary>
        public Tensor Counting(long count) => arange(count, ScalarType.Int64, x.device);

        /// <summary>A vector of whole numbers on the device of the tensor.</summary>
        public Tensor Vector(params long[] values) => tensor(values, ScalarType.Int64, x.device);

        /// <summary>A vector along an axis of something of the given rank.</summary>
        public Tensor Along(int axis, long rank)
        {
            var shape = Enumerable.Repeat(1L, (int)rank).ToArray();
            shape[axis] = -1;
            return x.reshape(shape);
        }

        /// <summary>Whole numbers that ran over the range of their declared type brought back into it, where the type they are held in is wider.</summary>
        public Tensor Wrapped(ElementType type) => type switch
        {
            ElementType.UInt16 => x.bitwise_and(x.Scalar(0xFFFF)),
            ElementType.UInt32 => x.bitwise_and(x.Scalar(0xFFFFFFFF)),
            ElementType.UInt4 => x.bitwise_and(x.Scalar(15)),
            ElementType.Int4 => x.bitwise_and(x.Scalar(15)).bitwise_xor(x.Scalar(8)) - 8,
            _ => x,
        };
    }
}
