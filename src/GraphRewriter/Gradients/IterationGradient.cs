using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace GraphRewriter.Gradients;

/// <summary>
/// The gradient of a Scan or a Loop: a Scan that runs over the same steps from the last to the first. It carries the gradients of the states and of what the
/// body captures, sees what the forward runs kept, and stacks the gradients of the slices. The graph does not grow with the number of steps.
/// </summary>
static class IterationGradient
{
    public static IReadOnlyList<(Value Input, Value Gradient)> Emit(Tape t, Iteration loop, IReadOnlyList<Value?> dy, SweepScope scope)
    {
        var captured = Iteration.CapturedBy(loop.Body).Where(scope.Wanted.Contains).ToList();
        var items = loop.Items.Where(i => scope.Wanted.Contains(i.Stack)).ToList();
        CheckStates(loop);
        var states = ActiveStates(loop, [.. captured, .. items.Select(i => i.Inner)], dy, scope);
        var products = captured.ToDictionary(c => c, c => StackedProduct.UsesOf(c, loop.Body));
        var carried = captured.Where(c => products[c].Count == 0).ToList();

        var scan = new ScanBuilder(t);
        var cotangents = states.ToDictionary(s => s, s => scan.Carry(dy[s.Output] ?? t.ZerosLike(loop.Node.Outputs[s.Output] ?? s.Initial)));
        var seeds = states.Select(s => (s.Next, cotangents[s])).ToList();
        foreach (var y in loop.Yields)
            if (y.Output < dy.Count && dy[y.Output] is { } given) seeds.Add((y.Each, scan.Over(given, y.Axis, !y.Backwards)));
        Value[] targets = [.. states.Select(s => s.Inner), .. items.Select(i => i.Inner), .. carried, .. products.Values.SelectMany(p => p).Select(p => p.Output)];
        var inner = Differentiate.Sweep(loop.Body.Nodes, seeds, targets.Distinct().ToList(), scan.Body, scope.Rules);
        scope.Add(inner);

        var gradients = inner.Gradients;
        var residuals = new IterationResiduals(t, loop);
        var result = new List<(Value, Value)>();
        foreach (var s in states)
        {
            scan.Next(cotangents[s], gradients.GetValueOrDefault(s.Inner) ?? scan.Body.ZerosLike(cotangents[s]));
            result.Add((s.Initial, scan.FinalOf(cotangents[s])));
        }
        foreach (var item in items)
            if (gradients.TryGetValue(item.Inner, out var g)) result.Add((item.Stack, scan.Yield(g, item.Axis, !item.Backwards)));
        foreach (var c in carried)
        {
            if (!gradients.TryGetValue(c, out var g)) continue;
            var sum = scan.Carry(t.ZerosLike(c));
            scan.Next(sum, scan.Body.Add(sum, g));
            result.Add((c, scan.FinalOf(sum)));
        }
        var stacked = new List<StackedProduct>();
        foreach (var (weight, uses) in products)
        {
            foreach (var use in uses)
            {
                if (!gradients.TryGetValue(use.Output, out var g)) continue;
                var rows = residuals.AlongFirst(use.Inputs[0]!);
                stacked.Add(new StackedProduct(weight, use, rows, scan.Yield(g, 0, !rows.Backwards)));
            }
        }
        if (result.Count + stacked.Count == 0) return result;
        SupplyResiduals(scan, residuals, loop);
        scan.Emit();
        result.AddRange(stacked.Select(p => (p.Weight, p.Gradient(t))));
        return result;
    }

    /// <summary>The gradient of a state is carried backwards in one shape.</summary>
    static void CheckStates(Iteration loop)
    {
        foreach (var s in loop.States.Where(s => s.Inner.IsFloat))
        {
            var (first, each) = (s.Initial.Shape, s.Inner.Shape);
            if (each is null || (first is not null && first.Zip(each).Any(d => d.First.IsKnown && !d.Second.IsKnown)))
                throw new ModelException(ModelProblem.Unsupported, $"'{s.Inner.Name}', which {loop.Node} carries, changes its shape from run to run; its gradient cannot be carried back.");
        }
    }

    /// <summary>The states on a float path from a wanted value to something with a gradient; what runs later counts for what runs earlier.</summary>
    static List<CarriedState> ActiveStates(Iteration loop, IReadOnlyList<Value> wanted, IReadOnlyList<Value?> dy, SweepScope scope)
    {
        var floats = loop.States.Where(s => s.Inner.IsFloat).ToList();
        var depend = Closure(floats.Where(s => scope.Wanted.Contains(s.Initial)), floats,
            known => Differentiate.Downstream(loop.Body.Nodes, [.. wanted, .. known.Select(s => s.Inner)]).Values, s => s.Next);
        var yields = loop.Yields.Where(y => y.Output < dy.Count && dy[y.Output] is not null).Select(y => y.Each).ToList();
        var lead = Closure(floats.Where(s => s.Output < dy.Count && dy[s.Output] is not null), floats,
            known => Differentiate.Upstream(loop.Body.Nodes, [.. yields, .. known.Select(s => s.Next)]).Values, s => s.Inner);
        return [.. floats.Where(s => depend.Contains(s) && lead.Contains(s))];
    }

    static HashSet<CarriedState> Closure(IEnumerable<CarriedState> start, List<CarriedState> all, Func<IEnumerable<CarriedState>, HashSet<Value>> reached, Func<CarriedState, Value> end)
    {
        var known = start.ToHashSet();
        for (var before = -1; before != known.Count;)
        {
            before = known.Count;
            var values = reached(known);
            known.UnionWith(all.Where(s => values.Contains(end(s))));
        }
        return known;
    }

    /// <summary>Scans what the backward body uses of the forward runs.</summary>
    static void SupplyResiduals(ScanBuilder scan, IterationResiduals residuals, Iteration loop)
    {
        scan.DropUnused();
        residuals.TakeShapes(scan.Body);
        foreach (var value in scan.UsedValues().Distinct().ToList())
        {
            if (residuals.Holds(value))
            {
                var runs = residuals.Of(value);
                scan.Replace(value, scan.Over(runs.Stack, runs.Axis, !runs.Backwards));
            }
            else if (loop.Body.Initializers.Contains(value)) scan.Replace(value, scan.Body.Const(value.Data!));
        }
        if (scan.HasItems) return;
        // The number of steps must come from somewhere.
        var any = loop.Counter is { } counter ? residuals.Of(counter) : residuals.Of(loop.Items[0].Inner);
        scan.Over(any.Stack, any.Axis, !any.Backwards);
    }
}
