using System.CommandLine;
using System.Globalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using OnnxAuditor.Measurement;
using OnnxAuditor.Proxies;
using OnnxAuditor.Rules;
using OnnxAuditor.Training;

namespace OnnxAuditor.Commands;

/// <summary>The options that say how models are measured and judged: their names, defaults and checks, the same for every command that has them.</summary>
/// <param name="defaultSeeds">Seeds where none are asked for.</param>
sealed class AuditOptionSet(int defaultSeeds = 1)
{
    static readonly Dictionary<string, Profile> Profiles = new(StringComparer.Ordinal) { ["fast"] = OnnxAuditor.Profile.Fast, ["standard"] = OnnxAuditor.Profile.Standard, ["full"] = OnnxAuditor.Profile.Full };

    static readonly Dictionary<string, WeightChoice> WeightChoices = new(StringComparer.Ordinal) { ["shipped"] = WeightChoice.Shipped, ["reinit"] = WeightChoice.Reinit, ["both"] = WeightChoice.Both };

    static readonly Dictionary<string, Initialization> Laws = new(StringComparer.Ordinal)
    {
        ["pytorch"] = Initialization.PyTorch,
        ["kaiming"] = Initialization.Kaiming,
        ["xavier"] = Initialization.Xavier,
        ["normal"] = Initialization.Normal,
        ["orthogonal"] = Initialization.Orthogonal,
    };

    /// <summary>What BatchNormalization may use, by name.</summary>
    internal static readonly Dictionary<string, NormStatistics> StatisticsByName = new(StringComparer.Ordinal) { ["frozen"] = NormStatistics.Frozen, ["batch"] = NormStatistics.Batch };

    /// <summary>The losses, by name.</summary>
    internal static readonly Dictionary<string, LossKind> Losses = new(StringComparer.Ordinal)
    {
        ["auto"] = LossKind.Auto,
        ["cross-entropy"] = LossKind.CrossEntropy,
        ["mse"] = LossKind.Mse,
        ["bce"] = LossKind.Bce,
        ["sum"] = LossKind.Sum,
    };

    readonly Option<string> device = new("--device") { Description = "Where to run: auto (the fastest there is), cpu, cuda, cuda:1 or any provider that ONNX Runtime offers", DefaultValueFactory = _ => "cpu", HelpName = "DEVICE" };
    readonly Option<string> engine = OptionValues.Choice("--engine", "What runs the model", "auto", ["auto", "ort", "torch"]);
    readonly Option<string?> proxies = OptionValues.Of<string>("--proxies", "LIST", "Proxies to compute: ids set apart by commas, 'all' or 'none' [default: those of the profile]", CheckedProxies).Completed(() => ["all", "none", .. ProxyRegistry.All.Select(p => p.Id)]);
    readonly Option<List<string>> select = OptionValues.List("--select", "RULE", "Rules to run, by id or the beginning of one (TRN, GRD00); may be repeated [default: all of the profile]", RulePrefix).Completed(RuleIds);
    readonly Option<List<string>> ignore = OptionValues.List("--ignore", "RULE", "Rules not to run, by id or the beginning of one; may be repeated", RulePrefix).Completed(RuleIds);
    readonly Option<string> profile = OptionValues.Choice("--profile", "How thorough to be", "standard", Profiles.Keys);
    readonly Option<string> weights = OptionValues.Choice("--weights", "Which weights to measure (both: rules on the shipped ones, proxies on re-initialised ones)", "both", WeightChoices.Keys);
    readonly Option<string> init = OptionValues.Choice("--init", "Law of re-initialised weights", "pytorch", Laws.Keys);
    readonly Option<long> seed = OptionValues.Of("--seed", "N", "Seed of weights, inputs and targets", 0L, OptionValues.Integer(0, long.MaxValue));
    readonly Option<long> seeds = OptionValues.Of("--seeds", "K", "Seeds to spread proxies over, from --seed on", (long)defaultSeeds, OptionValues.Integer(1, 1000));
    readonly Option<long> batch = OptionValues.Of("--batch", "N", "Samples a pass", 16L, OptionValues.Integer(1, 1_000_000));
    readonly Option<List<KeyValuePair<string, Shape>>> shape = OptionValues.List("--shape", "NAME=SHAPE", "Shape of an input, such as image=1x3x224x224; symbols stay dynamic; may be repeated", OptionValues.InputShape, splits: false);
    readonly Option<List<string>> data = OptionValues.List("--data", "FILE", "Input data: .npz, .npy, TensorProto .pb or a folder of .pb and .npy; NAME=FILE names the input; may be repeated", text => text, splits: false);
    readonly Option<string?> labels = OptionValues.Of<string>("--labels", "FILE", "Targets: .npy, .npz or .pb with int64 classes, or floats for mse [default: seeded random ones]", text => text);
    readonly Option<string> normStats = OptionValues.Choice("--norm-stats", "Statistics of BatchNormalization where rules look", "frozen", StatisticsByName.Keys);
    readonly Option<string> loss = OptionValues.Choice("--loss", "The loss; auto takes a cross-entropy for logits, a binary one behind a sigmoid, a squared error for other numbers (boxes, images, states)", "auto", Losses.Keys);
    readonly Option<string?> target = OptionValues.Of<string>("--target", "OUTPUT", "The output to attach the loss to [default: all float outputs]", text => text);
    readonly Option<(double Mu, double Sigma)?> regSwap = OptionValues.Of<(double, double)?>("--reg-swap", "MU,SIGMA", "Size that the proxy reg_swap steers to: mean and width, in thousands of parameters", text => MeanAndWidth(text));
    readonly Option<bool> straightThrough = StraightThrough();
    readonly Option<bool> crossCheck = new("--cross-check") { Description = "Also compare values and gradients of ONNX Runtime with those of libtorch, and the outputs of the file with those of its rewritten form" };
    readonly Option<long?> trial = OptionValues.Of<long?>("--trial", "=STEPS", $"Also train for a few steps on one batch, from the shipped weights and from re-initialised ones; {Trial.DefaultSteps} steps without a number. The profile full does", text => OptionValues.Integer(2, 100_000)(text));
    readonly Option<string> optimizer = OptionValues.Choice("--optimizer", "Optimizer of --trial", "adam", [.. Optimizers.All.Select(o => o.Name)]);
    readonly Option<TimeSpan?> timeBudget = OptionValues.Of<TimeSpan?>("--time-budget", "TIME", "Time that one model may take, such as 60s [default: no limit]", text => OptionValues.Duration(text));
    readonly Option<long?> maxMemory = OptionValues.Of<long?>("--max-memory", "SIZE", "Memory that one model may need, such as 4GiB [default: no limit]", text => OptionValues.Bytes(text));
    readonly Option<long> threads = OptionValues.Of("--threads", "N", "Threads of a run; 0 for as many as there are physical cores", 0L, OptionValues.Integer(0, 1024));

