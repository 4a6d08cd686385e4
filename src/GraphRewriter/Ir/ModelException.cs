namespace GraphRewriter.Ir;

/// <summary>What kind of trouble a model is in; decides the rule id and the exit code of the program.</summary>
public enum ModelProblem
{
    /// <summary>The bytes are no ONNX model: an LFS pointer, a web page, truncated or random data (ONX001).</summary>
    Unreadable,
    /// <summary>The graph breaks the rules of ONNX (ONX002).</summary>
    InvalidGraph,
    /// <summary>External data is missing, of the wrong size or refused (ONX003, SEC).</summary>
    ExternalData,
    /// <summary>A declared size exceeds the memory budget; nothing was allocated.</summary>
    Budget,
    /// <summary>The model uses something this program has no way to handle; the message names node, operator and opset.</summary>
    Unsupported,
    /// <summary>A shape or input given by the user does not fit the model.</summary>
    Binding,
}

/// <summary>A model cannot be handled; the message says where, what, and what to do, in one line.</summary>
public sealed class ModelException : Exception
{
    /// <summary>Makes the exception.</summary>
    public ModelException(ModelProblem problem, string message, Exception? inner = null) : base(message, inner) => Problem = problem;

    /// <summary>The kind of trouble.</summary>
    public ModelProblem Problem { get; }
}
