using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>SEC002. A model that is refused has no context: <see cref="RuleEngine.Unreadable"/> makes the finding.</summary>
static class AllocationBomb
{
    public static readonly Rule Rule = new("SEC002", "AllocationBomb", "Declared sizes exceed the memory budget", Severity.Error, RuleCost.Scan, new RuleText(
        WhatItFinds: "A model that declares tensors, or asks for the making of tensors, larger than the memory budget.",
        WhyItMatters: "A few bytes can declare terabytes. A program that allocates first and checks afterwards is stopped by the system, and takes its neighbours with it.",
        HowItIsComputed: "Sizes are added up from types and dimensions before anything is allocated; the sum is held against the budget.",
        Threshold: "`--max-memory`; where it is not given, what the reader's own limit says. The program ends with exit code 5.",
        Example: "An initializer of dimensions [1000000, 1000000] in a file of 200 bytes.",
        Remedy: "Raise `--max-memory` where the model is trusted and the machine large enough. Otherwise ask the publisher what the tensor is for.",
        WhenToIgnore: "Where a large model simply does not fit this machine: audit it on a larger one.",
        References: "CWE-789, memory allocation with excessive size value, https://cwe.mitre.org/data/definitions/789.html"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => FileProblems.Of(context, "SEC002", "refused, not allocated", "the memory budget", "Raise --max-memory where the model is trusted.");
}
