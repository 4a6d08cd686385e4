using System.CommandLine;
using System.CommandLine.Completions;

namespace OnnxAuditor.Commands;

/// <summary><c>completion SHELL</c>: a script that makes a shell complete the program's words. The script asks the program itself, so it never goes out of date.</summary>
static class CompletionCommand
{
    /// <summary>Where there is nothing to offer, each shell completes names of files.</summary>
    const string Bash = """
        # onnx-auditor: completion for bash. To use it now and later, put this into ~/.bashrc:
        #   eval "$(onnx-auditor completion bash)"
        _onnx_auditor() {
          local line=${COMP_LINE:0:COMP_POINT} words
          words=$(command onnx-auditor "[suggest:${#line}]" "$line" 2> /dev/null)
          COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _onnx_auditor onnx-auditor

        """;

    const string Zsh = """
        # onnx-auditor: completion for zsh. To use it now and later, put this into ~/.zshrc, behind compinit:
        #   eval "$(onnx-auditor completion zsh)"
        _onnx_auditor() {
          local line="${(j: :)words[1,CURRENT]}"
          local -a found
          found=("${(@f)$(command onnx-auditor "[suggest:${#line}]" "$line" 2> /dev/null)}")
          if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
        }
        compdef _onnx_auditor onnx-auditor

        """;

    const string Fish = """
        # onnx-auditor: completion for fish. To use it later as well:
        #   onnx-auditor completion fish > ~/.config/fish/completions/onnx-auditor.fish
        function __onnx_auditor_words
            set -l line (commandline -cp)
            command onnx-auditor "[suggest:"(string length -- "$line")"]" "$line" 2> /dev/null
        end
        complete -c onnx-auditor -a "(__onnx_auditor_words)"

        """;

    const string PowerShell = """
        # onnx-auditor: completion for PowerShell. To use it now and later, put this into $PROFILE:
        #   onnx-auditor completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName onnx-auditor -ScriptBlock {
            param($word, $command, $position)
            # The blank behind the last word is not part of the command's text.
            $line = $command.ToString().PadRight($position).Substring(0, $position)
            onnx-auditor "[suggest:$position]" "$line" | Where-Object { $_ -like "$word*" } |
                ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
        }

        """;

    static readonly Dictionary<string, string> Scripts = new(StringComparer.Ordinal) { ["bash"] = Bash, ["zsh"] = Zsh, ["fish"] = Fish, ["pwsh"] = PowerShell };

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var shell = new Argument<string>("SHELL") { Description = $"The shell: {string.Join(", ", Scripts.Keys)}", HelpName = "SHELL" };
        shell.CompletionSources.Add(_ => Scripts.Keys.Select(k => new CompletionItem(k)));
        var command = new Command("completion", "Writes a script that makes a shell complete commands, options and their values; its first lines say how to use it.") { shell };
        command.SetAction(result =>
        {
            terminal.Output.Write(Script(result.GetRequiredValue(shell)).ReplaceLineEndings("\n"));
            return (int)ExitCode.Clean;
        });
        return command;
    }

    /// <summary>The script for a shell.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    static string Script(string shell) =>
        Scripts.TryGetValue(shell, out var script) ? script : throw new UsageException($"'{shell}' is no shell that can be completed in{Nearest.Suggestion(shell, Scripts.Keys)} Allowed: {string.Join(", ", Scripts.Keys)}.");
}
