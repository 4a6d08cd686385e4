using System.Numerics.Tensors;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Training;
using MathNet.Numerics.Statistics;
using OnnxAuditor.Execution.Ort;
using OnnxAuditor.Measurement;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Training;

/// <summary>One trial: a range test of learning rates, a training with the best of them, and what the parameters did meanwhile.</summary>
/// <param name="model">The canonical model.</param>
/// <param name="graph">Its training step.</param>
/// <param name="settings">What is run.</param>
/// <param name="protocol">Weights and statistics.</param>
sealed class TrialRun(CanonicalModel model, TrainGraph graph, TrialSettings settings, Protocol protocol)
{
    /// <summary>The learning rates of the range test, two a decade. Below the least, training needs more steps than anybody makes.</summary>
    static readonly float[] Rates = [1e-5f, 3e-5f, 1e-4f, 3e-4f, 1e-3f, 3e-3f, 1e-2f, 3e-2f, 0.1f, 0.3f, 1, 3, 10];

    /// <summary>Steps at each rate: as many as momentum of 0.9 takes to gather speed.</summary>
    const int RangeSteps = 10;

    /// <summary>The share of the first loss, and of what outputs that ignore the inputs could reach, that counts as learned by heart.</summary>
    const double Tenth = 0.1;

    /// <summary>The share of the loss without inputs that must be passed to count as learning from them.</summary>
    const double Learned = 0.95;

    /// <summary>Trainings made, each at the next lower rate, until one learns the batch; more where none ends well.</summary>
    const int Attempts = 3;

    /// <summary>A training whose loss is so many times what it began with is given up.</summary>
    const double GivenUp = 10;

    /// <summary>Every so many steps, updates are held against their parameters.</summary>
    const int LookEvery = 5;

    /// <summary>Makes the trial.</summary>
    /// <param name="report">What is known of it.</param>
    /// <param name="cancellation">Ends it early.</param>
    public TrialReport Measure(TrialReport report, CancellationToken cancellation)
    {
        var inputs = MakeInputs.For(model, protocol, samples: 1, settings.Data, settings.DataSource);
        var targets = TrialTargets.For(model, graph.Loss, settings, protocol, inputs, cancellation);
        var feeds = inputs.ToDictionary(i => i.Key, i => i.Value.Data, StringComparer.Ordinal);
        foreach (var (name, data) in targets) feeds[name] = data;
        using var stepper = graph.Start(settings.Ort, feeds);
        var constant = TrialTargets.ConstantLoss(graph.Loss, targets);
        var start = stepper.Step(0, cancellation);
        report = report with { ConstantLoss = constant, HasMadeUpTargets = settings.Labels is null && graph.Loss.Terms.Any(TrialTargets.IsDense), NeverMoved = graph.Step.Unreached };
        if (!float.IsFinite(start)) return report with { Outcome = TrialOutcome.Diverges, Losses = [start], Because = "the loss is not finite before the first step" };
        if (start == 0) throw new ModelException(ModelProblem.Unsupported, "the loss is zero before the first step");
        var range = Range(stepper, start, cancellation);
        // The largest rate below the first that is not stable: a higher one that happens to do well is no rate to train with.
        var stable = range.TakeWhile(r => r.Loss <= start).ToList();
        report = report with { Range = [.. range.Select(r => ((double)r.Rate, r.Loss))], MaxStableLearningRate = stable.Count > 0 ? stable[^1].Rate : null };
        if (stable.Count == 0)
        {
            return report with
            {
                Outcome = TrialOutcome.Diverges,
                Losses = [start],
                Because = $"at the least learning rate tried, {NumberFormat.Value(Rates[0])}, the loss {(range[0].Loss is { } end ? $"rises from {NumberFormat.Value(start)} to {NumberFormat.Value(end)}" : "ceases to be finite")} within {RangeSteps} steps",
            };
        }
        var at = Enumerable.Range(0, stable.Count).MinBy(i => (stable[i].Loss, -i));
        var goal = Tenth * Math.Min(start, constant is > 0 and var reachable ? reachable : start);
        var attempt = Train(stepper, stable[at].Rate, goal, cancellation);
        // What is best for ten steps is often too fast for a hundred.
        for (var i = 1; i < Attempts && at - i >= 0 && !attempt.IsLearned || !attempt.EndsWell && at - i >= 0; i++)
        {
            var lower = Train(stepper, stable[at - i].Rate, goal, cancellation);
            if (!attempt.EndsWell || lower.EndsWell && lower.Losses.Min() < attempt.Losses.Min()) attempt = lower;
        }
        report = Judge(report, attempt, start, constant);
        var (noise, why) = NoiseScale.Of(settings, protocol, inputs, targets, start, cancellation);
        return report with { NoiseScale = noise, NoiseScaleUnavailable = why };
    }

