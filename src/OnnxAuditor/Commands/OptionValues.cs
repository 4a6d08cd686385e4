using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using GraphRewriter.Ir;

namespace OnnxAuditor.Commands;

/// <summary>Options whose values are checked as they are parsed: what is wrong with a value is told in one line that says what is allowed.</summary>
static class OptionValues
{
    /// <summary>An option with one of a few named values; the names are what the help shows.</summary>
    public static Option<string> Choice(string name, string description, string initial, IReadOnlyCollection<string> values)
    {
        var option = new Option<string>(name) { Description = $"{description}: {string.Join(", ", values)}", DefaultValueFactory = _ => initial, HelpName = "CHOICE" };
        option.Validators.Add(result =>
        {
            var written = result.Tokens.Count > 0 ? result.Tokens[0].Value : initial;
            if (!values.Contains(written, StringComparer.Ordinal)) result.AddError($"'{written}' is no value of {name}{Nearest.Suggestion(written, values)} Allowed: {string.Join(", ", values)}.");
        });
        return option.Completed(() => values);
    }

    /// <summary>Lets shells complete the option's value, or the last of several that commas set apart.</summary>
    /// <param name="option">The option.</param>
    /// <param name="values">The values there are.</param>
    public static T Completed<T>(this T option, Func<IEnumerable<string>> values) where T : Option
    {
        option.CompletionSources.Add(context =>
        {
            var begun = context.WordToComplete.LastIndexOf(',') + 1;
            return values().Where(v => v.StartsWith(context.WordToComplete[begun..], StringComparison.OrdinalIgnoreCase)).Select(v => new CompletionItem(context.WordToComplete[..begun] + v));
        });
        return option;
    }

    /// <summary>An option with one value, given at most once.</summary>
    /// <param name="name">The name.</param>
    /// <param name="helpName">What stands for the value in the help.</param>
    /// <param name="description">The description.</param>
    /// <param name="parse">Reads the value; throws <see cref="UsageException"/> for one that is not allowed.</param>
    public static Option<T?> Of<T>(string name, string helpName, string description, Func<string, T> parse) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => Parsed(result, name, parse),
    };

    /// <summary>An option with one value that has a default.</summary>
    public static Option<T> Of<T>(string name, string helpName, string description, T initial, Func<string, T> parse) => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = _ => initial,
        CustomParser = result => Parsed(result, name, parse)!,
    };

    /// <summary>An option that may be given several times, each time with a list set apart by commas.</summary>
    public static Option<List<T>> List<T>(string name, string helpName, string description, Func<string, T> parse, bool splits = true) => new(name)
    {
        Description = description,
        HelpName = helpName,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result =>
        {
            var values = new List<T>();
            foreach (var text in result.Tokens.SelectMany(t => splits ? t.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : [t.Value]))
            {
                try
                {
                    values.Add(parse(text));
                }
                catch (UsageException e)
                {
                    result.AddError($"{name}: {e.Message}");
                }
            }
            return values;
        },
    };

    /// <summary>The options that were given, as words of a command line.</summary>
    public static IReadOnlyList<string> Words(IEnumerable<Option> options, ParseResult result) =>
        [.. options.Select(result.GetResult).OfType<OptionResult>().Where(r => !r.Implicit).SelectMany(r => r.Tokens.Count == 0 ? [r.Option.Name] : r.Tokens.Select(t => Word(r.Option, t.Value)))];

    /// <summary>An option with a value in one word: one that may stand alone would not take the next word for its value.</summary>
    public static string Word(Option option, string value) => $"{option.Name}={value}";

    /// <summary>The words without those of an option.</summary>
    public static IEnumerable<string> Without(IReadOnlyList<string> words, string option) => words.Where(w => !w.StartsWith($"{option}=", StringComparison.Ordinal));

    /// <summary>The value of an option that was not given, as words; none where it has no default.</summary>
    public static IReadOnlyList<string> Default(Option option, ParseResult result) => option switch
    {
        Option<string> { HasDefaultValue: true } text => [result.GetRequiredValue(text)],
        Option<long> number => [result.GetValue(number).ToString(CultureInfo.InvariantCulture)],
        Option<bool> => ["false"],
        _ => [],
    };

    /// <summary>Reads a whole number within limits.</summary>
    public static Func<string, long> Integer(long least, long most) => text =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new UsageException($"'{text}' is no whole number from {least} to {most}.");

    /// <summary>Reads a duration: "500ms", "60s", "5m", "1h"; a bare number is seconds.</summary>
    public static TimeSpan Duration(string text)
    {
        var (number, unit) = Split(text);
        var seconds = unit.ToLowerInvariant() switch { "ms" => 0.001, "s" or "" => 1, "m" or "min" => 60, "h" => 3600, _ => double.NaN };
        return number * seconds is > 0 and < 1e9 and var total ? TimeSpan.FromSeconds(total) : throw new UsageException($"'{text}' is no duration: give a positive number with ms, s, m or h, such as 60s.");
    }

    /// <summary>Reads a size in bytes: "4GiB", "512MiB", "2GB"; a bare number is bytes.</summary>
    public static long Bytes(string text)
    {
        var (number, unit) = Split(text);
        var factor = unit.ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "TIB" => 1L << 40,
            "KB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            _ => double.NaN,
        };
        return number * factor is >= 1 and < 9e18 and var total ? (long)total : throw new UsageException($"'{text}' is no size: give a positive number with B, KiB, MiB, GiB, KB, MB or GB, such as 4GiB.");
    }

    /// <summary>
    /// Reads an input's shape: "image=1x3x224x224". A dimension may be a symbol, which stays dynamic, or "?"; commas set dimensions apart where a symbol holds an x.
    /// </summary>
    public static KeyValuePair<string, Shape> InputShape(string text)
    {
        var split = text.LastIndexOf('=');
        if (split < 1) throw new UsageException($"'{text}' is no shape of an input: write NAME=1x3x224x224.");
        var (name, dims) = (text[..split], text[(split + 1)..]);
        if (dims.Length == 0 || dims.Equals("scalar", StringComparison.Ordinal)) return new(name, Shape.Scalar);
        var parts = dims.Split(dims.Contains(',', StringComparison.Ordinal) ? ',' : dims.Contains('×', StringComparison.Ordinal) ? '×' : 'x', StringSplitOptions.TrimEntries);
        return new(name, new Shape(parts.Select(p => Dimension(p, text))));
    }

    static Dim Dimension(string part, string whole)
    {
        if (part.Equals("?", StringComparison.Ordinal)) return Dim.Unknown;
        if (long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size > 0) return size;
        if (part.Length == 0 || char.IsAsciiDigit(part[0]) || part[0] == '-')
            throw new UsageException($"'{part}' in '{whole}' is no dimension: give a positive number, a symbol or '?', set apart by 'x' (or by ',' where a symbol holds an x).");
        return new Dim(-1, part);
    }

    static (double Number, string Unit) Split(string text)
    {
        var end = text.AsSpan().LastIndexOfAnyInRange('0', '9') + 1;
        return (double.TryParse(text.AsSpan(0, end), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : double.NaN, text[end..].Trim());
    }

    static T? Parsed<T>(ArgumentResult result, string name, Func<string, T> parse)
    {
        try
        {
            return parse(result.Tokens[^1].Value);
        }
        catch (UsageException e)
        {
            result.AddError($"{name}: {e.Message}");
            return default;
        }
    }
}
