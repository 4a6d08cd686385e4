using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN015.</summary>
static class ZeroGradientParameter
{
    public static readonly Rule Rule = new("TRN015", "ZeroGradientParameter", "A parameter's gradient is exactly zero on every probe", Severity.Error, RuleCost.Backward, new RuleText(
        WhatItFinds: "Trainable parameters that have a differentiable path to the loss, but a gradient of which every entry is exactly zero on all probe samples.",
        WhyItMatters: """
            Gradient descent does not move such a parameter by a single bit. The path is there, so no look at the graph shows it: somewhere on the way a derivative is zero, by units
            that are dead, by saturation beyond what float32 resolves, or by a factor that is itself zero.
            """,
        HowItIsComputed: """
            From the gradients of the run on the shipped weights, summed over the batch. A parameter that the sweep did not reach is not judged (TRN012, TRN014, coverage).
            1. A weight, table or recurrent matrix: error.
            2. A vector (bias, scale, shift, slope), of which a few channels may all be off for these probes: warning.
            3. A parameter all of whose paths lead through a factor that the file initialises to zero (a zero-initialised residual scale, the second matrix of a low-rank adapter):
               info, since the first step of training makes that factor non-zero.
            4. A parameter of a stateful model that meets nothing but the state, which is zero here (the hidden-to-hidden matrix at a first step): info.
            """,
        Threshold: "Exact zero in every entry. No tolerance: a small gradient still trains, and is the business of GRD001.",
        Example: "All units of a ReLU layer are dead (ACT001): the weights in front of it have gradient zero.",
        Remedy: """
            Find the first layer after the parameter with a dead fraction of 1 or a saturated activation (layer table), and mend that: re-initialise the layer, lower its
            bias, take LeakyReLU, or fix a Clip whose bounds exclude the data. With random inputs, repeat with `--data` before drawing conclusions.
            """,
        WhenToIgnore: "Where the parameter is meant to stay as it is, or where the probes are random and real data (`--data`) shows a gradient.",
        References: "Lu, Shin, Su and Karniadakis 2020, arXiv 1903.06733 (dying ReLU); Goyal et al. 2017, arXiv 1706.02677, section 5.1 (zero-initialised residual scale)"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context)
    {
        if (context is not { Run: { Differentiation: not null } run, CanonicalView: { } view }) yield break;
        var dead = run.Parameters.Where(p => p.Parameter.Trainable && p.Gradient is { Count: > 0, MaxAbs: 0 }).ToList();
        if (dead.Count == 0) yield break;
        var open = PastZeroFactors(context, view);
        var fed = FedWithData(context, view);
        foreach (var measured in dead)
        {
            var why = view.Own(measured.Parameter.Value) is not { } value ? null
                : !open.Contains(value) ? "a factor behind it is initialised to zero; the first step of training changes that"
                : fed is not null && !view.UsesOf(value).Any(u => MeetsData(u.Node, fed)) ? "it meets nothing but the state of the model, which is zero at the first step"
                : null;
            yield return Describe(context, measured.Parameter, why);
        }
    }

    /// <summary>The values from which an output can be reached without being multiplied by a parameter that is all zeros.</summary>
    static HashSet<Value> PastZeroFactors(RuleContext context, ModelView view)
    {
        var zero = context.Weights.Where(w => w.Trainable && w.Statistics.Zeros == w.Statistics.Count && IsFactor(w.Role)).Select(w => w.Value).ToHashSet();
        return GradientPaths.Upstream(view, view.Graph.Outputs, n => !n.Inputs.Any(i => i is not null && zero.Contains(i)));
    }

    /// <summary>For a model that carries state, the values that depend on an input that is no state; null for other models.</summary>
    static HashSet<Value>? FedWithData(RuleContext context, ModelView view)
    {
        var states = StatefulInputs.Pairs(context.Model.Graph).Select(p => p.Input.Name).ToHashSet(StringComparer.Ordinal);
        return states.Count == 0 ? null : view.Downstream(view.Graph.Inputs.Where(i => i.Data is null && !states.Contains(i.Name)));
    }

    /// <summary>Whether something that depends on the data goes into the node: into its state, for a recurrent layer of one step.</summary>
    static bool MeetsData(Node node, HashSet<Value> fed) => node.OpType is "LSTM" or "GRU" or "RNN" && node.Input(0)?.Shape is [{ Size: 1 }, ..]
        ? node.Input(5) is { } state && fed.Contains(state)
        : node.Inputs.Any(i => i is not null && fed.Contains(i));

    static bool IsFactor(ParameterRole role) => WeightSlots.IsKernel(role) || role is ParameterRole.NormalizationScale or ParameterRole.Scale;

    static Observation Describe(RuleContext context, Parameter parameter, string? why)
    {
        var isVector = !WeightSlots.IsKernel(parameter.Role);
        var message = why is null
            ? "The gradient is exactly zero on every probe although a path to the loss exists: training does not move this parameter."
            : $"The gradient is exactly zero because {why}.";
        return new Observation(parameter.Name, message, "largest |gradient| 0", "> 0", parameter.Count)
        {
            Severity = why is not null ? Severity.Info : isVector ? Severity.Warning : Severity.Error,
            Confidence = context.SyntheticInputs ? Confidence.Likely : Confidence.Certain,
            Value = parameter.Value,
            Remedy = why is not null
                ? "Nothing, where the zero is meant (a zero-initialised branch or adapter, the first step of a stateful model)."
                : "Look for a dead or saturated layer behind it (layer table), re-initialise or unsaturate that; confirm with --data where inputs are synthetic.",
        };
    }
}
