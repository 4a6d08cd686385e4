using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Operators that select elements by their values or by a condition.</summary>
static class SelectionOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        new("TopK", TopK),
        TorchOp.Of("Compress", Compress),
        TorchOp.Unary("NonZero", x => (x.dim() == 0 ? x.Flat() : x).nonzero().t()),
        new("Unique", Unique),
        TorchOp.Of("NonMaxSuppression", NonMaxSuppression),
    ];

    /// <summary>Of equal elements the one of the lower index comes first, as ONNX Runtime has it. The result is sorted even where it need not be.</summary>
    static Tensor[] TopK(TorchCall c)
    {
        var x = c[0];
        var axis = c.Axis("axis", -1, x.dim());
        var (_, order) = UInt64Bits.Ordered(x.detach(), c.TypeOf(0)).sort(axis, descending: c.Node.Int("largest", 1) == 1, stable: true);
        var indices = order.narrow(axis, 0, c.Ints(1)![0]);
        return [x.gather(axis, indices), indices];
    }

    static Tensor Compress(TorchCall c)
    {
        var chosen = c[1].nonzero().Flat();
        return c.Node.Has("axis") ? c[0].index_select(c.Axis("axis", 0, c[0].dim()), chosen) : c[0].Flat().index_select(0, chosen);
    }

    /// <summary>Each distinct element or slice as it is first met, sorted or in the order of meeting; where that was, where each element went, and how many they are. No gradient flows through it.</summary>
    static Tensor[] Unique(TorchCall c)
    {
        var x = c[0].detach();
        var (axis, data) = c.Node.Has("axis") ? (c.Axis("axis", 0, x.dim()), x) : (0, x.Flat());
        var (_, inverse, counts) = UInt64Bits.Ordered(data, c.TypeOf(0)).unique(sorted: true, return_inverse: true, return_counts: true, dim: axis);
        inverse = inverse!.Flat();
        // Sorted by group, the first of each group stands behind all smaller groups.
        var (_, byGroup) = inverse.sort(0, stable: true);
        var first = byGroup.index_select(0, counts!.cumsum(0) - counts);
        if (c.Node.Int("sorted", 1) == 0)
        {
            var (_, met) = first.sort(0);
            (first, counts) = (first.index_select(0, met), counts.index_select(0, met));
            inverse = met.argsort().index_select(0, inverse);
        }
        return [data.index_select(axis, first), first, inverse, counts];
    }

    /// <summary>
    /// Boxes of each batch and class from the highest score down, the lower index first of equal ones, each kept unless it covers one kept before by more than the threshold.
    /// </summary>
    static Tensor NonMaxSuppression(TorchCall c)
    {
        var (shape, boxes, scores) = (c[1].shape, Floats(c[0]), Floats(c[1]));
        var (most, overlap, least) = (c.Ints(2)?[0] ?? 0, (float)(c.Number(3) ?? 0), (float?)c.Number(4));
        var (batches, classes, count) = (shape[0], shape[1], (int)shape[2]);
        var corners = new Box[batches * count];
        for (var i = 0; i < corners.Length; i++) corners[i] = Box.Of(boxes.AsSpan(4 * i, 4), c.Node.Int("center_point_box") == 1);

        var selected = new List<long>();
        for (var batch = 0L; batch < batches; batch++)
        {
            for (var kind = 0L; kind < classes; kind++)
            {
                var score = scores.AsMemory((int)((batch * classes + kind) * count), count);
                var kept = new List<int>();
                foreach (var i in Enumerable.Range(0, count).Where(i => least is null || score.Span[i] > least).OrderByDescending(i => score.Span[i]))
                {
                    if (kept.Count >= most) break;
                    if (kept.TrueForAll(k => Box.Overlap(corners[batch * count + i], corners[batch * count + k]) <= overlap)) kept.Add(i);
                }
                foreach (var i in kept) selected.AddRange([batch, kind, i]);
            }
        }
        return c[0].Vector([.. selected]).reshape(-1, 3);
    }

    static float[] Floats(Tensor x) => [.. x.to(ScalarType.Float32).cpu().contiguous().data<float>()];

    /// <summary>A box by two opposite corners, the lower one first.</summary>
    readonly record struct Box(float Top, float Left, float Bottom, float Right)
    {
        /// <summary>From corners (y1, x1, y2, x2) in either order, or from (centre x, centre y, width, height).</summary>
        public static Box Of(ReadOnlySpan<float> b, bool isCentred) => isCentred
            ? new(b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2)
            : new(Math.Min(b[0], b[2]), Math.Min(b[1], b[3]), Math.Max(b[0], b[2]), Math.Max(b[1], b[3]));

        float Area => (Bottom - Top) * (Right - Left);

        /// <summary>The area that two boxes share over the area that they cover; 0 where one of them has none.</summary>
        public static float Overlap(Box a, Box b)
        {
            var (height, width) = (Math.Min(a.Bottom, b.Bottom) - Math.Max(a.Top, b.Top), Math.Min(a.Right, b.Right) - Math.Max(a.Left, b.Left));
            if (height <= 0 || width <= 0 || a.Area <= 0 || b.Area <= 0) return 0;
            return height * width / (a.Area + b.Area - height * width);
        }
    }
}
