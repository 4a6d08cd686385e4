namespace OnnxAuditor.Execution.Torch;

/// <summary>How a model is run on Torch.</summary>
/// <param name="Device">"cpu", "auto", "cuda" or "cuda:N".</param>
/// <param name="Threads">Threads of one operator; 0 for the physical cores.</param>
/// <param name="Float64">Whether everything is computed in float64: floats are widened as they are fed, weights once.</param>
sealed record TorchSettings(string Device = "cpu", int Threads = 0, bool Float64 = false);
