using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement;

/// <summary>Cuts samples out of a batch.</summary>
static class BatchPart
{
    /// <summary>Some samples of a batch, without copying them.</summary>
    /// <exception cref="ModelException">The batch axis is not the outermost one.</exception>
    public static TensorData Of(TensorData data, int axis, long start, long length)
    {
        var dims = data.Dims.ToArray();
        if (axis != 0 && dims.Take(axis).Any(d => d != 1)) throw new ModelException(ModelProblem.Binding, "The batch axis is not the outermost one; single samples cannot be cut out.");
        var inner = dims.Skip(axis + 1).Aggregate(1L, (a, b) => a * b) * data.Type.Bits / 8;
        dims[axis] = length;
        return TensorData.FromBytes(data.Type, dims, data.Bytes.Slice(checked((int)(start * inner)), checked((int)(length * inner))));
    }
}
