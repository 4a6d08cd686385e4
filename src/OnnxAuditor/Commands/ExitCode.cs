using GraphRewriter.Ir;

namespace OnnxAuditor.Commands;

/// <summary>What the program tells its caller.</summary>
enum ExitCode
{
    /// <summary>Nothing at or above <c>--fail-on</c>.</summary>
    Clean = 0,
    /// <summary>Findings at or above <c>--fail-on</c>, or a model that cannot be handled.</summary>
    Findings = 1,
    /// <summary>The command line or a file named on it (not a model) is wrong.</summary>
    Usage = 2,
    /// <summary>A model could not be read.</summary>
    Unreadable = 3,
    /// <summary>An error of this program.</summary>
    Internal = 4,
    /// <summary>A time or memory budget was exceeded.</summary>
    Budget = 5,
    /// <summary>The user ended the run, as shells report it: 128 and the number of the signal.</summary>
    Interrupted = 130,
}

/// <summary>Which code an exception stands for; the only place that knows.</summary>
static class ExitCodes
{
    /// <summary>The code.</summary>
    public static ExitCode Of(Exception exception) => exception switch
    {
        AuditProcessException e => e.Code,
        UsageException => ExitCode.Usage,
        OperationCanceledException => ExitCode.Interrupted,
        ModelException { Problem: ModelProblem.Unreadable or ModelProblem.InvalidGraph or ModelProblem.ExternalData } => ExitCode.Unreadable,
        ModelException { Problem: ModelProblem.Binding } => ExitCode.Usage,
        ModelException { Problem: ModelProblem.Budget } => ExitCode.Budget,
        ModelException { Problem: ModelProblem.Unsupported } => ExitCode.Findings,
        OutOfMemoryException => ExitCode.Budget,
        _ => ExitCode.Internal,
    };

    /// <summary>What is told on the error stream: one line for what the user can mend, everything for an error of this program.</summary>
    public static string Message(Exception exception) => Of(exception) switch
    {
        ExitCode.Internal when exception is not AuditProcessException => $"internal error, please report it: {exception}",
        ExitCode.Interrupted => "interrupted",
        _ when exception is OutOfMemoryException => "not enough memory: give a smaller --batch or --max-memory",
        _ => exception.Message,
    };
}