    static List<(float Rate, double? Loss)> Range(OrtStepper stepper, float start, CancellationToken cancellation)
    {
        var range = new List<(float Rate, double? Loss)>();
        foreach (var rate in Rates)
        {
            stepper.Reset();
            var loss = start;
            for (var i = 0; i <= RangeSteps && float.IsFinite(loss); i++) loss = stepper.Step(rate, cancellation);
            range.Add((rate, float.IsFinite(loss) ? loss : null));
            if (!(loss <= start)) break;
        }
        return range;
    }

    /// <summary>A training from the initial weights.</summary>
    Attempt Train(OrtStepper stepper, float rate, double goal, CancellationToken cancellation)
    {
        stepper.Reset();
        var carried = graph.Step.Carried;
        var parameters = carried.Index().Where(c => c.Item.Kind == CarriedKind.Parameter).ToList();
        var ratios = parameters.ToDictionary(p => p.Index, _ => new List<double>());
        var losses = new List<double>();
        for (var i = 0; i <= settings.Steps; i++)
        {
            losses.Add(stepper.Step(rate, cancellation));
            if (!(losses[^1] < GivenUp * losses[0]) || losses[^1] <= goal) break;
            if (i % LookEvery != 0) continue;
            foreach (var (index, seen) in ratios)
                if (Length(stepper.Before(index)) is > 0 and var length) seen.Add(TensorPrimitives.Distance(stepper.Now(index), stepper.Before(index)) / length);
        }
        var unmoved = parameters.ConvertAll(p => (p.Item.Input.Name, Share: Unmoved(stepper.Now(p.Index), p.Item.Initial.ToFloats())));
        return new Attempt(rate, goal, losses, unmoved, [.. parameters.Where(p => ratios[p.Index].Count > 0).Select(p => (p.Item.Input.Name, ratios[p.Index].Median()))]);
    }

    TrialReport Judge(TrialReport report, Attempt attempt, double start, double? constant)
    {
        var losses = attempt.Losses;
        var (outcome, because) = Outcome(attempt, start, constant);
        var tables = model.Parameters.Where(p => p.Role == ParameterRole.Embedding || p.Uses.Any(u => u.Node.OpType is "Gather" or "Slice")).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        return report with
        {
            Outcome = outcome,
            Because = because,
            LearningRate = attempt.Rate,
            Losses = losses,
            StepsToTenth = losses.FindIndex(l => l <= Tenth * losses[0]) is > 0 and var steps ? steps : null,
            NeverMoved = [.. report.NeverMoved, .. attempt.Unmoved.Where(u => u.Share == 1).Select(u => u.Name)],
            HalfMoved = [.. attempt.Unmoved.Where(u => u.Share is >= 0.5 and < 1 && !tables.Contains(u.Name))],
            UpdateRatios = attempt.Ratios,
        };
    }

    static (TrialOutcome Outcome, string Because) Outcome(Attempt attempt, double start, double? constant)
    {
        var losses = attempt.Losses;
        var least = losses.Where(double.IsFinite).Min();
        var fell = $"the loss fell from {NumberFormat.Value(start)} to {NumberFormat.Value(least)} in {NumberFormat.Count(losses.Count - 1, "step")}";
        if (attempt.IsLearned) return (TrialOutcome.Overfits, fell);
        if (!attempt.EndsWell) return (TrialOutcome.Diverges, $"the loss {(double.IsFinite(losses[^1]) ? $"rose from {NumberFormat.Value(start)} to {NumberFormat.Value(losses[^1])}" : "ceased to be finite")} within {NumberFormat.Count(losses.Count - 1, "step")} at every learning rate tried");
        var without = constant ?? start;
        return least >= Learned * Math.Min(start, without)
            ? (TrialOutcome.Stalls, $"{fell}; outputs that ignore the inputs reach {NumberFormat.Value(without)}")
            : (TrialOutcome.Slow, $"{fell}; outputs that ignore the inputs reach {NumberFormat.Value(without)}");
    }

    static double Length(ReadOnlySpan<float> values) => TensorPrimitives.Norm(values);

    static double Unmoved(ReadOnlySpan<float> now, ReadOnlySpan<float> before)
    {
        var same = 0;
        for (var i = 0; i < now.Length; i++) if (now[i] == before[i]) same++;
        return now.Length == 0 ? 0 : (double)same / now.Length;
    }

    /// <summary>A training.</summary>
    /// <param name="Rate">Its learning rate.</param>
    /// <param name="Goal">The loss at which the batch is learned by heart.</param>
    /// <param name="Losses">Its losses, each before the step of its place.</param>
    /// <param name="Unmoved">The share of elements of each parameter that are what they were.</param>
    /// <param name="Ratios">Length of update over length of parameter.</param>
    sealed record Attempt(float Rate, double Goal, List<double> Losses, List<(string Name, double Share)> Unmoved, List<(string Name, double Ratio)> Ratios)
    {
        /// <summary>Whether the batch is learned by heart.</summary>
        public bool IsLearned => Losses[^1] <= Goal;

        /// <summary>Whether the loss ends finite and no higher than it began.</summary>
        public bool EndsWell => Losses[^1] <= Losses[0];
    }
}
