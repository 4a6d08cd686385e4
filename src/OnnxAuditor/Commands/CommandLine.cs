using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Text;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>The command line as a whole.</summary>
static class CommandLine
{
    /// <summary>The width of help texts, so that they are the same on every terminal.</summary>
    const int HelpWidth = 140;

    /// <summary>Options whose value stands behind an equals sign or not at all, and what it is then: the next word is never taken for it.</summary>
    static readonly (string Command, string Option, string Bare)[] OptionalValues =
    [
        ("rewrite", "--activations", "*"),
        ("rewrite", "--gradients", "weights"),
        ("rewrite", "--per-sample", "gradients"),
        ("rewrite", "--loss", "auto"),
        ("audit", "--trial", Training.Trial.DefaultSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
        ("compare", "--trial", Training.Trial.DefaultSteps.ToString(System.Globalization.CultureInfo.InvariantCulture)),
    ];

    /// <summary>This program, as reports name it.</summary>
    public static ToolInfo Tool { get; } = new("onnx-auditor", typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);

    /// <summary>Parses and runs a command line; returns the exit code.</summary>
    /// <param name="args">The words behind the command's name.</param>
    /// <param name="output">Where reports go; null for standard output.</param>
    /// <param name="error">Where messages and progress go; null for standard error.</param>
    public static int Run(IReadOnlyList<string> args, TextWriter? output = null, TextWriter? error = null)
    {
        var terminal = output is null ? Terminal.Standard() : new Terminal(output, error ?? TextWriter.Null, Stream.Null, IsInteractive: false);
        try
        {
            var result = Create(terminal, args is [var first, ..] ? first : null).Parse([.. args.Select(a => WithValue(a, args))]);
            if (result.Action is ParseErrorAction) return Fail(terminal, result);
            var configuration = new InvocationConfiguration { Output = terminal.Output, Error = terminal.Error, EnableDefaultExceptionHandler = false };
            return result.InvokeAsync(configuration).GetAwaiter().GetResult();
        }
#pragma warning disable CA1031 // The outermost frame: every exception becomes an exit code and a message here.
        catch (Exception e)
#pragma warning restore CA1031
        {
            terminal.Complain(ExitCodes.Message(e));
            return (int)ExitCodes.Of(e);
        }
        finally
        {
            terminal.Output.Flush();
            terminal.Error.Flush();
        }
    }

    static readonly (string Name, Func<Terminal, Command> Create)[] Commands =
    [
        ("audit", AuditCommand.Create),
        ("check", CheckCommand.Create),
        ("compare", CompareCommand.Create),
        ("merge", MergeCommand.Create),
        ("rewrite", RewriteCommand.Create),
        ("explain", ExplainCommand.Create),
        ("list", ListCommand.Create),
        ("config", ConfigCommand.Create),
        ("doctor", DoctorCommand.Create),
        ("completion", CompletionCommand.Create),
    ];

    /// <summary>The commands.</summary>
    /// <param name="terminal">The streams.</param>
    /// <param name="first">The first word of the command line; null for none. Where it is a command, that one alone is made: all of them take a tenth of a second.</param>
    internal static RootCommand Create(Terminal terminal, string? first = null)
    {
        var root = new RootCommand("Audits ONNX models for trainability: reads a model, measures activations and gradients, and reports what stands against training it.");
        var asked = Array.FindAll(Commands, c => c.Name.Equals(first, StringComparison.Ordinal));
        foreach (var (_, create) in asked.Length > 0 ? asked : Commands) root.Add(create(terminal));
        foreach (var help in root.Options.OfType<HelpOption>()) help.Action = new HelpAction { MaxWidth = HelpWidth };
        return root;
    }

    static string WithValue(string argument, IReadOnlyList<string> args)
    {
        foreach (var (command, option, bare) in OptionalValues)
            if (args[0].Equals(command, StringComparison.Ordinal) && argument.Equals(option, StringComparison.Ordinal)) return $"{option}={bare}";
        return argument;
    }

    static int Fail(Terminal terminal, ParseResult result)
    {
        // One mistake can break several rules; the first line tells the mistake, the others would repeat it.
        var command = result.CommandResult.Command;
        var unknown = result.UnmatchedTokens.FirstOrDefault(t => t.StartsWith('-'));
        var mistake = unknown is not null ? UnknownOption(unknown, command) : UnknownCommand(result) ?? result.Errors[0].Message;
        terminal.Complain($"{mistake.TrimEnd('.')} ('{(command is RootCommand ? "onnx-auditor" : $"onnx-auditor {command.Name}")} --help' shows what there is)");
        return (int)ExitCode.Usage;
    }

    /// <summary>What is said of an option that there is not.</summary>
    internal static string UnknownOption(string written, Command command)
    {
        var name = written.Split('=', ':')[0];
        return $"there is no option '{name}'{Nearest.Suggestion(name, command.Options.SelectMany(o => o.Aliases.Prepend(o.Name)).Where(n => n.StartsWith('-')))}";
    }

    static string? UnknownCommand(ParseResult result) => result.CommandResult.Command is RootCommand root && result.UnmatchedTokens.Count > 0
        ? $"there is no command '{result.UnmatchedTokens[0]}'{Nearest.Suggestion(result.UnmatchedTokens[0], root.Subcommands.Select(c => c.Name))}"
        : null;
}

/// <summary>The streams of a run.</summary>
/// <param name="Output">Where reports go, and nothing else.</param>
/// <param name="Error">Where messages and progress go.</param>
/// <param name="Input">What <c>-</c> reads.</param>
/// <param name="IsInteractive">Whether a person watches the error stream.</param>
sealed record Terminal(TextWriter Output, TextWriter Error, Stream Input, bool IsInteractive)
{
    /// <summary>The streams of the process, in UTF-8 whatever the locale says.</summary>
    public static Terminal Standard()
    {
        var encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new Terminal(
            new StreamWriter(Console.OpenStandardOutput(), encoding, bufferSize: 1 << 16),
            new StreamWriter(Console.OpenStandardError(), encoding) { AutoFlush = true },
            Console.OpenStandardInput(),
            !Console.IsErrorRedirected);
    }

    /// <summary>What a message begins with.</summary>
    public const string Prefix = "onnx-auditor: ";

    /// <summary>Writes a message for the user.</summary>
    public void Complain(string message) => Error.WriteLine($"{Prefix}{message}");
}
