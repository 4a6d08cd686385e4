using System.Globalization;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>The sizes tried for dimensions that neither file nor user fixes. Dimensions of one symbol get one size.</summary>
static class DefaultSizes
{
    /// <summary>How many sizes are tried for each group.</summary>
    public const int Attempts = 10;

    /// <summary>Dimensions that share a size, and the sizes to try, in order.</summary>
    internal sealed record Group(long[] Candidates)
    {
        public Dim Size(int attempt) => Candidates[Math.Min(attempt, Candidates.Length - 1)];
    }

    /// <summary>Height and width of images, pixels: 128 where any size goes, since signals through depth look as they do at the 224 of most classifiers, at a third of the cost; all but 299 are multiples of 32, the usual total stride.</summary>
    static readonly Group Spatial = new([128, 224, 256, 64, 32, 320, 512, 299, 640, 96]);

    /// <summary>Depth, height and width of volumes, voxels.</summary>
    static readonly Group Volume = new([32, 64, 16, 128, 48, 96, 8, 112, 24, 224]);

    /// <summary>Tokens or bytes of a text.</summary>
    static readonly Group Tokens = new([32, 64, 16, 128, 8, 512, 256, 1024, 1, 2]);

    /// <summary>Samples of a waveform: 512 is 32 ms at 16 kHz.</summary>
    static readonly Group Waveform = new([512, 576, 1024, 16000, 256, 4096, 8000, 128, 32, 2]);

    /// <summary>Frames of a sequence of feature vectors.</summary>
    static readonly Group Frames = new([64, 128, 100, 256, 32, 512, 16, 1024, 8, 1]);

    /// <summary>Keys and values of earlier calls: none.</summary>
    static readonly Group Past = new([0, 1]);

    public static Dictionary<string, Group> Groups(IReadOnlyList<Value> inputs)
    {
        var groups = new Dictionary<string, Group>(StringComparer.Ordinal);
        foreach (var input in inputs)
            for (var axis = 0; axis < input.Rank; axis++)
                if (!input.Shape![axis].IsKnown) groups.TryAdd(Key(input.Name, input.Shape[axis], axis), Kind(input, axis));
        return groups;
    }

    /// <summary>The group of a dimension: its symbol, or the dimension itself.</summary>
    public static string Key(string input, Dim dim, int axis) => dim.Symbol ?? string.Create(CultureInfo.InvariantCulture, $"{input}[{axis}]");

    static Group Kind(Value input, int axis)
    {
        var symbol = input.Shape![axis].Symbol ?? "";
        if (symbol.Contains("past", StringComparison.OrdinalIgnoreCase)) return Past;
        if (input.Type.IsInteger || input.Type == ElementType.Bool) return input.Rank >= 4 ? Spatial : Tokens;
        return input.Rank switch
        {
            4 => Spatial,
            5 => Volume,
            3 => Frames,
            _ => Waveform,
        };
    }
}
