using System.Globalization;
using System.Security.Cryptography;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Execution.Torch;
using OnnxAuditor.Measurement;
using OnnxAuditor.Numerics;
using OnnxAuditor.Policy;
using OnnxAuditor.Reports;
using OnnxAuditor.Rules;

namespace OnnxAuditor;

/// <summary>Makes the report of one model from what an audit gathered.</summary>
static class AssembleReport
{
    /// <summary>The report of a file that could not be read.</summary>
    public static ModelReport Unreadable(string path, ModelException problem) => new()
    {
        Path = path,
        Unreadable = problem.Problem == ModelProblem.Budget ? null : problem.Message,
        BudgetExceeded = problem.Problem == ModelProblem.Budget ? problem.Message : null,
        VerdictReason = "The file could not be read.",
        Findings = [RuleEngine.Unreadable(path, problem)],
    };

    /// <summary>The report of a model that was read, as far as the audit came.</summary>
    public static ModelReport From(Audited audited)
    {
        var (model, canonical, shipped) = (audited.File.Model, audited.Canonical, audited.Shipped);
        var coverage = CoverageOf(canonical, shipped);
        var context = new RuleContext(audited.File, canonical, shipped)
        {
            SyntheticInputs = audited.Options.Data.Count == 0,
            StraightThrough = audited.Options.StraightThrough,
            CrossChecked = audited.CrossChecked,
            Curvature = audited.Curvature,
            Thorough = audited.Thorough,
            Device = audited.Device,
            Trials = audited.Trials,
            OwnTargets = audited.Options.Labels is not null,
            Limits = audited.Options.Limits,
        };
        var rules = RuleEngine.Run(context, RulesOf(audited.Options), audited.Options.Severities);
        var verdict = Verdicts.Of(rules.Findings, coverage, shipped, audited.Trials);
        return WithoutIgnored(model, new ModelReport
        {
            Path = audited.Path,
            Sha256 = audited.File.Sha256,
            Bytes = audited.File.Length,
            Producer = $"{model.ProducerName} {model.ProducerVersion}".Trim(),
            IrVersion = model.IrVersion,
            Opset = new SortedDictionary<string, long>(model.Opsets.ToDictionary(o => o.Key.Length == 0 ? "ai.onnx" : o.Key, o => o.Value, StringComparer.Ordinal), StringComparer.Ordinal),
            BudgetExceeded = audited.BudgetExceeded,
            Verdict = verdict.Verdict,
            VerdictReason = verdict.Reason,
            Parameters = Count(canonical),
            Macs = canonical is null || canonical.StructureOnly ? null : CountMacs.PerSample(canonical.Model.Graph, canonical.Batch.Size),
            Inputs = [.. model.Graph.Inputs.Where(v => v.Data is null).Select(Signature)],
            Outputs = [.. model.Graph.Outputs.Select(Signature)],
            NodeCount = model.Graph.AllNodes().Count(),
            Operators = new SortedDictionary<string, int>(model.Graph.AllNodes().CountBy(n => n.Domain.Length == 0 ? n.OpType : $"{n.Domain}::{n.OpType}", StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal),
            Coverage = coverage,
            Measurement = Describe(audited),
            Proxies = audited.Proxies,
            Findings = rules.Findings,
            Tensors = Tensors(canonical, shipped),
            Layers = Layers(canonical, shipped, audited.Options.Profile == Profile.Fast ? null : context),
            Trials = audited.Trials,
            Notes = [.. audited.Notes, .. canonical?.Notes ?? [], .. Unsupported(canonical), .. Failures(shipped), .. rules.Notes],
        });
    }

    /// <summary>The report with the findings suppressed that the model itself says to ignore.</summary>
    static ModelReport WithoutIgnored(Model model, ModelReport report)
    {
        if (!model.Metadata.TryGetValue(IgnoreList.MetadataKey, out var text)) return report;
        try
        {
            var list = IgnoreList.Parse(text, "the model's metadata");
            var result = list.Apply(report, IgnoreList.Today);
            return result with { Notes = [.. result.Notes, .. list.Complaints(IgnoreList.Today)] };
        }
        catch (UsageException e)
        {
            // The model is somebody else's; what it says wrongly is told and stops nothing.
            return report with { Notes = [.. report.Notes, $"What the model says to ignore was not understood: {e.Message}"] };
        }
    }

    /// <summary>The rules of the profile that were asked for: a fast audit decomposes no weights.</summary>
    static IReadOnlyList<Rule> RulesOf(AuditOptions options)
    {
        var chosen = RuleRegistry.Select(options.Select, options.Ignore);
        if (options.ScanOnly) return [.. chosen.Where(r => r.Cost == RuleCost.Scan)];
        return options.Profile == Profile.Fast ? [.. chosen.Where(r => r.Cost != RuleCost.Spectral)] : chosen;
    }

    static ParameterCounts Count(CanonicalModel? canonical)
    {
        var all = canonical?.Parameters ?? [];
        var trainable = all.Where(p => p.Trainable).Sum(p => p.Count);
        var elements = all.Sum(p => p.Count);
        return new ParameterCounts(all.Count, elements, trainable, elements - trainable, all.Where(p => p.Trainable && p.IsTied).Sum(p => p.Count));
    }

    static Coverage CoverageOf(CanonicalModel? canonical, ModelMeasurement? shipped)
    {
        var trainable = canonical?.Parameters.Where(p => p.Trainable).ToList() ?? [];
        var elements = trainable.Sum(p => p.Count);
        if (shipped?.Differentiation is not { } backward) return new Coverage(0, 0, elements, 0, []);
        var reached = shipped.Parameters.Where(p => p.Parameter.Trainable && p.Gradient is not null).Sum(p => p.Parameter.Count);
        var stops = backward.Blocked.Select(b => new GradientStopRow(b.Node.LogicalName, b.Node.Domain.Length == 0 ? b.Node.OpType : $"{b.Node.Domain}::{b.Node.OpType}", b.Reason));
        return new Coverage(backward.ActiveNodes, backward.ActiveNodes - backward.Blocked.Count, elements, reached, [.. stops]);
    }

    static MeasurementInfo? Describe(Audited audited)
    {
        if (audited.Shipped is not { } run) return null;
        var options = audited.Options;
        var bindings = audited.Canonical!.Inputs.ToDictionary(i => i.Name, StringComparer.Ordinal);
        var rows = audited.Canonical.Model.Graph.Inputs.Where(v => v.Data is null).Select(v =>
            new InputRow(v.Name, audited.Inputs.TryGetValue(v.Name, out var given) ? given.Data.Shape.ToString() : v.Shape?.ToString() ?? "?", v.Type.ToString().ToLowerInvariant(),
                $"{(audited.Inputs.TryGetValue(v.Name, out var data) ? data.Source : "not fed")}{(SizeWasChosen(bindings.GetValueOrDefault(v.Name), audited.Canonical.Batch) ? "; size by default" : "")}"));
        var weights = options.Weights switch { WeightChoice.Shipped => "shipped", WeightChoice.Reinit => "reinit", _ => "both" };
        return new MeasurementInfo(
            options.OnTorch ? $"TorchSharp {TorchLibrary.Version}" : $"ONNX Runtime {OrtDevice.RuntimeVersion}", options.Device, weights, ProtocolText.InitName(options.Init), options.Seed, options.Batch,
            options.Statistics == NormStatistics.Batch ? "batch" : "frozen", run.LossText.Loss, run.LossText.Target, [.. rows], audited.Passes)
        {
            StraightThrough = options.StraightThrough,
        };
    }

    /// <summary>Whether a dimension other than the batch was unknown and a default was taken.</summary>
    static bool SizeWasChosen(InputBinding? binding, BatchBinding batch) =>
        binding is { Source: BindingSource.Default, Declared: var declared, Bound: { } bound }
        && (declared is null || Enumerable.Range(0, bound.Rank).Any(i => !declared[i].IsKnown && !(batch.Axes.TryGetValue(binding.Name, out var axis) && axis == i)));

    static IReadOnlyList<TensorRow> Tensors(CanonicalModel? canonical, ModelMeasurement? shipped)
    {
        if (canonical is null) return [];
        var gradients = shipped?.Parameters.ToDictionary(p => p.Parameter.Value, p => p.Gradient?.Norm) ?? [];
        return [.. canonical.Parameters.Select(p => new TensorRow(
            p.Name, p.Value.Shape?.ToString() ?? "?", p.Role.ToString(), p.Trainable, TensorNorm.L2(p.Value.Data), Finite(gradients.GetValueOrDefault(p.Value))) { Hash = Hash(p.Value.Data) })];
    }

    static string? Hash(TensorData? data) => data is { Unavailable: null, Type: not ElementType.String } ? Convert.ToHexStringLower(SHA256.HashData(data.Bytes.Span))[..16] : null;

    /// <summary>The layers with their measurements, and the spectra of their weights where a context is given.</summary>
    static IReadOnlyList<LayerRow> Layers(CanonicalModel? canonical, ModelMeasurement? shipped, RuleContext? context)
    {
        if (canonical is null || shipped is null) return [];
        var sizes = new Dictionary<Node, long>();
        foreach (var p in canonical.Parameters.Where(p => p.Trainable))
            foreach (var node in p.Uses.Select(u => u.Node).Distinct()) sizes[node] = sizes.GetValueOrDefault(node) + p.Count;
        var spectra = new Dictionary<Node, WeightStatistics>();
        foreach (var s in context?.Spectra.All.Where(s => s.Weight.Role is ParameterRole.ConvolutionWeight or ParameterRole.LinearWeight) ?? [])
            spectra.TryAdd(s.Weight.Use.Node, new WeightStatistics(s.SpectralNorm, s.StableRank));
        return [.. shipped.Layers.Select(l => new LayerRow(
            l.Layer.Name, l.Layer.Node.OpType, l.Layer.Output.Shape?.ToString() ?? "?", sizes.GetValueOrDefault(l.Layer.Node),
            l.Moments is { } m ? new ActivationStatistics(m.Mean, Math.Sqrt(m.Variance), m.Rms, m.ZeroFraction, l.Covariance?.ParticipationRatio, m.MaxAbs, m.DeadFraction) : null,
            l.Gradient is { } g ? new GradientStatistics(g.Norm, g.Rms, g.ZeroFraction) : null)
        {
            Weight = context?.CanonicalView?.Own(l.Layer.Node) is { } own ? spectra.GetValueOrDefault(own) : null,
        })];
    }

    static IEnumerable<string> Unsupported(CanonicalModel? canonical) =>
        canonical?.Unsupported.Select(u => string.Create(CultureInfo.InvariantCulture, $"{u.OpType} '{u.Node}' (opset {u.Opset}) has no canonical form: {u.Reason}.")) ?? [];

    static IEnumerable<string> Failures(ModelMeasurement? shipped)
    {
        if (shipped?.Failure is { } failure) yield return $"The model was not measured: {failure}";
    }

    static double? Finite(double? value) => value is { } v && double.IsFinite(v) ? v : null;

    static TensorSignature Signature(Value value) =>
        new(value.Name, value.Other is { } other ? other.Kind.ToString().ToLowerInvariant() : value.Type.ToString().ToLowerInvariant(), value.Shape?.ToString() ?? "?");
}
