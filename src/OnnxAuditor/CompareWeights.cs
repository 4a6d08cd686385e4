using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Reports;

namespace OnnxAuditor;

/// <summary>Looks into the files of two versions of a model: how far tensors moved, and whether the new contents are the old ones rounded.</summary>
static class CompareWeights
{
    /// <summary>A tensor of at most this many different values is stored in codes, as by 8 bits.</summary>
    const int FewLevels = 256;

    /// <summary>What rounding to codes leaves: a larger distance is another training.</summary>
    const double MostRounding = 0.1;

    /// <summary>The change with distances and roundings; without them where a file cannot be read a second time.</summary>
    /// <param name="change">The change.</param>
    /// <param name="before">The earlier file.</param>
    /// <param name="after">The later file.</param>
    /// <param name="options">The options under which they were audited.</param>
    public static VersionChange Measure(VersionChange change, string before, string after, AuditOptions options)
    {
        using var fileA = OnnxReader.Read(before);
        using var fileB = OnnxReader.Read(after);
        var (a, b) = (Contents(fileA, options), Contents(fileB, options));
        return change with { Tensors = [.. change.Tensors.Select(t => Measure(t, a, b))] };
    }

    static Dictionary<string, TensorData> Contents(ModelFile file, AuditOptions options)
    {
        var result = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var parameter in Canonicalizer.Run(file.Model, Audit.CanonicalOptions(options)).Parameters)
            if (parameter.Value.Data is { Unavailable: null } data && data.Type.IsFloat) result[parameter.Name] = data;
        return result;
    }

    static TensorChange Measure(TensorChange change, Dictionary<string, TensorData> a, Dictionary<string, TensorData> b)
    {
        if (change is not { Kind: TensorChangeKind.Retrained or TensorChangeKind.Moved, Before: { } before, After: { } after }) return change;
        if (!a.TryGetValue(before.Name, out var x) || !b.TryGetValue(after.Name, out var y) || x.Count != y.Count || x.Count == 0) return change;
        return Measure(change, x.ToFloats(), y.ToFloats());
    }

    static TensorChange Measure(TensorChange change, float[] x, float[] y)
    {
        var norm = (double)TensorPrimitives.Norm<float>(x);
        var distance = norm > 0 ? TensorPrimitives.Distance<float>(x, y) / norm : double.NaN;
        change = change with { Distance = double.IsFinite(distance) ? distance : null };
        return distance < MostRounding && Rounding(x, y) is { } rounding ? change with { Kind = change.Kind == TensorChangeKind.Retrained ? TensorChangeKind.Requantized : change.Kind, Rounding = rounding } : change;
    }

    /// <summary>What the new values are the old ones rounded to; null where they are none of it.</summary>
    static string? Rounding(float[] x, float[] y)
    {
        if (x.Zip(y).All(v => (float)(Half)v.First == v.Second)) return "float16";
        if (x.Zip(y).All(v => BFloat16(v.First) == v.Second)) return "bfloat16";
        var levels = y.Distinct().Take(FewLevels + 1).Count();
        return levels <= FewLevels && x.Distinct().Take(FewLevels + 1).Count() > levels ? $"{levels} levels" : null;
    }

    /// <summary>The nearest bfloat16, ties to even.</summary>
    static float BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }
}
