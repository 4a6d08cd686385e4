namespace OnnxAuditor.Reports;

/// <summary>How a short training on one batch went.</summary>
enum TrialOutcome
{
    /// <summary>The loss fell to a tenth of what it began with, and of what outputs that ignore the inputs could reach.</summary>
    Overfits,
    /// <summary>The loss fell below what outputs that ignore the inputs could reach, but not to a tenth of it.</summary>
    Slow,
    /// <summary>The loss did not fall below what outputs that ignore the inputs could reach.</summary>
    Stalls,
    /// <summary>No learning rate kept the loss finite and let it fall.</summary>
    Diverges,
}

/// <summary>A short training on one batch.</summary>
/// <param name="Weights">shipped or reinit.</param>
/// <param name="NormStatistics">frozen or batch.</param>
/// <param name="Optimizer">The optimiser's name.</param>
/// <param name="Batch">Samples of the batch.</param>
sealed record TrialReport(string Weights, string NormStatistics, string Optimizer, long Batch)
{
    /// <summary>How it went; null where it could not be made.</summary>
    public TrialOutcome? Outcome { get; init; }

    /// <summary>Why it could not be made; null where it was.</summary>
    public string? Unavailable { get; init; }

    /// <summary>What the outcome follows from, one sentence.</summary>
    public string Because { get; init; } = "";

    /// <summary>The learning rate trained with; null where none was stable.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The losses, each before the step of its place; the training ends with the first at which the batch is learned by heart.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    /// <summary>The steps after which the loss was a tenth of what it began with; null where it never was.</summary>
    public int? StepsToTenth { get; init; }

    /// <summary>The largest learning rate of the range test at which the loss stayed finite and did not rise; null where there was none.</summary>
    public double? MaxStableLearningRate { get; init; }

    /// <summary>The range test: each learning rate with the loss after its steps; null for a loss that was not finite.</summary>
    public IReadOnlyList<(double Rate, double? Loss)> Range { get; init; } = [];

    /// <summary>The least loss that outputs without regard to the inputs could reach.</summary>
    public double? ConstantLoss { get; init; }

    /// <summary>Whether targets at many places were made up by the trial: then a loss that does not fall may be the targets' fault.</summary>
    public bool HasMadeUpTargets { get; init; }

    /// <summary>The trainable parameters of which no element changed, those that no gradient reaches among them.</summary>
    public IReadOnlyList<string> NeverMoved { get; init; } = [];

    /// <summary>The trainable parameters of which some elements changed and at least half did not; look-up tables, whose rows wait for their token, are not among them.</summary>
    public IReadOnlyList<(string Name, double Share)> HalfMoved { get; init; } = [];

    /// <summary>The simple gradient noise scale at the weights that the trial began with, in samples; null where not available.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>Why there is no noise scale; null where there is one.</summary>
    public string? NoiseScaleUnavailable { get; init; }

    /// <summary>Length of the update over length of the parameter, median over the steps looked at, by parameter in graph order; parameters of length zero are left out.</summary>
    public IReadOnlyList<(string Name, double Ratio)> UpdateRatios { get; init; } = [];

    /// <summary>Steps from the first loss to the last.</summary>
    public int Steps => Math.Max(0, Losses.Count - 1);
}
