using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Probes;

/// <summary>
/// Reductions that run inside the graph, so that kilobytes come out of a run instead of activations. All results are short vectors. Squares are summed as they
/// are: those of gradients of 1e-25 or activations of 1e25 leave the range of float32, and who reads such a sum asks for the probes of <see cref="Scaled"/> values.
/// Each form is the cheapest of several that were measured on ONNX Runtime's CPU kernels: reductions over all axes, of the smaller of two Gram matrices, without transposing.
/// </summary>
public static class ProbeOps
{
    extension(Tape t)
    {
        /// <summary>x divided by its largest absolute value (1 where that is 0), and that value as a vector [1]: no square of the quotient leaves the range of float32.</summary>
        public (Value Scaled, Value Scale) Scaled(Value x)
        {
            var range = t.Max(t.ReduceAll("ReduceMax", x), t.Neg(t.ReduceAll("ReduceMin", x)));
            var scale = t.Where(t.Greater(range, 0), range, t.ScalarLike(1, x));
            return (t.Div(x, scale), t.Reshape(scale, 1));
        }

        /// <summary>The mean and the sum of squares of x, as a vector [2].</summary>
        public Value Sums(Value x)
        {
            var flat = t.Reshape(x, -1);
            return t.Concat(0, t.ToOne("ReduceMean", flat), t.ToOne("ReduceSumSquare", flat));
        }

        /// <summary>The sum of squares of x, as a vector [1].</summary>
        public Value SumOfSquares(Value x) => t.ToOne("ReduceSumSquare", t.Reshape(x, -1));

        /// <summary>The largest and the smallest element of x, as a vector [2].</summary>
        public Value Extremes(Value x)
        {
            var flat = t.Reshape(x, -1);
            return t.Concat(0, t.ToOne("ReduceMax", flat), t.ToOne("ReduceMin", flat));
        }

        /// <summary>Counts of the elements of x that are not zero, over parts of x: their sum is exact. NaN is not zero.</summary>
        public Value NonZeroCounts(Value x)
        {
            var flags = t.Cast(x, ElementType.Bool);
            if (x.Shape is not { IsStatic: true } shape || Columns(shape.ElementCount) is not { } columns)
                return t.ToOne("ReduceSum", t.Reshape(t.Cast(flags, ElementType.Int32), -1));
            // A row of ones times a matrix of bytes takes half the time of converting flags to floats and summing those.
            var ones = new byte[shape.ElementCount / columns];
            Array.Fill(ones, (byte)1);
            return t.Op("MatMulInteger", t.Const(TensorData.FromBytes(ElementType.UInt8, [1, ones.Length], ones)), t.Reshape(t.Cast(flags, ElementType.UInt8), ones.Length, columns));
        }

        /// <summary>The largest absolute value of each channel [C].</summary>
        public Value ChannelMaxAbs(Value x, int channelAxis, bool neverNegative = false)
        {
            var axes = AllBut(x.Rank, channelAxis);
            if (axes.Length == 0) return t.Abs(x);
            var max = t.ReduceMax(x, axes, keepDims: false);
            return neverNegative ? max : t.Max(max, t.Neg(t.Reduce("ReduceMin", x, axes, keepDims: false)));
        }

        /// <summary>
        /// Channel means [C], and as a vector [2] trace and squared Frobenius norm of the centred second-moment matrix of the channels of x, not divided by M or M². Rows are
        /// all positions of all samples (M), columns are channels (C). The squared norm is that of the smaller of the two Gram matrices, C x C or M x M: they share their
        /// non-zero spectrum. The centred sums of squares of the channels [C] come out of the same products.
        /// </summary>
        public (Value Mean, Value Sums, Value Squares) ChannelCovariance(Value x, int channelAxis)
        {
            var channels = x.Shape![channelAxis].Size;
            var rows = x.Shape.ElementCount / channels;
            var (mean, a, layout) = t.Centered(x, channelAxis);
            var ofRows = rows < channels && layout != Layout.Batched;
            var gram = t.Gram(a, layout, ofRows);
            // The diagonal of the channels' Gram matrix is there already; that of the rows' says nothing of channels, but then there are few rows.
            var squares = ofRows ? t.ReduceSumSquare(a, [layout == Layout.RowsByChannels ? 0 : 1], keepDims: false) : t.Diagonal(gram, channels);
            return (mean, t.Concat(0, t.SumOfSquares(a), t.SumOfSquares(gram)), squares);
        }

