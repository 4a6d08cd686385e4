namespace Bench.NasBench;

/// <summary>What a setting feeds.</summary>
enum NasInputs
{
    /// <summary>What the proxy's own protocol says where no data are given.</summary>
    Synthetic,
    /// <summary>CIFAR-10 images with their labels, wherever the proxy's protocol takes data.</summary>
    Images,
}

/// <summary>Conditions under which proxies are computed.</summary>
/// <param name="Id">The name in the file of scores.</param>
/// <param name="Dialect">How the cells are written.</param>
/// <param name="Inputs">What is fed.</param>
/// <param name="Batch">Samples a pass, where the proxy does not say itself.</param>
/// <param name="Size">Height and width of the images.</param>
/// <param name="Proxies">The proxies; those that the program does not have are left out.</param>
sealed record NasSetting(string Id, CellDialect Dialect, NasInputs Inputs, long Batch, long Size, string[] Proxies)
{
    /// <summary>All settings; the first takes no run.</summary>
    public static readonly NasSetting[] All =
    [
        new("graph", CellDialect.Affine, NasInputs.Synthetic, 1, 32, ["parameters", "macs", "l2_norm", "zerolm"]),
        new("normal16", CellDialect.Affine, NasInputs.Synthetic, 16, 32, ["intrain", "grad_norm"]),
        new("ramp64", CellDialect.Affine, NasInputs.Synthetic, 64, 32, ["epsilon"]),
        new("ones", CellDialect.Affine, NasInputs.Synthetic, 1, 32, ["synflow"]),
        new("gaussian16", CellDialect.Affine, NasInputs.Synthetic, 16, 32, ["zen"]),
        new("images24", CellDialect.Affine, NasInputs.Images, 24, 32, ["gradalign", "gradsign", "ntk_condition"]),
        new("images32", CellDialect.Affine, NasInputs.Images, 32, 32, ["grad_norm", "snip", "plain", "fisher", "near", "naswot", "linear_regions", "zico", "l_swag", "jacob_cov", "epe_nas"]),
        new("images32-he", CellDialect.Affine, NasInputs.Images, 32, 32, ["az_nas"]),
        new("images16-second", CellDialect.Affine, NasInputs.Images, 16, 32, ["grasp"]),
        new("images16", CellDialect.Affine, NasInputs.Images, 16, 32, ["swap"]),
        new("images64", CellDialect.Affine, NasInputs.Images, 64, 32, ["epsilon"]),
        new("plain-normal16", CellDialect.Plain, NasInputs.Synthetic, 16, 32, ["intrain"]),
        new("plain-image", CellDialect.Plain, NasInputs.Images, 1, 32, ["dextr", "meco"]),
        new("plain-size64", CellDialect.Plain, NasInputs.Synthetic, 1, 64, ["dextr"]),
    ];

    /// <summary>The conditions in words.</summary>
    public string Text
    {
        get
        {
            var cells = Dialect == CellDialect.Affine ? "affine cells" : "plain cells";
            var samples = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"batch {Batch} of {Size}×{Size}");
            return Id == "graph" ? "from the graph" : $"{(Inputs == NasInputs.Images ? "images" : "synthetic")}, {samples}, {cells}";
        }
    }
}
