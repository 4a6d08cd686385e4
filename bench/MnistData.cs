using System.Buffers.Binary;
using GraphRewriter.Ir;

namespace Bench;

/// <summary>The digits of MNIST (LeCun, Cortes and Burges), in the files of the original: big-endian headers, then bytes.</summary>
/// <param name="Images">Grey values 0 to 255, row-major [N, 28, 28].</param>
/// <param name="Labels">Digits, [N].</param>
sealed record MnistData(byte[] Images, byte[] Labels)
{
    const int Pixels = 28 * 28, ImagesMagic = 0x803, LabelsMagic = 0x801;

    /// <summary>Mean and standard deviation of the training images' pixels, in units of 255: what networks for MNIST are fed with.</summary>
    const float Mean = 0.1307f, Deviation = 0.3081f;

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Reads a pair of files of the folder that models/fetch.sh fills.</summary>
    /// <param name="part">train or t10k.</param>
    /// <exception cref="FileNotFoundException">They were not fetched.</exception>
    public static MnistData Read(string part)
    {
        var images = Body($"mnist-{part}-images.idx", ImagesMagic, 16);
        var labels = Body($"mnist-{part}-labels.idx", LabelsMagic, 8);
        return images.Length == labels.Length * Pixels ? new(images, labels) : throw new InvalidDataException($"MNIST '{part}': {images.Length} pixels for {labels.Length} labels.");
    }

    /// <summary>Some images [n, 1, 28, 28], standardised, and their digits [n].</summary>
    public (TensorData Images, TensorData Labels) Batch(IReadOnlyList<int> which)
    {
        var pixels = new float[which.Count * Pixels];
        for (var i = 0; i < which.Count; i++)
            for (var p = 0; p < Pixels; p++) pixels[i * Pixels + p] = (Images[which[i] * Pixels + p] / 255f - Mean) / Deviation;
        return (TensorData.FromFloats([which.Count, 1, 28, 28], pixels), TensorData.FromInt64s([which.Count], [.. which.Select(i => (long)Labels[i])]));
    }

    static byte[] Body(string name, int magic, int header)
    {
        var path = Path.Combine(Networks.Checkout, "models", "fetched", name);
        if (!File.Exists(path)) throw new FileNotFoundException($"{name} is absent: models/fetch.sh brings it.", path);
        var bytes = File.ReadAllBytes(path);
        return BinaryPrimitives.ReadInt32BigEndian(bytes) == magic ? bytes[header..] : throw new InvalidDataException($"{name} is no MNIST file.");
    }
}
