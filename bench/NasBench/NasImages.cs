using GraphRewriter.Ir;
using OnnxAuditor;
using OnnxAuditor.Numerics;

namespace Bench.NasBench;

/// <summary>CIFAR-10 images and their labels.</summary>
/// <param name="Images">float32 [N, 3, 32, 32], normalised by the data set's mean and standard deviation.</param>
/// <param name="Labels">int64 [N].</param>
sealed record NasImages(TensorData Images, TensorData Labels)
{
    /// <summary>Images kept: as many as any setting takes in all its batches.</summary>
    const int Kept = 256;

    /// <summary>Per channel, of pixels from 0 to 1.</summary>
    static readonly float[] Mean = [0.4914f, 0.4822f, 0.4465f], Deviation = [0.2470f, 0.2435f, 0.2616f];

    /// <summary>Reads the first images of a folder with cifar10-1k-images.npy, uint8 [N, 3, 32, 32], and cifar10-1k-labels.npy, whole numbers [N].</summary>
    /// <exception cref="UsageException">A file is absent or holds something else.</exception>
    public static NasImages Read(string folder)
    {
        try
        {
            var images = NumPyFile.ReadNpy(Path.Combine(folder, "cifar10-1k-images.npy"));
            var labels = NumPyFile.ReadNpy(Path.Combine(folder, "cifar10-1k-labels.npy"));
            if (images.Type != ElementType.UInt8 || images.Dims.Count != 4 || !images.Dims.Skip(1).SequenceEqual([3L, 32, 32]) || images.Dims[0] < Kept)
                throw new UsageException($"The images are {images.Type} {images.Shape}; uint8 [N, 3, 32, 32] with at least {Kept} images are needed.");
            if (!labels.Type.IsInteger || labels.Dims.Count != 1 || labels.Dims[0] < Kept) throw new UsageException($"The labels are {labels.Type} {labels.Shape}; whole numbers, one for each image, are needed.");
            return new NasImages(Normalized(images.Bytes.Span), TensorData.FromInt64s([Kept], labels.ToInt64s()[..Kept]));
        }
        catch (FormatException e)
        {
            throw new UsageException(e.Message);
        }
    }

    static TensorData Normalized(ReadOnlySpan<byte> pixels)
    {
        const int Plane = 32 * 32;
        var values = new float[Kept * 3 * Plane];
        for (var i = 0; i < values.Length; i++)
        {
            var channel = i / Plane % 3;
            values[i] = (pixels[i] / 255f - Mean[channel]) / Deviation[channel];
        }
        return TensorData.FromFloats([Kept, 3, 32, 32], values);
    }
}
