using System.CommandLine;
using OnnxAuditor.Policy;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>
/// What is in force for each model: the command line, and where it says nothing the configuration that applies to the model. What a file says is parsed as the command line is, so that the same is allowed in both and the same is told of mistakes.
/// </summary>
/// <param name="given">The command line.</param>
/// <param name="options">The options on measuring.</param>
/// <param name="policy">The options on judging.</param>
sealed class ModelSettings(ParseResult given, AuditOptionSet options, PolicyOptionSet policy)
{
    readonly Dictionary<string, Configuration?> configurations = new(StringComparer.Ordinal);
    readonly Dictionary<string, IgnoreList?> ignoreLists = new(StringComparer.Ordinal);
    readonly Dictionary<string, Baseline> baselines = new(StringComparer.Ordinal);
    readonly Dictionary<string, AuditOptions> optionsByWords = new(StringComparer.Ordinal);
    readonly HashSet<string> seen = new(StringComparer.Ordinal);
    readonly SortedSet<string> notJudged = new(StringComparer.Ordinal);
    readonly Lock gate = new();

    /// <summary>Whether nothing is run, so that there are no numbers that need a pass.</summary>
    public bool IsStatic { get; init; }

    /// <summary>The names of what a configuration may set.</summary>
    IReadOnlyList<string> Names => field ??= [.. Configurable.Select(NameOf)];

    /// <summary>A command that has every option, whichever of them the command in use shows.</summary>
    Command Configured
    {
        get
        {
            if (field is not null) return field;
            field = new Command("configured");
            foreach (var option in options.All.Concat(policy.All)) field.Add(option);
            return field;
        }
    }

    IEnumerable<Option> Configurable => [.. options.All, .. policy.Configurable];

    /// <summary>The words that stand for the options given on the command line, for a process of one model's own.</summary>
    public IReadOnlyList<string> Words => field ??= OptionValues.Words([.. options.All, .. policy.All], given);

    /// <summary>What is in force for a model.</summary>
    /// <param name="file">The model's file, or "-".</param>
    /// <exception cref="UsageException">The configuration, the ignore list or the baseline cannot be used.</exception>
    public (AuditOptions Options, ModelPolicy Policy) For(string file)
    {
        lock (gate)
        {
            seen.Add(Path.GetFullPath(file));
            var (settings, result) = Effective(file);
            var (failOn, gates) = policy.Read(result);
            if (IsStatic) gates = [.. gates.Where(g => IsJudged(g))];
            var audit = WithGates(WithRules(Read(result), settings), gates) with { ScanOnly = IsStatic };
            var ignored = Nearby(file, IgnoreList.FileName, ignoreLists, path => IgnoreList.Parse(File.ReadAllText(path), Path.GetRelativePath(".", path)));
            return (audit, new ModelPolicy(failOn, gates, policy.BaselineFile(result) is { } known ? ReadBaseline(known) : null, ignored));
        }
    }

    /// <summary>Everything that is in force for a model, as text: equal texts stand for equal audits of one file.</summary>
    public IReadOnlyList<string> Described(string file)
    {
        lock (gate)
        {
            var (settings, result) = Effective(file);
            return [.. OptionValues.Words(options.All, result), .. settings.Where(s => !Configuration.IsOption(s.Key)).Select(s => $"{s.Key}={s.Value.Values[0]}"), .. For(file).Policy.Gates.Select(g => g.Expression)];
        }
    }

    /// <summary>Every setting with its words and where they come from; without words where nothing is set.</summary>
    public IEnumerable<(string Name, Option? Option, IReadOnlyList<string> Words, string Origin)> Show(string file)
    {
        var (settings, result) = Effective(file);
        foreach (var option in Configurable)
        {
            if (given.GetResult(option) is { Implicit: false } own) yield return (NameOf(option), option, own.Tokens.Count == 0 ? ["true"] : [.. own.Tokens.Select(t => t.Value)], "command line");
            else if (settings.TryGetValue(NameOf(option), out var setting)) yield return (NameOf(option), option, setting.Values, setting.Origin);
            else yield return (NameOf(option), option, OptionValues.Default(option, result), "default");
        }
        foreach (var (key, setting) in settings.Where(s => !Configuration.IsOption(s.Key))) yield return (key, null, setting.Values, setting.Origin);
    }

    /// <summary>What is wrong with the ignore lists that were used, and gates that were not judged.</summary>
    public IReadOnlyList<string> Complaints() =>
        [.. notJudged, .. ignoreLists.Where(l => l.Value is not null).SelectMany(l => l.Value!.Complaints(IgnoreList.Today, () => IsWhole(Path.GetDirectoryName(l.Key)!))).Distinct(StringComparer.Ordinal)];

