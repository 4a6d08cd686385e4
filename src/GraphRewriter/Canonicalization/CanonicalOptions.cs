using System.Collections.Frozen;
using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>What canonicalising may decide and what it must leave alone.</summary>
public sealed record CanonicalOptions
{
    /// <summary>Shapes the user gives for inputs, by name; symbols in them stay dynamic.</summary>
    public IReadOnlyDictionary<string, Shape> InputShapes { get; init; } = FrozenDictionary<string, Shape>.Empty;

    /// <summary>Contents the user gives for integer and bool inputs that steer the graph (a sampling rate, a flag), by name.</summary>
    public IReadOnlyDictionary<string, TensorData> InputValues { get; init; } = FrozenDictionary<string, TensorData>.Empty;

    /// <summary>The batch size to bind, samples; null leaves a batch dimension that the file fixes, and binds a free one to <see cref="DefaultBatch"/>.</summary>
    public long? Batch { get; init; }

    /// <summary>Whether unknown dimensions stay unknown (for a graph that is written out again) instead of being bound.</summary>
    public bool KeepDynamic { get; init; }

    /// <summary>Whether float16, bfloat16 and dequantised weights are widened once and everything is computed in float32.</summary>
    public bool ComputeInFloat32 { get; init; } = true;

    /// <summary>Whether a scalar integer or bool input that decides an If is fixed to the value that takes its first branch, so that one branch remains.</summary>
    public bool FixControlInputs { get; init; } = true;

    /// <summary>The batch size bound where it is free and <see cref="Batch"/> is null, samples.</summary>
    public const long DefaultBatch = 1;
}
