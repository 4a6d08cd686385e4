namespace OnnxAuditor.Measurement;

/// <summary>What two programs that computed the same tensor make of it.</summary>
enum Agreement
{
    /// <summary>They agree within rounding.</summary>
    Agrees,
    /// <summary>They differ, but no more than each differs from itself when its inputs are moved within rounding: the tensor has a kink or a jump there, or is badly conditioned.</summary>
    Kink,
    /// <summary>They differ, and go on differing when the inputs are moved.</summary>
    Differs,
}

/// <summary>A tensor as two programs gave it.</summary>
/// <param name="Name">The layer's, output's or parameter's name.</param>
/// <param name="Difference">The largest difference over the largest magnitude.</param>
/// <param name="Agreement">What is made of it.</param>
sealed record ComparedTensor(string Name, double Difference, Agreement Agreement);

/// <summary>What a cross-check found.</summary>
/// <param name="Outputs">The model's outputs as it was read and in canonical form, both on ONNX Runtime; empty where that was not compared.</param>
/// <param name="OutputsSkipped">Why the outputs were not compared; null where they were.</param>
/// <param name="Layers">The layers' outputs on ONNX Runtime and on Torch, in graph order, then the model's.</param>
/// <param name="Gradients">The parameters' gradients: ours on ONNX Runtime, and Torch's by autograd.</param>
/// <param name="GradientsSkipped">Why some or all gradients were not compared; null where all were.</param>
/// <param name="FirstNode">The first node in graph order whose output the engines disagree on; null where there is none.</param>
/// <param name="Witness">What finite differences say of gradients that differ; null where none does.</param>
/// <param name="Failure">Why the engines could not be compared; null where they were.</param>
sealed record CrossChecked(
    IReadOnlyList<ComparedTensor> Outputs, string? OutputsSkipped,
    IReadOnlyList<ComparedTensor> Layers,
    IReadOnlyList<ComparedTensor> Gradients, string? GradientsSkipped,
    string? FirstNode, DirectionalDerivative? Witness, string? Failure)
{
    /// <summary>A check that could not be made.</summary>
    public static CrossChecked Failed(string reason) => new([], null, [], [], null, null, null, reason);
}

/// <summary>The derivative of the loss along the direction in which two gradients differ.</summary>
/// <param name="Ours">By our gradient.</param>
/// <param name="Autograd">By Torch's.</param>
/// <param name="Difference">By finite differences in float64.</param>
/// <param name="Uncertainty">By how much the finite differences of two step sizes differ.</param>
sealed record DirectionalDerivative(double Ours, double Autograd, double Difference, double Uncertainty);
