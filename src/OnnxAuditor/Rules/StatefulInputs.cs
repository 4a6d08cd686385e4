using System.Text.RegularExpressions;
using GraphRewriter.Ir;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>TRN022.</summary>
static partial class StatefulInputs
{
    public static readonly Rule Rule = new("TRN022", "StatefulInputs", "The model carries state from call to call", Severity.Info, RuleCost.Scan, new RuleText(
        WhatItFinds: "Pairs of a float input and a float output that hold the same state: hidden and cell states, key and value caches.",
        WhyItMatters: """
            Each call is one step of a longer computation. Training on single calls gives gradients of a truncated sequence: nothing is learned across calls. With zero states, as here, the
            measurements are those of a first step.
            """,
        HowItIsComputed: """
            An input and an output pair up when their types and ranks are equal, no two known dimensions differ beyond a single axis (a cache grows along one), and their names become equal when
            words such as in, out, past, present, prev, next, new and n are dropped. One of the names must speak of state (state, hidden, cell, cache, past, memory, key, h0, cn, …): an image that goes
            in and comes out is none.
            """,
        Threshold: "None.",
        Example: "`state` and `stateN`; `past_key_values.0.key` and `present.0.key`.",
        Remedy: """
            Unroll over a window in the training program and pass the state on (truncated backpropagation through time), detaching it between windows; or export the network
            for whole sequences. `--data` feeds states of your own.
            """,
        WhenToIgnore: "Where the model is only used step by step and not trained.",
        References: "Williams and Peng 1990, An efficient gradient-based algorithm for on-line training of recurrent network trajectories"),
        Find);

    static IEnumerable<Observation> Find(RuleContext context) => Pairs(context.Model.Graph).Select(pair => new Observation(
        pair.Input.Name, $"Input '{pair.Input.Name}' takes the state that output '{pair.Output.Name}' gives.", $"state {pair.Input.Shape?.ToString() ?? "of unknown rank"}", "no state")
    {
        Value = pair.Input,
        Remedy = "Train over windows and pass the state on (truncated backpropagation through time), or export for whole sequences.",
    });

    /// <summary>The inputs that take a state, each with the output that gives it.</summary>
    public static IEnumerable<(Value Input, Value Output)> Pairs(Graph graph)
    {
        var outputs = graph.Outputs.Where(o => MayBeFloat(o)).ToList();
        foreach (var input in graph.Inputs.Where(i => i is { IsFloat: true, Data: null }))
        {
            var partner = outputs.Find(o => (State().IsMatch(input.Name) || State().IsMatch(o.Name)) && Core(o.Name).Equals(Core(input.Name), StringComparison.Ordinal) && Core(o.Name).Length > 0 && ShapesFit(input.Shape, o.Shape));
            if (partner is null || string.Equals(partner.Name, input.Name, StringComparison.Ordinal)) continue;
            outputs.Remove(partner);
            yield return (input, partner);
        }
    }

    static bool MayBeFloat(Value value) => value.IsFloat || value is { Type: ElementType.Undefined, Other: null };

    static bool ShapesFit(Shape? a, Shape? b)
    {
        if (a is null || b is null) return true;
        if (a.Rank != b.Rank) return false;
        return Enumerable.Range(0, a.Rank).Count(i => a[i].IsKnown && b[i].IsKnown && a[i].Size != b[i].Size) <= 1;
    }

    /// <summary>A name without the words and marks that tell the state before a step from the one after it.</summary>
    static string Core(string name) => Marks().Replace(Words().Replace(name, ""), "").ToUpperInvariant();

    [GeneratedRegex(@"(?<![a-z])(input|output|in|out|past_key_values|past|present|prev|previous|next|new|old|cur|init|initial|final|last|updated|cache)(?![a-z])|(?<=[a-z])(In|Out|N|n|_n|0|_0)$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Words();

    [GeneratedRegex(@"state|hidden|cell|cache|past|memory|mem\b|carry|context|recurrent|(?<![A-Za-z])(h|c|k|v|hx|cx|key|value)(_?(0|n|in|out|t|\d+))?(?![A-Za-z])",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex State();

    [GeneratedRegex(@"[^A-Za-z0-9]", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Marks();
}
