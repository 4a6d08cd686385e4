using System.Diagnostics.CodeAnalysis;
using GraphRewriter.Ir;

namespace GraphRewriter.Serialization;

/// <summary>What the parts of one reading share: the errors found, the problems noted, the memory budget.</summary>
sealed class ReadContext(long maxBytes, ExternalData external)
{
    long declared;

    /// <summary>Breaches of the rules of ONNX; any of them makes the model invalid.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>What is wrong but did not keep the model from being read.</summary>
    public List<ReadProblem> Problems { get; } = [];

    /// <summary>The external data of the model.</summary>
    public ExternalData External => external;

    /// <summary>Counts bytes that a tensor declares.</summary>
    /// <exception cref="ModelException">The total exceeds the budget.</exception>
    public void Reserve(long bytes, string where)
    {
        if (bytes > maxBytes - declared)
            Exhausted(where, $"{(declared > 0 ? $"together with the tensors before it {declared + (decimal)bytes}" : bytes)} bytes, more than the budget of {maxBytes}");
        declared += bytes;
    }

    /// <summary>Refuses a tensor for its size.</summary>
    [DoesNotReturn]
    public static void Exhausted(string where, string declares) =>
        throw new ModelException(ModelProblem.Budget, $"{where} declares {declares}; nothing was allocated.");
}
