using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Measurement;

namespace OnnxAuditor.Rules;

/// <summary>What rules look at.</summary>
/// <param name="File">The file and the model as read.</param>
/// <param name="Canonical">The canonical model; null where canonicalising failed.</param>
/// <param name="Shipped">Measurements on the shipped weights; null where none were made.</param>
sealed record RuleContext(ModelFile File, CanonicalModel? Canonical, ModelMeasurement? Shipped)
{
    /// <summary>The model as read.</summary>
    public Model Model => File.Model;
}