    /// <summary>Whether the run saw every model below a folder. Only then does it show that an entry of the folder's list fits nothing: a commit brings the changed files alone.</summary>
    bool IsWhole(string folder) => ModelPaths.Below(folder).All(f => seen.Contains(Path.GetFullPath(f)));

    /// <summary>The options, read once for each line of words: data files may be large.</summary>
    AuditOptions Read(ParseResult result)
    {
        var key = string.Join('\n', OptionValues.Words(options.All, result));
        return optionsByWords.TryGetValue(key, out var known) ? known : optionsByWords[key] = options.Read(result);
    }

    (IReadOnlyDictionary<string, Setting> Settings, ParseResult Result) Effective(string file)
    {
        var configuration = policy.ConfigurationFile(given) is { } named
            ? Cached(configurations, named, path => Configuration.Read(path, Names))
            : Nearby(file, Configuration.FileName, configurations, path => Configuration.Read(Path.GetRelativePath(".", path), Names));
        var settings = configuration?.For(file is ModelPaths.StandardInput ? "stdin.onnx" : file) ?? new Dictionary<string, Setting>(StringComparer.Ordinal);
        var words = new List<string>();
        foreach (var option in Configurable)
        {
            if (given.GetResult(option) is { Implicit: false } || !settings.TryGetValue(NameOf(option), out var setting)) continue;
            if (option is Option<bool>) words.AddRange(setting.Values is ["true"] ? [option.Name] : setting.Values is ["false"] ? [] : throw new UsageException($"{setting.Origin}: {NameOf(option)} is true or false."));
            else words.AddRange(setting.Values.Select(v => OptionValues.Word(option, v)));
        }
        var result = Configured.Parse([.. words, .. Words]);
        return result.Errors is [var first, ..] ? throw new UsageException($"{configuration?.File ?? "command line"}: {first.Message}") : (settings, result);
    }

    /// <summary>
    /// Whether a gate is judged without a pass. One that is asked for on the command line and is not is a mistake; one of a configuration is meant for audits as well, and is left to them.
    /// </summary>
    bool IsJudged(Gate gate)
    {
        if (gate.IsStatic) return true;
        if (policy.HasGates(given)) throw new UsageException($"the gate '{gate.Expression}' needs a pass, and 'check' runs none: use 'onnx-auditor audit --gate \"{gate.Expression}\"'.");
        notJudged.Add($"the gate '{gate.Expression}' of the configuration needs a pass and was not judged: 'onnx-auditor audit' judges it.");
        return false;
    }

    static AuditOptions WithRules(AuditOptions audit, IReadOnlyDictionary<string, Setting> settings)
    {
        var severities = Configuration.Severities(settings).ToList();
        return audit with
        {
            Ignore = [.. audit.Ignore, .. severities.Where(s => s.Word is "off").Select(s => s.Rule)],
            Severities = severities.Where(s => s.Word is not "off").ToDictionary(s => s.Rule, s => s.Word switch { "error" => Severity.Error, "warning" => Severity.Warning, _ => Severity.Info }, StringComparer.Ordinal),
            Limits = Configuration.Thresholds(settings).ToDictionary(t => t.Threshold, t => t.Value, StringComparer.Ordinal),
        };
    }

    /// <summary>A gate on a proxy asks for the proxy.</summary>
    static AuditOptions WithGates(AuditOptions audit, IReadOnlyList<Gate> gates)
    {
        var asked = gates.Select(g => g.ProxyId).OfType<string>().ToList();
        return asked.Count == 0 ? audit : audit with { Proxies = [.. Proxies.ProxySelection.Of(audit).Select(p => p.Id).Concat(asked).Distinct(StringComparer.Ordinal)] };
    }

    Baseline ReadBaseline(string file) => Cached(baselines, file, path => new Baseline(path.Replace(Path.DirectorySeparatorChar, '/'), ReportFiles.Read(path)));

    /// <summary>What the nearest file of a name says, from the model's folder upwards; null where there is none.</summary>
    static T? Nearby<T>(string model, string name, Dictionary<string, T?> known, Func<string, T> read) where T : class
    {
        for (var folder = Path.GetDirectoryName(Path.GetFullPath(model)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path)) return Cached(known!, path, read);
        }
        return null;
    }

    static T Cached<T>(Dictionary<string, T> known, string path, Func<string, T> read) => known.TryGetValue(path, out var value) ? value : known[path] = read(path);

    static string NameOf(Option option) => option.Name.TrimStart('-');
}
