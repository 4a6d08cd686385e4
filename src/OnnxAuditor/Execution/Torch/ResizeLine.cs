using GraphRewriter.Ir;

namespace OnnxAuditor.Execution.Torch;

/// <summary>How a place is made of its neighbours when an axis is resized.</summary>
/// <param name="IsCubic">Cubic convolution rather than linear interpolation.</param>
/// <param name="A">The coefficient of the cubic convolution.</param>
/// <param name="IsWidened">Whether the kernel is as wide as what an output element stands for (antialias).</param>
/// <param name="LeavesOut">Whether what lies outside counts nothing rather than as the element at the edge.</param>
sealed record ResizeKernel(bool IsCubic, double A, bool IsWidened, bool LeavesOut)
{
    /// <summary>The distance at which the kernel ends.</summary>
    public int Reach => IsCubic ? 2 : 1;

    /// <summary>The kernel of a Resize node.</summary>
    public static ResizeKernel Of(Node node) =>
        new(node.String("mode") is "cubic", node.Float("cubic_coeff_a", -0.75f), node.Int("antialias") != 0, node.Int("exclude_outside") != 0);

    /// <summary>The weight at a distance.</summary>
    public double At(double distance)
    {
        var d = Math.Abs(distance);
        if (d >= Reach) return 0;
        if (!IsCubic) return 1 - d;
        return d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1 : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
    }
}

/// <summary>One axis that is resized.</summary>
/// <param name="Size">Its length.</param>
/// <param name="NewSize">Its new length.</param>
/// <param name="Scale">The scale; where it follows from the sizes it is their ratio.</param>
/// <param name="Mode">The coordinate transformation.</param>
/// <param name="Region">The part that tf_crop_and_resize looks at.</param>
sealed record ResizeLine(long Size, long NewSize, double Scale, string Mode, (double From, double To) Region)
{
    /// <summary>Whether every mode leaves the axis as it is.</summary>
    public bool IsKept => Size == NewSize && Scale == 1;

    /// <summary>
    /// The place in the data that an element of the result stands for. Scales and regions are float32: what that precision cannot tell from a whole or a half is one.
    /// </summary>
    public double Place(long i) => (float)(Mode switch
    {
        "half_pixel" => (i + 0.5) / Scale - 0.5,
        "pytorch_half_pixel" => NewSize > 1 ? (i + 0.5) / Scale - 0.5 : 0,
        "half_pixel_symmetric" => Size / 2.0 * (1 - NewSize / (Scale * Size)) + (i + 0.5) / Scale - 0.5,
        "asymmetric" => i / Scale,
        "align_corners" => NewSize > 1 ? i * (Size - 1.0) / (NewSize - 1) : 0,
        "tf_crop_and_resize" => NewSize > 1 ? Region.From * (Size - 1) + i * (Region.To - Region.From) * (Size - 1) / (NewSize - 1) : 0.5 * (Region.From + Region.To) * (Size - 1),
        _ => throw new ModelException(ModelProblem.Unsupported, $"Torch knows no coordinate transformation '{Mode}'."),
    });

    /// <summary>The elements of the result that stand for places outside of the data.</summary>
    public long[] Outside() => [.. Indices().Where(i => Place(i) is var p && (p < 0 || p > Size - 1))];

    /// <summary>For each element of the result the nearest of the data.</summary>
    public long[] Nearest(string rounding) => [.. Indices().Select(i =>
    {
        var place = Place(i);
        var nearest = rounding switch
        {
            "floor" => Math.Floor(place),
            "ceil" => Math.Ceiling(place),
            "round_prefer_ceil" => Math.Floor(place + 0.5),
            _ => Math.Ceiling(place - 0.5),
        };
        return Math.Clamp((long)nearest, 0, Size - 1);
    })];

    /// <summary>The weights [size, new size] of the data in each element of the result.</summary>
    public double[,] Weights(ResizeKernel kernel)
    {
        var weights = new double[Size, NewSize];
        // A kernel is widened where the axis becomes shorter.
        var width = kernel.IsWidened ? Math.Max(1 / Scale, 1) : 1;
        for (var i = 0L; i < NewSize; i++)
        {
            var place = Place(i);
            var sum = 0.0;
            for (var k = (long)Math.Floor(place - kernel.Reach * width); k <= (long)Math.Ceiling(place + kernel.Reach * width); k++)
            {
                if (kernel.LeavesOut && (k < 0 || k >= Size)) continue;
                var weight = kernel.At((k - place) / width);
                weights[Math.Clamp(k, 0, Size - 1), i] += weight;
                sum += weight;
            }
            for (var k = 0L; k < Size; k++) weights[k, i] /= sum;
        }
        return weights;
    }

    IEnumerable<long> Indices() => Enumerable.Range(0, (int)NewSize).Select(i => (long)i);
}
