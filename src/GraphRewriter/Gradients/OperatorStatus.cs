namespace GraphRewriter.Gradients;

/// <summary>Where this program stands on the gradient of an operator.</summary>
enum OperatorStanding
{
    /// <summary>A rule gives the gradients of all float inputs.</summary>
    Differentiable,
    /// <summary>A rule gives the gradient of the data input; the others are indices, shapes or settings.</summary>
    LinearInData,
    /// <summary>No gradient flows through it, for a reason.</summary>
    Stop,
    /// <summary>Canonicalising rewrites it into operators that have rules.</summary>
    Lowered,
    /// <summary>It works on sequences, optionals, strings or encoded images, not on tensors of numbers.</summary>
    NotTensor,
    /// <summary>It has a gradient, but no rule yet.</summary>
    Pending,
}

/// <summary>Where this program stands on one operator.</summary>
/// <param name="Operator">The operator.</param>
/// <param name="Standing">The standing.</param>
/// <param name="Detail">The formula of a rule, the reason of a stop, what a lowered operator becomes, or what is missing.</param>
sealed record OperatorStatus(CatalogueEntry Operator, OperatorStanding Standing, string Detail)
{
    /// <summary>The operators without rule and without stop, by standing. A row of pending ones is deleted as their rules come.</summary>
    internal static (OperatorStanding Standing, string Detail, string[] Names)[] Others { get; } =
    [
        (OperatorStanding.Lowered, "its definition: scores, mask, softmax and product as MatMul, Add, Softmax", ["Attention"]),
        (OperatorStanding.Lowered, "X * ReduceMean(X^2)^(-1/2) * Scale", ["RMSNormalization"]),
        (OperatorStanding.Lowered, "slices, products with the sine and cosine tables, Concat", ["RotaryEmbedding"]),
        (OperatorStanding.Lowered, "X * Sigmoid(alpha X)", ["Swish"]),
        (OperatorStanding.Lowered, "a Scan that carries the product", ["CumProd"]),
        (OperatorStanding.Lowered, "ScatterElements", ["Scatter", "TensorScatter"]),
        (OperatorStanding.Lowered, "Resize", ["Upsample"]),
        (OperatorStanding.NotTensor, "it works on sequences of tensors",
            ["ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap", "SplitToSequence"]),
        (OperatorStanding.NotTensor, "it works on optional values", ["Optional", "OptionalGetElement", "OptionalHasElement"]),
        (OperatorStanding.NotTensor, "it works on strings", ["RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"]),
        (OperatorStanding.NotTensor, "it decodes an image file", ["ImageDecoder"]),
    ];

    /// <summary>The status of every operator of the catalogue, in its order.</summary>
    /// <exception cref="InvalidOperationException">An operator has no status.</exception>
    // Below the table it reads: static members are made in the order of the text.
    public static IReadOnlyList<OperatorStatus> All { get; } = [.. OperatorCatalogue.All.Select(Of)];

    static OperatorStatus Of(CatalogueEntry entry)
    {
        if (entry.Domain.Length > 0) return new OperatorStatus(entry, OperatorStanding.Stop, "it updates weights; it belongs to a training graph and lies on no path to a loss");
        if (GradientRules.ByOp.TryGetValue(entry.Name, out var rule))
            return new OperatorStatus(entry, rule.IsLinearInData ? OperatorStanding.LinearInData : OperatorStanding.Differentiable, rule.Formula);
        if (GradientRules.Stops.TryGetValue(entry.Name, out var stop)) return new OperatorStatus(entry, OperatorStanding.Stop, stop.Reason);
        foreach (var (standing, detail, names) in Others)
            if (names.Contains(entry.Name, StringComparer.Ordinal)) return new OperatorStatus(entry, standing, detail);
        throw new InvalidOperationException($"The operator '{entry.Name}' has no status.");
    }
}
