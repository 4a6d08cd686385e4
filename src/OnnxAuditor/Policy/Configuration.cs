using System.Globalization;
using System.Text.RegularExpressions;
using OnnxAuditor.Rules;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace OnnxAuditor.Policy;

/// <summary>
/// A configuration file: settings for all models, and settings for those whose paths fit a pattern. Settings are the long options of the command line without dashes, "severity.RULE" (error, warning, info, off) and
/// "threshold.RULE.NAME". Paths in it (data, labels, baseline) are taken from its own folder.
/// </summary>
/// <param name="File">Where it is.</param>
/// <param name="Settings">Settings for all models, by key.</param>
/// <param name="Overrides">Settings for some models; a later one wins over an earlier one.</param>
sealed record Configuration(string File, IReadOnlyDictionary<string, Setting> Settings, IReadOnlyList<PathOverride> Overrides)
{
    /// <summary>The name of the file, looked for beside the model and in the folders above.</summary>
    public const string FileName = "onnx-auditor.toml";

    const string SeverityPrefix = "severity.", ThresholdPrefix = "threshold.", OverrideTable = "override", PathsKey = "paths";

    /// <summary>What a severity may be set to.</summary>
    public static readonly string[] SeverityWords = ["error", "warning", "info", "off"];

    static readonly string[] PathKeys = ["data", "labels", "baseline"];

