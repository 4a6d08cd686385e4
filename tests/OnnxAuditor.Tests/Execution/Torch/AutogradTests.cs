using System.Runtime.InteropServices;
using GraphRewriter.Ir;
using GraphRewriter.Tests.Gradients;
using OnnxAuditor.Execution.Torch;
using Xunit;

namespace OnnxAuditor.Tests.Execution.Torch;

/// <summary>
/// The samples of the gradient rules on both engines: what an operator computes and its gradients, once by autograd on Torch and once by our rule on ONNX Runtime. Neither
/// side knows of the other: where they agree both are right, at kinks and ties too, of which finite differences tell nothing.
/// </summary>
public class AutogradTests
{
    /// <summary>Of the largest entry; both sides compute in float32.</summary>
    const double Tolerance = 1e-4;

    /// <summary>Of the largest first gradient: the rounding of the terms that a second gradient is the sum of, all that is left of it where it vanishes.</summary>
    const double Rounding = 1e-5;

    /// <summary>Samples of which the engines may give different results, and why.</summary>
    static readonly Dictionary<string, string> Undecided = new(StringComparer.Ordinal)
    {
        ["TopK/smallest along axis zero, unsorted"] = "the order of an unsorted TopK is the engine's own",
    };

    public static TheoryData<string> Samples => [.. OpSamples.All.Where(s => !s.IsRandom).Select(s => s.Id)];

    public static TheoryData<string> SmoothSamples => [.. OpSamples.All.Where(s => s.NotTwice is null && s.Expected is null && !s.IsRandom).Select(s => s.Id)];

    [Theory]
    [MemberData(nameof(Samples))]
    public void Autograd_gives_the_gradients_of_our_rules(string id) => Compare(id, twice: false);

    [Theory]
    [MemberData(nameof(SmoothSamples))]
    public void Autograd_of_autograd_gives_the_second_gradients_of_our_rules(string id) => Compare(id, twice: true);

    static void Compare(string id, bool twice)
    {
        if (TorchLibrary.Unavailable is { } why) Assert.Skip(why);
        Assert.SkipWhen(Undecided.TryGetValue(id, out var reason), reason ?? "");
        var sample = new DifferentiatedSample(OpSamples.ById[id]);

        var expected = sample.OnOrt(twice);
        SortedDictionary<string, TensorData> found;
        try
        {
            found = sample.OnTorch(twice);
        }
        catch (ExternalException e) when (twice && e.Message.StartsWith("derivative for aten::", StringComparison.Ordinal))
        {
            Assert.Skip($"libtorch: {e.Message.Split('\n')[0]}");
            return;
        }

        Assert.Equal(expected.Keys, found.Keys);
        var noise = twice ? Rounding * expected.Where(e => e.Key[0] == 'g').Max(e => Largest(e.Value)) : 0;
        Assert.All(expected, e => AssertClose(e.Value, found[e.Key], e.Key[0] == 'h' ? noise : 0));
    }

    static void AssertClose(TensorData expected, TensorData found, double noise)
    {
        Assert.Equal(expected.ToString(), found.ToString());
        var allowed = Tolerance * Largest(expected) + noise;
        var (a, b) = (expected.ToDoubles(), found.ToDoubles());
        for (var i = 0; i < a.Length; i++)
            Assert.True(a[i].Equals(b[i]) || Math.Abs(a[i] - b[i]) <= allowed, $"Element {i} is {b[i]} on Torch, {a[i]} by our rule; on Torch {Text(b)}, by our rule {Text(a)}.");
    }

    static double Largest(TensorData data) => data.ToDoubles().Where(double.IsFinite).Select(Math.Abs).Append(0).Max();

    static string Text(double[] values) => string.Join(' ', values.Take(24));
}