        /// <summary>
        /// Channel means [C] and centred second-moment matrix [C, C] (not divided by M): what is needed to merge the covariances of several runs.
        /// </summary>
        public (Value Mean, Value Scatter) ChannelScatter(Value x, int channelAxis)
        {
            var (mean, a, layout) = t.Centered(x, channelAxis);
            return (mean, t.Gram(a, layout, ofRows: false));
        }

        /// <summary>x minus each channel's mean, in a layout that needs no transposing where there is one.</summary>
        (Value Mean, Value Centered, Layout Layout) Centered(Value x, int channelAxis)
        {
            var shape = x.Shape!;
            var channels = shape[channelAxis].Size;
            var positions = shape.ElementCount / channels;
            if (channelAxis == shape.Rank - 1)
            {
                var rows = t.Reshape(x, positions, channels);
                var rowMean = t.ReduceMean(rows, [0], keepDims: false);
                return (rowMean, t.Sub(rows, rowMean), Layout.RowsByChannels);
            }
            // A Gram matrix for each sample costs as much as one for all where a sample has no fewer positions than channels.
            if (channelAxis == 1 && (shape[0].Size == 1 || positions / shape[0].Size >= channels))
            {
                var maps = t.Reshape(x, shape[0].Size, channels, positions / shape[0].Size);
                var mapMean = t.ReduceMean(maps, [0, 2], keepDims: false);
                return (mapMean, t.Sub(maps, t.Unsqueeze(mapMean, 1)), Layout.Batched);
            }
            var a = t.Reshape(t.Transpose(x, [channelAxis, .. AllBut(shape.Rank, channelAxis)]), channels, positions);
            var mean = t.ReduceMean(a, [1], keepDims: false);
            return (mean, t.Sub(a, t.Unsqueeze(mean, 1)), Layout.ChannelsByRows);
        }

        /// <summary>The Gram matrix of the channels, or that of the rows.</summary>
        Value Gram(Value a, Layout layout, bool ofRows)
        {
            var transposed = t.TransposeLast(a);
            if (layout == Layout.Batched) return t.ReduceSum(t.MatMul(a, transposed), [0], keepDims: false);
            return ofRows == (layout == Layout.RowsByChannels) ? t.MatMul(a, transposed) : t.MatMul(transposed, a);
        }

        /// <summary>The diagonal of a square matrix [C, C], as a vector [C].</summary>
        Value Diagonal(Value matrix, long side)
        {
            var index = t.Const(TensorData.FromNumbers(ElementType.Int64, [side, 1], [.. Enumerable.Range(0, checked((int)side)).Select(i => (double)i)]));
            return t.Reshape(t.GatherElements(matrix, index, 1), side);
        }

        /// <summary>A reduction of a vector to a vector [1].</summary>
        Value ToOne(string opType, Value flat) => t.Op(opType, [Ir.Attribute.Of("keepdims", 1L)], flat);
    }

    /// <summary>How a centred activation lies.</summary>
    enum Layout
    {
        /// <summary>[C, M].</summary>
        ChannelsByRows,
        /// <summary>[M, C].</summary>
        RowsByChannels,
        /// <summary>[N, C, M / N].</summary>
        Batched,
    }

    /// <summary>The widest row of at most 64 that a number of elements can be cut into; null where only narrow ones fit.</summary>
    static long? Columns(long count)
    {
        for (var columns = 64L; columns >= 8; columns /= 2) if (count % columns == 0) return columns;
        return null;
    }

    static long[] AllBut(int rank, int axis)
    {
        var axes = new long[rank - 1];
        for (int i = 0, k = 0; i < rank; i++) if (i != axis) axes[k++] = i;
        return axes;
    }
}
