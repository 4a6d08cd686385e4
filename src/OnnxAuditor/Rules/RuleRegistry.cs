using System.Collections.Frozen;

namespace OnnxAuditor.Rules;

/// <summary>All rules, in the order in which reports and documentation list them.</summary>
static class RuleRegistry
{
    /// <summary>The rules.</summary>
    public static IReadOnlyList<Rule> All { get; } =
    [
        UnreadableFile.Rule,
        InvalidGraph.Rule,
        ExternalDataMissing.Rule,
        UnresolvedDimensions.Rule,
        UnnamedNodes.Rule,
        LocalFunctions.Rule,
        UnusualTypes.Rule,
        UnfinishedAudit.Rule,
        RefusedExternalData.Rule,
        AllocationBomb.Rule,
        NativeOperator.Rule,
        CompiledContext.Rule,
        PythonOperator.Rule,
        ActiveText.Rule,
        FoldedBatchNorm.Rule,
        FrozenBatchNorm.Rule,
        TrainingModeBatchNorm.Rule,
        InactiveDropout.Rule,
        WeightsInConstants.Rule,
        WeightsInSubgraphs.Rule,
        FoldedAlgebra.Rule,
        QuantizedWeights.Rule,
        IntegerKernels.Rule,
        FusedOperators.Rule,
        CustomOperator.Rule,
        NonDifferentiableOperator.Rule,
        ZeroGradientStep.Rule,
        DetachedParameter.Rule,
        ZeroGradientParameter.Rule,
        UnusedParts.Rule,
        DuplicatedWeights.Rule,
        TiedParameter.Rule,
        FixedBatch.Rule,
        HardCodedSize.Rule,
        ControlFlow.Rule,
        StatefulInputs.Rule,
        BakedInProcessing.Rule,
        ProbabilityHead.Rule,
        TrainingLeftovers.Rule,
        NeverTrained.Rule,
        PlaceholderWeights.Rule,
        NotANetwork.Rule,
        DegenerateGraph.Rule,
        OldFormat.Rule,
        NonFiniteWeights.Rule,
        DenormalWeights.Rule,
        ZeroWeights.Rule,
        ConstantWeights.Rule,
        IdenticalUnits.Rule,
        CollinearUnits.Rule,
        SpectralCollapse.Rule,
        IllConditionedWeights.Rule,
        GainOffCriticality.Rule,
        OutlierWeights.Rule,
        SparseWeights.Rule,
        HeavyTails.Rule,
        CorrelationTraps.Rule,
        ScaleImbalance.Rule,
        HugeBiases.Rule,
        BatchNormStatistics.Rule,
        StoragePrecision.Rule,
        RecurrentMemory.Rule,
        UntrainedRows.Rule,
        DeadUnits.Rule,
        SaturatedUnits.Rule,
        ActivationScaleDrift.Rule,
        RankCollapse.Rule,
        LostInputDependence.Rule,
        AttentionCollapse.Rule,
        ConstantChannels.Rule,
        MassiveActivations.Rule,
        HalfPrecisionOverflow.Rule,
        NonFiniteActivation.Rule,
        UnbalancedResidual.Rule,
        MissingResiduals.Rule,
        MismatchedStatistics.Rule,
        InsensitiveOutput.Rule,
        InputScaleMismatch.Rule,
        VanishingGradient.Rule,
        ExplodingGradient.Rule,
        NonFiniteGradient.Rule,
        GradientConflict.Rule,
        NoisyGradient.Rule,
        UpdateRatio.Rule,
        SharpLoss.Rule,
        IllConditionedLoss.Rule,
        SparseGradient.Rule,
        ShatteredGradient.Rule,
        LostIsometry.Rule,
        HalfPrecisionUnderflow.Rule,
        IllConditionedKernel.Rule,
        SaliencyBottleneck.Rule,
        AmbiguousGradient.Rule,
        TrialStalls.Rule,
        Nondeterminism.Rule,
        DeviceMismatch.Rule,
        RewriteChangesOutputs.Rule,
        EnginesDisagree.Rule,
        MixedPrecision.Rule,
        TrainingMemory.Rule,
    ];

    /// <summary>The rules by id; two rules of one id throw when the program starts.</summary>
    public static FrozenDictionary<string, Rule> ById { get; } = Index();

    /// <summary>The rules that prefixes of ids choose, in registry order. The longest prefix that fits a rule decides; of equal ones, to ignore.</summary>
    /// <param name="select">Prefixes of the rules to run; empty for all.</param>
    /// <param name="ignore">Prefixes of the rules not to run.</param>
    public static IReadOnlyList<Rule> Select(IReadOnlyCollection<string> select, IReadOnlyCollection<string> ignore)
    {
        IReadOnlyCollection<string> chosen = select.Count == 0 ? [""] : select;
        return [.. All.Where(r => Longest(r, chosen) > Longest(r, ignore))];
    }

    /// <summary>Whether a prefix names any rule; one that does not is a mistake of the user.</summary>
    public static bool Names(string prefix) => All.Any(r => r.Id.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    static int Longest(Rule rule, IReadOnlyCollection<string> prefixes) =>
        prefixes.Where(p => rule.Id.StartsWith(p, StringComparison.OrdinalIgnoreCase)).Select(p => p.Length).DefaultIfEmpty(-1).Max();

    static FrozenDictionary<string, Rule> Index()
    {
        if (All.GroupBy(r => r.Id, StringComparer.Ordinal).FirstOrDefault(g => g.Skip(1).Any()) is { } twice)
            throw new InvalidOperationException($"Two rules have the id {twice.Key}.");
        return All.ToFrozenDictionary(r => r.Id, StringComparer.Ordinal);
    }
}
