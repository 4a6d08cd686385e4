namespace OnnxAuditor.Rules;

/// <summary>Causes that suppress their consequences: where the cause is found, the consequences are not reported beside it.</summary>
/// <param name="Cause">The rule that names the cause.</param>
/// <param name="Consequences">Prefixes of the rules that it explains.</param>
/// <param name="SamePlace">Whether only consequences at the cause's own places are suppressed.</param>
/// <param name="Why">Why, as a clause.</param>
sealed record Suppression(string Cause, IReadOnlyList<string> Consequences, bool SamePlace, string Why)
{
    /// <summary>All of them; a cause that is itself suppressed suppresses nothing.</summary>
    public static IReadOnlyList<Suppression> All { get; } =
    [
        new("TRN028", ["TRN0", "WGT", "ACT", "GRD"], false, "the model is no neural network"),
        new("TRN029", ["TRN0", "WGT", "ACT", "GRD"], false, "the outputs do not depend on the inputs"),
        new("TRN027", ["WGT004", "WGT005", "TRN026", "ACT", "GRD", "TRN015"], false, "the weights are placeholders"),
        new("WGT001", ["ACT", "GRD", "TRN015", "TRN026"], false, "a weight that is not finite makes every number that depends on it meaningless"),
        new("ACT010", ["ACT", "GRD", "TRN015"], false, "everything behind the first value that is not finite is not finite either"),
        new("GRD003", ["GRD", "TRN015"], false, "everything before the first gradient that is not finite is not finite either"),
        new("TRN026", ["WGT012", "WGT013", "WGT019"], false, "weights that were never trained show nothing of training"),
        new("TRN012", ["TRN013"], true, "the cut is named there"),
        new("TRN007", ["WGT007", "WGT008"], true, "the weight is a product of smaller ones"),
        new("WGT005", ["WGT006", "WGT007", "WGT008"], true, "equal units are collinear and lower the rank"),
        new("WGT007", ["WGT008"], true, "a matrix of low rank is ill-conditioned"),
        new("WGT010", ["WGT013"], true, "the outlying elements are named there"),
        new("ACT003", ["ACT002", "GRD006"], false, "what grows with depth saturates what comes behind it, and gradients grow with it"),
        new("ACT005", ["ACT007", "ACT014", "GRD013"], false, "where samples become equal, so do channels, outputs and gradients"),
        new("GRD001", ["GRD006", "GRD014"], false, "where gradients vanish, steps are small and saliencies too"),
        new("GRD002", ["GRD006"], false, "where gradients explode, no one learning rate suits all layers"),
        new("TRN009", ["TRN008", "TRN012"], false, "integer kernels have no gradient"),
        new("TRN011", ["TRN012"], true, "the operator is not known"),
        new("TRN014", ["TRN015", "WGT"], true, "the parameter does nothing"),
        new("WGT003", ["WGT004", "WGT011", "WGT005"], true, "the tensor is zero"),
        new("WGT004", ["WGT005", "WGT010"], true, "the tensor is constant"),
    ];
}