    /// <summary>The settings for a model; those of fitting overrides win.</summary>
    /// <param name="model">The model's file.</param>
    public IReadOnlyDictionary<string, Setting> For(string model)
    {
        var relative = Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(File))!, Path.GetFullPath(model)).Replace(Path.DirectorySeparatorChar, '/');
        var result = new SortedDictionary<string, Setting>(Settings.ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (var (key, setting) in Overrides.Where(o => o.Fits(relative)).SelectMany(o => o.Settings)) result[key] = setting;
        return result;
    }

    /// <summary>Reads a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="options">The options that may be set.</param>
    /// <exception cref="UsageException">It cannot be read, is no TOML, or sets what there is not; the message names file and line.</exception>
    public static Configuration Read(string file, IReadOnlyCollection<string> options)
    {
        string text;
        try
        {
            text = System.IO.File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"the configuration '{file}' cannot be read: {e.Message}");
        }
        var document = SyntaxParser.Parse(text, file, true);
        if (document.HasErrors)
        {
            var first = document.Diagnostics.First(d => d.Kind == DiagnosticMessageKind.Error);
            throw new UsageException($"{file}, line {first.Span.Start.Line + 1}: {first.Message.ReplaceLineEndings(" ")}");
        }
        var reader = new Reader(file, options);
        foreach (var item in document.KeyValues) reader.Add("", item);
        foreach (var table in document.Tables) reader.Add(table);
        return new Configuration(file, reader.Settings, reader.Overrides);
    }

    /// <summary>The severities that settings choose, by rule id; null for rules that are off.</summary>
    public static IEnumerable<(string Rule, string Word)> Severities(IReadOnlyDictionary<string, Setting> settings) =>
        settings.Where(s => s.Key.StartsWith(SeverityPrefix, StringComparison.Ordinal)).Select(s => (s.Key[SeverityPrefix.Length..], s.Value.Values[0]));

    /// <summary>The thresholds that settings choose, by key.</summary>
    public static IEnumerable<(string Threshold, double Value)> Thresholds(IReadOnlyDictionary<string, Setting> settings) =>
        settings.Where(s => s.Key.StartsWith(ThresholdPrefix, StringComparison.Ordinal)).Select(s => (s.Key[ThresholdPrefix.Length..], double.Parse(s.Value.Values[0], NumberStyles.Float, CultureInfo.InvariantCulture)));

    /// <summary>Whether a setting is an option of the command line.</summary>
    public static bool IsOption(string key) => !key.StartsWith(SeverityPrefix, StringComparison.Ordinal) && !key.StartsWith(ThresholdPrefix, StringComparison.Ordinal);

    /// <summary>Collects the settings of a file.</summary>
    sealed class Reader(string file, IReadOnlyCollection<string> options)
    {
        public Dictionary<string, Setting> Settings { get; } = new(StringComparer.Ordinal);

        public List<PathOverride> Overrides { get; } = [];

        public void Add(TableSyntaxBase table)
        {
            var name = Name(table.Name!);
            if (table is TableArraySyntax)
            {
                if (name is not OverrideTable) throw Error(table, $"there is no list of tables '[[{name}]]'; overrides for some models are '[[{OverrideTable}]]'");
                Overrides.Add(new PathOverride([], new Dictionary<string, Setting>(StringComparer.Ordinal)));
            }
            var isOfOverride = name is OverrideTable || name.StartsWith($"{OverrideTable}.", StringComparison.Ordinal);
            if (isOfOverride && Overrides.Count == 0) throw Error(table, $"overrides are written '[[{OverrideTable}]]', with two brackets");
            var prefix = isOfOverride ? name[OverrideTable.Length..].TrimStart('.') : name;
            foreach (var item in table.Items.OfType<KeyValueSyntax>()) Add(prefix, item, isOfOverride ? (Dictionary<string, Setting>)Overrides[^1].Settings : Settings, isOfOverride);
            if (table is TableArraySyntax && Overrides[^1].Patterns.Count == 0) throw Error(table, $"the override does not say which models it is for: {PathsKey} = [\"vendor/**\"]");
        }

        public void Add(string prefix, KeyValueSyntax item) => Add(prefix, item, Settings, isOfOverride: false);

        void Add(string prefix, KeyValueSyntax item, Dictionary<string, Setting> settings, bool isOfOverride)
        {
            var key = prefix.Length > 0 ? $"{prefix}.{Name(item.Key!)}" : Name(item.Key!);
            if (item.Value is InlineTableSyntax inline)
            {
                foreach (var inner in inline.Items) Add(key, inner.KeyValue!, settings, isOfOverride);
                return;
            }
            var values = Values(item.Value!, key, item);
            if (isOfOverride && key is PathsKey)
            {
                Overrides[^1] = Overrides[^1] with { Patterns = [.. values] };
                return;
            }
            Check(key, values, item);
            if (PathKeys.Contains(key, StringComparer.Ordinal)) values = [.. values.Select(FromHere)];
            settings[key] = new Setting(values, $"{file}:{item.Span.Start.Line + 1}");
        }

        void Check(string key, IReadOnlyList<string> values, SyntaxNode at)
        {
            if (key.StartsWith(SeverityPrefix, StringComparison.Ordinal))
            {
                var id = key[SeverityPrefix.Length..];
                if (!RuleRegistry.ById.ContainsKey(id)) throw Error(at, $"there is no rule '{id}'{Nearest.Suggestion(id, RuleRegistry.ById.Keys)}");
                if (values is not [var word] || !SeverityWords.Contains(word, StringComparer.Ordinal)) throw Error(at, $"'{string.Join(", ", values)}' is no severity; allowed: {string.Join(", ", SeverityWords)}");
            }
            else if (key.StartsWith(ThresholdPrefix, StringComparison.Ordinal))
            {
                var name = key[ThresholdPrefix.Length..];
                var known = RuleRegistry.All.SelectMany(r => r.Thresholds).Select(t => t.Key).ToList();
                if (!known.Contains(name, StringComparer.Ordinal)) throw Error(at, $"there is no threshold '{name}'{Nearest.Suggestion(name, known)}");
                if (values is not [var number] || !double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out _)) throw Error(at, $"a threshold is one number, not '{string.Join(", ", values)}'");
            }
            else if (!options.Contains(key, StringComparer.Ordinal))
            {
                throw Error(at, $"there is no setting '{key}'{Nearest.Suggestion(key, [.. options, "severity", "threshold", OverrideTable])}");
            }
        }

        IReadOnlyList<string> Values(ValueSyntax value, string key, SyntaxNode at) => value switch
        {
            StringValueSyntax s => [s.Value!],
            IntegerValueSyntax i => [i.Value.ToString(CultureInfo.InvariantCulture)],
            FloatValueSyntax f => [f.Value.ToString("R", CultureInfo.InvariantCulture)],
            BooleanValueSyntax b => [b.Value ? "true" : "false"],
            ArraySyntax array => [.. array.Items.SelectMany(i => Values(i.Value!, key, at))],
            _ => throw Error(at, $"'{key}' is a text, a number, true, false or a list of them"),
        };

        string FromHere(string path)
        {
            var split = path.IndexOf('=', StringComparison.Ordinal) + 1;
            return path[..split] + Path.GetRelativePath(".", Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, path[split..]));
        }

        UsageException Error(SyntaxNodeBase at, string message) => new($"{file}, line {at.Span.Start.Line + 1}: {message}");

        static string Name(KeySyntax key) => string.Join('.', key.DotKeys.Select(d => Part(d.Key!)).Prepend(Part(key.Key!)));

        static string Part(BareKeyOrStringValueSyntax part) => part is StringValueSyntax text ? text.Value! : part.ToString().Trim();
    }
}

/// <summary>A setting.</summary>
/// <param name="Values">Its values as words of a command line; several for a list.</param>
/// <param name="Origin">Where it was set: file and line.</param>
sealed record Setting(IReadOnlyList<string> Values, string Origin);

/// <summary>Settings for some models.</summary>
/// <param name="Patterns">Patterns of paths from the configuration's folder: * and ? inside of a name, ** for any number of folders; one without '/' fits the file's name in any folder.</param>
/// <param name="Settings">The settings, by key.</param>
sealed record PathOverride(IReadOnlyList<string> Patterns, IReadOnlyDictionary<string, Setting> Settings)
{
    /// <summary>Whether a pattern fits a path ('/' between folders).</summary>
    public bool Fits(string path) => Patterns.Any(p => Regex.IsMatch(p.Contains('/', StringComparison.Ordinal) ? path : path[(path.LastIndexOf('/') + 1)..], Expression(p), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking));

    static string Expression(string pattern)
    {
        var escaped = Regex.Escape(pattern.TrimStart('/')).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*\*", ".*", StringComparison.Ordinal);
        return $"^{escaped.Replace(@"\*", "[^/]*", StringComparison.Ordinal).Replace(@"\?", "[^/]", StringComparison.Ordinal)}$";
    }
}
