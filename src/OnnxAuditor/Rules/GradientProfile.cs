using GraphRewriter.Canonicalization;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Rules;

/// <summary>The size of the weights' gradients by depth, as GRD001 and GRD002 judge it.</summary>
/// <param name="Front">The median RMS over the quarter of the weights nearest to the inputs.</param>
/// <param name="Back">The median RMS over the quarter nearest to the outputs.</param>
/// <param name="First">The weight of the front quarter whose gradient is the median.</param>
/// <param name="Weights">The number of weights in the profile.</param>
sealed record GradientProfile(double Front, double Back, ParameterMeasurement First, int Weights)
{
    /// <summary>Fewer weights than this have no quarters worth comparing.</summary>
    public const int MinWeights = 8;

    /// <summary>Front over back.</summary>
    public double Ratio => Front / Back;

    /// <summary>
    /// The profile of the run: trainable kernels of convolutions and linear layers with a finite gradient that is not exactly zero (those are TRN015's), sorted by
    /// depth; null where there are too few of them, or no two depths.
    /// </summary>
    public static GradientProfile? Of(ModelMeasurement run)
    {
        var depths = run.Layers.Where(l => l.Layer.Kind is LayerKind.Convolution or LayerKind.Linear).GroupBy(l => l.Layer.Node).ToDictionary(g => g.Key, g => g.First().Layer.Depth);
        var profile = run.Parameters
            .Where(p => p.Parameter is { Trainable: true, Role: ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight } && p.Gradient is { Rms: > 0 and < double.PositiveInfinity })
            .Select(p => (Measured: p, Depth: p.Parameter.Uses.Select(u => depths.TryGetValue(u.Node, out var d) ? d : -1).Max()))
            .Where(p => p.Depth >= 0)
            .OrderBy(p => p.Depth).ThenBy(p => p.Measured.Parameter.Name, StringComparer.Ordinal)
            .ToList();
        if (profile.Count < MinWeights || profile[0].Depth == profile[^1].Depth) return null;
        var quarter = profile.Count / 4;
        var front = profile.Take(quarter).Select(p => p.Measured).OrderBy(p => p.Gradient!.Rms).ToList();
        var back = profile.TakeLast(quarter).Select(p => p.Measured).OrderBy(p => p.Gradient!.Rms).ToList();
        return new GradientProfile(front[quarter / 2].Gradient!.Rms, back[quarter / 2].Gradient!.Rms, front[quarter / 2], profile.Count);
    }
}
