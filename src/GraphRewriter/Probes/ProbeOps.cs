using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Probes;

/// <summary>
/// Reductions that run inside the graph, so that kilobytes come out of a run instead of activations. All results are float scalars or short vectors.
/// </summary>
public static class ProbeOps
{
    extension(Tape t)
    {
        /// <summary>
        /// Mean, mean square of x / s, largest and smallest element of x, in that order, as a vector [4], where s is the largest absolute value (1 where that is 0):
        /// squares of gradients of 1e-25 or activations of 1e25 leave the range of float32.
        /// </summary>
        public Value Moments(Value x)
        {
            var max = t.ReduceAll("ReduceMax", x);
            var min = t.ReduceAll("ReduceMin", x);
            var range = t.Max(max, t.Neg(min));
            var scaled = t.Div(x, t.Where(t.Greater(range, 0), range, t.ScalarLike(1, x)));
            return t.Stack(t.ReduceAll("ReduceMean", x), t.Mul(t.ReduceAll("ReduceSumSquare", scaled), t.InverseCount(x)), max, min);
        }

        /// <summary>The share of exact zeros in x.</summary>
        public Value ZeroFraction(Value x) => t.ReduceAll("ReduceMean", t.Cast(t.Equal(x, t.ScalarLike(0, x)), x.Type));

        /// <summary>The largest absolute value of each channel [C].</summary>
        public Value ChannelMaxAbs(Value x, int channelAxis)
        {
            var axes = AllBut(x.Rank, channelAxis);
            return axes.Length == 0 ? t.Abs(x) : t.Max(t.ReduceMax(x, axes, keepDims: false), t.Neg(t.Reduce("ReduceMin", x, axes, keepDims: false)));
        }

        /// <summary>
        /// Trace and squared Frobenius norm of the centred channel covariance of x (normaliser 1/M), as a vector [2]. Rows are all positions of all samples (M),
        /// columns are channels (C). The squared norm is that of the smaller of the two Gram matrices, C x C or M x M: they share their non-zero spectrum.
        /// </summary>
        public Value CovarianceInvariants(Value x, int channelAxis)
        {
            var a = t.CenteredChannels(x, channelAxis, out _);
            var channels = x.Shape![channelAxis].Size;
            var rows = x.Shape.ElementCount / channels;
            var gram = rows < channels ? t.MatMul(t.Transpose(a, 1, 0), a) : t.MatMul(a, t.Transpose(a, 1, 0));
            return t.Stack(
                t.Mul(t.ReduceAll("ReduceSumSquare", a), 1.0 / rows),
                t.Mul(t.ReduceAll("ReduceSumSquare", gram), 1.0 / ((double)rows * rows)));
        }

        /// <summary>
        /// Channel means [C] and centred second-moment matrix [C, C] (not divided by M): what is needed to merge the covariances of several runs.
        /// </summary>
        public (Value Mean, Value Scatter) ChannelScatter(Value x, int channelAxis)
        {
            var a = t.CenteredChannels(x, channelAxis, out var mean);
            return (mean, t.MatMul(a, t.Transpose(a, 1, 0)));
        }

        /// <summary>Scalars as one vector.</summary>
        public Value Stack(params ReadOnlySpan<Value> scalars)
        {
            var parts = new Value?[scalars.Length];
            for (var i = 0; i < parts.Length; i++) parts[i] = t.Reshape(scalars[i], 1);
            return t.Concat(0, parts);
        }

        /// <summary>x as [C, M] minus each channel's mean; one transposition for batched maps, none for one sample.</summary>
        Value CenteredChannels(Value x, int channelAxis, out Value mean)
        {
            var permutation = new List<long> { channelAxis };
            permutation.AddRange(AllBut(x.Rank, channelAxis));
            var a = t.Reshape(t.Transpose(x, [.. permutation]), x.Shape![channelAxis].Size, x.Shape.ElementCount / x.Shape[channelAxis].Size);
            mean = t.ReduceMean(a, [1], keepDims: false);
            return t.Sub(a, t.Unsqueeze(mean, 1));
        }

        Value InverseCount(Value x) => t.Div(1, t.Cast(t.SizeOf(x), x.Type));
    }

    static long[] AllBut(int rank, int axis)
    {
        var axes = new long[rank - 1];
        for (int i = 0, k = 0; i < rank; i++) if (i != axis) axes[k++] = i;
        return axes;
    }
}