    /// <summary>The options, in the order of the help.</summary>
    public IEnumerable<Option> All =>
        [device, engine, proxies, select, ignore, profile, weights, init, seed, seeds, batch, shape, data, labels, normStats, loss, target, regSwap, straightThrough, crossCheck, trial, optimizer, timeBudget, maxMemory, threads];

    /// <summary>Those of them that matter where nothing is run.</summary>
    public IEnumerable<Option> Static => [select, ignore, shape, maxMemory];

    /// <summary>Reads the options, and the data files that they name.</summary>
    /// <exception cref="UsageException">A data file cannot be used.</exception>
    public AuditOptions Read(ParseResult result)
    {
        var (given, source) = DataFiles.Read(result.GetValue(data) ?? []);
        return new AuditOptions
        {
            Device = result.GetRequiredValue(device),
            Threads = (int)result.GetValue(threads),
            Profile = Profiles[result.GetRequiredValue(profile)],
            Proxies = result.GetValue(proxies) is { } list ? ProxyIds(list) : null,
            Select = result.GetValue(select) ?? [],
            Ignore = result.GetValue(ignore) ?? [],
            Weights = WeightChoices[result.GetRequiredValue(weights)],
            Init = Laws[result.GetRequiredValue(init)],
            Seed = result.GetValue(seed),
            Seeds = (int)result.GetValue(seeds),
            Batch = result.GetValue(batch),
            Shapes = Unique(result.GetValue(shape) ?? []),
            Data = given,
            DataSource = source,
            Labels = result.GetValue(labels) is { } file ? DataFiles.ReadLabels(file) : null,
            Statistics = StatisticsByName[result.GetRequiredValue(normStats)],
            Loss = Losses[result.GetRequiredValue(loss)],
            Target = result.GetValue(target),
            RegSwap = result.GetValue(regSwap),
            StraightThrough = result.GetValue(straightThrough),
            OnTorch = result.GetRequiredValue(engine) is "torch",
            CrossCheck = result.GetValue(crossCheck),
            Trial = (int?)result.GetValue(trial),
            Optimizer = result.GetRequiredValue(optimizer),
            TimeBudget = result.GetValue(timeBudget),
            MaxMemory = result.GetValue(maxMemory),
        };
    }

    /// <summary>The option that lets gradients pass rounding.</summary>
    internal static Option<bool> StraightThrough() => new("--straight-through") { Description = "Let gradients pass Round and QuantizeLinear as if these did nothing, where nothing saturates" };

    /// <summary>The shapes by input name.</summary>
    /// <exception cref="UsageException">An input has two.</exception>
    internal static Dictionary<string, Shape> Unique(List<KeyValuePair<string, Shape>> shapes)
    {
        var result = new Dictionary<string, Shape>(StringComparer.Ordinal);
        foreach (var (name, shape) in shapes)
            if (!result.TryAdd(name, shape)) throw new UsageException($"--shape gives '{name}' two shapes.");
        return result;
    }

    static string CheckedProxies(string list)
    {
        _ = ProxyIds(list);
        return list;
    }

    static string[] ProxyIds(string list)
    {
        string[] words = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words is ["all"]) return [.. ProxyRegistry.All.Select(p => p.Id)];
        if (words is ["none"]) return [];
        foreach (var word in words)
            if (!ProxyRegistry.ById.ContainsKey(word)) throw new UsageException($"there is no proxy '{word}'{Nearest.Suggestion(word, ProxyRegistry.All.Select(p => p.Id))} 'onnx-auditor list proxies' shows them.");
        return words;
    }

    static (double Mu, double Sigma) MeanAndWidth(string text)
    {
        var words = text.Split(',', StringSplitOptions.TrimEntries);
        return words.Length == 2 && double.TryParse(words[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var mu) && double.TryParse(words[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var sigma)
            && double.IsFinite(mu) && sigma > 0 && double.IsFinite(sigma) ? (mu, sigma) : throw new UsageException($"'{text}' is no mean and width; 40,40 would be.");
    }

    static IEnumerable<string> RuleIds() => RuleRegistry.All.Select(r => r.Id);

    static string RulePrefix(string text) => RuleRegistry.All.Any(r => r.Id.StartsWith(text, StringComparison.OrdinalIgnoreCase))
        ? text.ToUpperInvariant()
        : throw new UsageException($"no rule begins with '{text}'{Nearest.Suggestion(text, RuleRegistry.All.Select(r => r.Id))} 'onnx-auditor list rules' shows them.");
}
