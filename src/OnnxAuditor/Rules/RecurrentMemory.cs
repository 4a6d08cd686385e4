using GraphRewriter.Canonicalization;
using MathNet.Numerics.LinearAlgebra;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Rules;

/// <summary>WGT018.</summary>
static class RecurrentMemory
{
    /// <summary>Squarings of the matrix: ρ = lim ‖A^k‖^(1/k), at k = 2^10 within 1 % for matrices that are not defective beyond reason.</summary>
    const int Squarings = 10;

    /// <summary>Larger hidden states take too long.</summary>
    const long LargestHidden = 1024;

    static readonly Threshold FreshBias = new("WGT018.fresh-bias", 0.5, "", "a smaller mean forget bias of a freshly drawn LSTM is reported");
    static readonly Threshold TrainedBias = new("WGT018.trained-bias", -1, "", "a smaller mean forget bias of a trained LSTM is reported");
    static readonly Threshold Largest = new("WGT018.largest-radius", 1.2, "", "a larger spectral radius of a plain recurrent layer is reported");
    static readonly Threshold Smallest = new("WGT018.smallest-radius", 0.5, "", "a smaller spectral radius of a plain recurrent layer is reported");

    public static readonly Rule Rule = new("WGT018", "RecurrentMemory", "A recurrent layer forgets at once, or its state may explode", Severity.Info, RuleCost.Spectral, new RuleText(
        WhatItFinds: "LSTM layers whose forget gates are half open or less at rest, and plain recurrent layers whose hidden-to-hidden matrix shrinks or grows the state by a large factor a step.",
        WhyItMatters: """
            The cell of an LSTM keeps σ(b_f) of itself a step where the gate's inputs are zero: at b_f = 0 it is half, a thousandth after ten steps, and so is the gradient. A plain recurrent layer multiplies its state, and the
            gradient, by a matrix of spectral radius ρ: ρ^T after T steps.
            """,
        HowItIsComputed: """
            LSTM: the mean over the units of the forget gate's bias, both of ONNX's bias vectors added, each direction by itself. RNN: the spectral radius of R by Gelfand's formula, ‖R^1024‖^(1/1024), in float64. Gated layers are judged by their gates
            alone: their candidate's matrix does not act on the state directly. Hidden sizes above 1024 are left out.
            1. Freshly drawn weights (TRN026): mean bias below 0.5.
            2. Other weights: mean bias below −1, a gate of 0.27, confidence hint: a trained network may want to forget.
            3. Plain recurrent layers: ρ > 1.2 or ρ < 0.5.
            """,
        Threshold: "Forget bias 0.5 at initialisation (1 is the recommendation, 0 PyTorch's default), −1 in trained networks; radius 0.5 to 1.2: 1.2^25 = 95, 0.5^13 = 1e-4.",
        Example: "`lstm`: the mean forget bias is 0.002 in freshly drawn weights.",
        Remedy: """
            LSTM: set the forget gate's bias to 1 before training (PyTorch: the second quarter of `bias_ih`; Keras does so by `unit_forget_bias=True`), or to log(U(1, T_max − 1)) for dependencies over T_max steps. RNN: orthogonal initialisation
            of R (`torch.nn.init.orthogonal_`), and gradient clipping.
            """,
        WhenToIgnore: "Where only the last few steps matter.",
        References: "Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015 (forget bias of 1); Tallec and Ollivier 2018, arXiv 1804.11188; Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063; Gelfand 1941"),
        Find)
    { Thresholds = [FreshBias, TrainedBias, Largest, Smallest] };

    static IEnumerable<Observation> Find(RuleContext context)
    {
        var isFresh = NeverTrained.Rule.Find(context).Any();
        foreach (var weight in context.Weights.Where(w => w is { Trainable: true, Role: ParameterRole.RecurrentBias } && w.Use.Node.Is("LSTM") && w.Data.Dims.Count == 2 && w.Statistics.NonFinite == 0))
        {
            var means = ForgetBiases(weight);
            var limit = context.Limit(isFresh ? FreshBias : TrainedBias);
            if (means.Min() >= limit) continue;
            yield return new Observation(
                weight.Name, $"The mean bias of the forget gate is {NumberFormat.Value(means.Min())}: at rest the cell keeps {NumberFormat.Percent(1 / (1 + Math.Exp(-means.Min())))} of itself a step.", $"mean forget bias {NumberFormat.Value(means.Min())}", $"≥ {NumberFormat.Value(limit)}", -means.Min())
            {
                Confidence = isFresh ? Confidence.Likely : Confidence.Hint,
                Value = weight.Value,
                Remedy = isFresh ? "Set the forget gate's bias to 1 before training." : "Nothing where the memory is long enough; else raise the forget gate's bias and train on.",
            };
        }
        foreach (var weight in context.Weights.Where(w => w is { Trainable: true, Role: ParameterRole.RecurrentHiddenWeight } && w.Use.Node.Is("RNN") && w.Data.Dims is [_, _, <= LargestHidden] && w.Statistics.NonFinite == 0))
        {
            var radii = Enumerable.Range(0, (int)weight.Data.Dims[0]).Select(d => Radius(weight, d)).ToList();
            if (radii.Where(r => r > context.Limit(Largest) || r < context.Limit(Smallest)).Select(r => (double?)r).FirstOrDefault() is not { } radius) continue;
            yield return new Observation(
                weight.Name, $"The hidden-to-hidden matrix has spectral radius {NumberFormat.Value(radius)}: the state and its gradient {(radius > 1 ? "may grow" : "shrink")} by {NumberFormat.Value(Math.Pow(radius, 10))} in ten steps.", $"spectral radius {NumberFormat.Value(radius)}",
                $"{NumberFormat.Value(context.Limit(Smallest))} to {NumberFormat.Value(context.Limit(Largest))}", Math.Abs(Math.Log(radius)))
            {
                Confidence = Confidence.Likely,
                Value = weight.Value,
                Remedy = "Initialise the hidden-to-hidden matrix orthogonally, clip gradients, or take a gated layer.",
            };
        }
    }

    /// <summary>The mean forget bias of each direction; ONNX lays out [directions, input biases then hidden biases] with the gates in the order input, output, forget, cell.</summary>
    static List<double> ForgetBiases(Weight weight)
    {
        var values = weight.Floats;
        var (directions, width) = ((int)weight.Data.Dims[0], (int)weight.Data.Dims[1]);
        var hidden = width / 8;
        var means = new List<double>();
        for (var d = 0; d < directions; d++)
        {
            var sum = 0.0;
            for (var u = 0; u < hidden; u++) sum += (double)values[d * width + 2 * hidden + u] + values[d * width + 6 * hidden + u];
            means.Add(sum / hidden);
        }
        return means;
    }

    /// <summary>The spectral radius of one direction's matrix, from the norm of a high power that is scaled on the way.</summary>
    static double Radius(Weight weight, int direction)
    {
        var hidden = (int)weight.Data.Dims[2];
        var values = weight.Floats.Slice(direction * hidden * hidden, hidden * hidden);
        var power = Matrix<double>.Build.Dense(hidden, hidden);
        for (var i = 0; i < hidden; i++) for (var j = 0; j < hidden; j++) power[i, j] = values[i * hidden + j];
        var log = 0.0;
        for (var step = 0; step <= Squarings; step++)
        {
            var norm = power.FrobeniusNorm();
            if (norm == 0) return 0;
            log += Math.Log(norm) / Math.Pow(2, step);
            power /= norm;
            if (step < Squarings) power *= power;
        }
        return Math.Exp(log);
    }
}
