namespace Bench.NasBench;

/// <summary>What others, or an independent implementation, find for a proxy.</summary>
/// <param name="Setting">The setting it is comparable with.</param>
/// <param name="Proxy">The proxy.</param>
/// <param name="Component">The component; empty for the score.</param>
/// <param name="Calibration">ρ with CIFAR-10 accuracy (τ behind a semicolon) of an implementation that shares nothing with this program, on about 600 cells under the same conditions.</param>
/// <param name="Published">ρ with CIFAR-10 accuracy that the sources publish, under their own conditions.</param>
sealed record NasReference(string Setting, string Proxy, string Component, string Calibration, string Published)
{
    /// <summary>As <see cref="Calibration"/>, with CIFAR-100 and ImageNet16-120.</summary>
    public string CalibrationOfOthers { get; init; } = "";

    /// <summary>As <see cref="Published"/>, with CIFAR-100 and ImageNet16-120.</summary>
    public string PublishedOfOthers { get; init; } = "";

    /// <summary>All of them.</summary>
    public static readonly NasReference[] All =
    [
        new("graph", "parameters", "", "0.76", "0.75") { CalibrationOfOthers = "0.74 · 0.70" },
        new("normal16", "intrain", "", "0.84; τ 0.67", "0.86; τ 0.67") { PublishedOfOthers = "τ 0.67 · 0.68" },
        new("normal16", "intrain", "gamma", "0.84; τ 0.66", "0.82; τ 0.61"),
        new("normal16", "intrain", "o", "0.80; τ 0.61", "0.83; τ 0.63"),
        new("plain-normal16", "intrain", "", "0.85; τ 0.68", "0.86; τ 0.67") { PublishedOfOthers = "τ 0.67 · 0.68" },
        new("plain-normal16", "intrain", "gamma", "0.84; τ 0.66", "0.82; τ 0.61"),
        new("plain-normal16", "intrain", "o", "0.80; τ 0.61", "0.83; τ 0.63"),
        new("normal16", "intrain", "intrain_blocks", "0.87; τ 0.70", ""),
        new("plain-normal16", "intrain", "intrain_blocks", "0.87; τ 0.70", ""),
        new("images24", "gradalign", "", "0.72; τ 0.53", ""),
        new("images24", "gradalign", "minEigenvalue", "0.57; τ 0.43", ""),
        new("images24", "gradalign", "conflict", "0.55; τ 0.41", ""),
        new("images24", "gradalign", "alignment", "-0.33; τ -0.23", ""),
        new("images24", "gradsign", "", "0.83; τ 0.65", "0.77 to 0.79"),
        new("ramp64", "epsilon", "", "0.85", "0.87; τ 0.69") { CalibrationOfOthers = "0.87 · 0.87" },
        new("images64", "epsilon", "", "0.91", "0.87; τ 0.69") { CalibrationOfOthers = "0.93 · 0.92" },
        new("combined", "dextr", "", "0.90; τ 0.73", "0.90") { CalibrationOfOthers = "0.89 · 0.85", PublishedOfOthers = "0.91 · 0.87" },
        new("plain-image", "dextr", "S", "0.92; τ 0.76", ""),
        new("plain-size64", "dextr", "kappa", "0.46; τ 0.32", ""),
        new("plain-image", "meco", "", "0.91", "0.89") { CalibrationOfOthers = "0.89 · 0.85" },
        new("images32", "near", "", "0.84", "") { CalibrationOfOthers = "0.84 · 0.81" },
        new("images32", "zico", "", "0.81", "0.80; τ 0.61") { CalibrationOfOthers = "0.81 · 0.80", PublishedOfOthers = "τ 0.61 · 0.59" },
        new("ones", "synflow", "", "0.81", "0.74; τ 0.56") { CalibrationOfOthers = "0.80 · 0.78", PublishedOfOthers = "0.76 · 0.75; τ 0.55 · 0.53" },
        new("images16", "swap", "", "0.79 (default weights)", "") { CalibrationOfOthers = "0.81 · 0.77" },
        new("images32-he", "az_nas", "expressivity", "0.79 (default weights)", ""),
        new("images32-he", "az_nas", "progressivity", "0.28 (default weights)", ""),
        new("combined", "az_nas", "", "", "0.91; τ 0.74") { PublishedOfOthers = "0.90 · 0.89; τ 0.70 · 0.67" },
        new("images32", "naswot", "", "0.77", "0.78 to 0.80") { CalibrationOfOthers = "0.79 · 0.77", PublishedOfOthers = "0.80 · –" },
        new("graph", "l2_norm", "", "0.70", ""),
        new("images32", "snip", "", "0.65", "0.60") { PublishedOfOthers = "0.64 · 0.58" },
        new("images32", "grad_norm", "", "0.65", "0.59") { PublishedOfOthers = "0.64 · 0.58" },
        new("images16-second", "grasp", "", "", "0.51") { PublishedOfOthers = "0.55 · 0.55" },
        new("images32", "jacob_cov", "", "0.58", "0.73; τ 0.62") { PublishedOfOthers = "0.70 · 0.70; τ 0.64 · 0.60" },
        new("images32", "fisher", "", "0.54", "0.36 to 0.39") { PublishedOfOthers = "0.39 · 0.33" },
        new("images32", "plain", "", "-0.12", ""),
        new("images32", "l_swag", "", "", "0.79") { PublishedOfOthers = "0.83 · 0.80" },
    ];

    /// <summary>The reference of a column; null where there is none.</summary>
    public static NasReference? Of(NasColumn column) => Array.Find(All, r => r.Setting == column.Setting && r.Proxy == column.Proxy && r.Component == column.Component);
}
