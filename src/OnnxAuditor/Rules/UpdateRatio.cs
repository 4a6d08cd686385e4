using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>GRD006.</summary>
static class UpdateRatio
{
    static readonly Threshold LearningRate = new("GRD006.learning_rate", 0.1, "", "the learning rate at which steps are judged");
    static readonly Threshold Wanted = new("GRD006.wanted", 1e-3, "", "the length of a step over that of the weights that is about right");
    static readonly Threshold Off = new("GRD006.off", 300, "", "a median ratio this many times larger or smaller is reported");
    static readonly Threshold MinKernels = new("GRD006.kernels", 2, "kernels", "with fewer kernels nothing is said");

    public static readonly Rule Rule = new("GRD006", "UpdateRatio", "Steps of gradient descent are out of proportion to the weights", Severity.Info, RuleCost.Backward, new RuleText(
        WhatItFinds: "Networks whose kernels a step of plain gradient descent at a usual learning rate would change beyond recognition, or not at all.",
        WhyItMatters: "A step of about a thousandth of a weight's length trains; a third of it destroys what was there, a millionth is lost. The ratio depends on the scale of loss and weights, which nothing in the file shows.",
        HowItIsComputed: "For each kernel of the run on the shipped weights: η ‖g‖ / ‖w‖ with η = 0.1; judged is the median over kernels with a gradient, and the learning rate is named at which it would be 1e-3. Of weights that look trained (TRN026 says nothing) and drawn targets nothing is said: those gradients are not the ones of training.",
        Threshold: "A median more than 300 times off 1e-3, either way. 1e-3 is a rule of thumb (Karpathy); the kernels of drawn networks were measured from 4e-5 to 0.8 at η = 0.1. Where gradients vanish or explode with depth (GRD001, GRD002, ACT003), nothing is said beside that.",
        Example: "A classifier whose logits are multiplied by 1e4: median 24; a learning rate of 4e-6 would give 1e-3.",
        Remedy: "Take the learning rate named, or an optimiser that scales each parameter's step (Adam, LAMB), and bring the scale of the loss or the initialisation in order.",
        WhenToIgnore: "With Adam and its kin.",
        References: "Karpathy 2015, CS231n, Neural networks part 3, ratio of weights to updates; You et al. 2020 (LAMB), arXiv 1904.00962; He et al. 2016, arXiv 1512.03385 (η = 0.1)"),
        Find)
    { Thresholds = [LearningRate, Wanted, Off, MinKernels] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context.Run is not { Differentiation: not null } run) yield break;
        var gradients = run.Parameters.Where(p => p.Gradient is { Norm: > 0 and < double.PositiveInfinity }).ToDictionary(p => p.Parameter.Name, p => p.Gradient!.Norm, StringComparer.Ordinal);
        var rate = context.Limit(LearningRate);
        var ratios = context.Weights
            .Where(w => w.IsKernel && w.Statistics is { NonFinite: 0, MaxAbs: > 0 } && gradients.ContainsKey(w.Name))
            .Select(w => (Weight: w, Ratio: rate * gradients[w.Name] / Math.Sqrt(w.Statistics.Count * (w.Statistics.Variance + w.Statistics.Mean * w.Statistics.Mean))))
            .OrderBy(r => r.Ratio).ThenBy(r => r.Weight.Name, StringComparer.Ordinal).ToList();
        if (ratios.Count < context.Limit(MinKernels)) yield break;
        var (weight, median) = ratios[ratios.Count / 2];
        var off = median / context.Limit(Wanted);
        if ((off <= context.Limit(Off) && off >= 1 / context.Limit(Off)) || !(context.OwnTargets || NeverTrained.Rule.Find(context).Any())) yield break;
        yield return new Observation(
            weight.Name, $"At a learning rate of {NumberFormat.Value(rate)} a step has {NumberFormat.Value(median)} of the kernels' length (median of {ratios.Count}, from {NumberFormat.Value(ratios[0].Ratio)} to {NumberFormat.Value(ratios[^1].Ratio)}); {NumberFormat.Value(rate / off)} would give {NumberFormat.Value(context.Limit(Wanted))}.",
            $"ratio {NumberFormat.Value(median)}", $"within {NumberFormat.Value(context.Limit(Wanted) / context.Limit(Off))} to {NumberFormat.Value(context.Limit(Wanted) * context.Limit(Off))}", Math.Abs(Math.Log10(off)))
        {
            Confidence = context.OwnTargets && !context.SyntheticInputs ? Confidence.Likely : Confidence.Hint,
            Value = weight.Value,
            Remedy = $"Start plain gradient descent at a learning rate of about {NumberFormat.Value(rate / off)}, or use Adam.",
        };
    }
}
