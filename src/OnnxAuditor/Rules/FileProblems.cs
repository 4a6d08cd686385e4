namespace OnnxAuditor.Rules;

/// <summary>Makes observations of what the reader found wrong with a file.</summary>
static class FileProblems
{
    /// <summary>The reader's problems of one code, one observation each.</summary>
    public static IEnumerable<Observation> Of(RuleContext context, string code, string measured, string threshold, string remedy) => context.File.Problems
        .Where(p => string.Equals(p.Code, code, StringComparison.Ordinal))
        .Select(p => new Observation(p.Where, $"{char.ToUpperInvariant(p.Message[0])}{p.Message[1..].TrimEnd('.')}.", measured, threshold) { Remedy = remedy });
}
