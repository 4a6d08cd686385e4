using System.CommandLine;
using System.Globalization;

namespace OnnxAuditor.Commands;

/// <summary><c>config show</c>: what is in force for a model, and where each setting comes from.</summary>
static class ConfigCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var model = new Argument<string>("MODEL") { Description = "The model to show settings for; none for any model of the current folder", DefaultValueFactory = _ => "any.onnx" };
        var origin = new Option<bool>("--origin") { Description = "Say behind each setting where it comes from" };
        var options = new AuditOptionSet();
        var policy = new PolicyOptionSet();
        var show = new Command("show", "Shows every setting, as TOML that a configuration may hold.") { model, origin };
        foreach (var option in policy.All.Concat(options.All)) show.Add(option);
        show.SetAction(result =>
        {
            var tables = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
            foreach (var (name, option, words, from) in new ModelSettings(result, options, policy).Show(result.GetRequiredValue(model)))
            {
                var table = option is null ? name[..name.IndexOf('.', StringComparison.Ordinal)] : "";
                var key = option is null ? name[(table.Length + 1)..] : name;
                if (!tables.TryGetValue(table, out var lines)) tables[table] = lines = [];
                lines.Add(words.Count == 0 ? $"# {key} is not set" : $"{key} = {Value(option, words, table)}{(result.GetValue(origin) ? $"  # {from}" : "")}");
            }
            foreach (var (table, lines) in tables)
            {
                if (table.Length > 0) terminal.Output.WriteLine($"\n[{table}]");
                foreach (var line in lines) terminal.Output.WriteLine(line);
            }
            return (int)ExitCode.Clean;
        });
        return new Command("config", "Shows what configuration files say.") { show };
    }

    static string Value(Option? option, IReadOnlyList<string> words, string table) => option switch
    {
        Option<bool> => words[0],
        Option<long> => words[0],
        Option<string> or null when table is not "threshold" => Quoted(words[0]),
        null => double.Parse(words[0], CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture),
        _ when words.Count == 1 => Quoted(words[0]),
        _ => $"[{string.Join(", ", words.Select(Quoted))}]",
    };

    static string Quoted(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
