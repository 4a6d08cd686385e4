using OnnxAuditor.Reports;

namespace OnnxAuditor.Comparison;

/// <summary>What changed between two versions of a model: tensors matched by name, then by contents, then by their order among those of the same role and shape.</summary>
static class DiffVersions
{
    /// <summary>From this share of elements in tensors of the same name and shape, or the same contents, on, two models are versions of one.</summary>
    const double SameModel = 0.5;

    /// <summary>Whether two models are versions of one.</summary>
    public static bool AreVersions(ModelReport a, ModelReport b)
    {
        var names = b.Tensors.Select(t => (t.Name, t.Shape)).ToHashSet();
        var hashes = b.Tensors.Where(t => t.Hash is not null).Select(t => t.Hash).ToHashSet(StringComparer.Ordinal);
        var total = Math.Max(a.Tensors.Sum(Elements), b.Tensors.Sum(Elements));
        return total > 0 && a.Tensors.Where(t => names.Contains((t.Name, t.Shape)) || (t.Hash is not null && hashes.Contains(t.Hash))).Sum(Elements) >= SameModel * total;
    }

    /// <summary>The differences.</summary>
    /// <param name="models">The models.</param>
    /// <param name="from">The earlier one.</param>
    /// <param name="to">The later one.</param>
    public static VersionChange Of(IReadOnlyList<ModelReport> models, int from, int to)
    {
        var (a, b) = (models[from], models[to]);
        var (unchanged, tensors) = Tensors(a.Tensors, b.Tensors);
        var operators = a.Operators.Keys.Union(b.Operators.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(op => (op, a.Operators.GetValueOrDefault(op), b.Operators.GetValueOrDefault(op))).Where(o => o.Item2 != o.Item3);
        var (before, after) = (Keys(a), Keys(b));
        return new VersionChange(
            from, to, unchanged, tensors, [.. operators],
            [.. b.Findings.Where(f => !before.Contains((f.RuleId, f.Fingerprint)))], [.. a.Findings.Where(f => !after.Contains((f.RuleId, f.Fingerprint)))],
            b.Findings.Count(f => before.Contains((f.RuleId, f.Fingerprint))));
    }

    static (int Unchanged, IReadOnlyList<TensorChange> Changes) Tensors(IReadOnlyList<TensorRow> before, IReadOnlyList<TensorRow> after)
    {
        var changes = new List<TensorChange>();
        var unchanged = 0;
        var (restA, restB) = (before.ToList(), after.ToList());
        void Match(Func<TensorRow, object?> key, Func<TensorRow, TensorRow, TensorChange?> change)
        {
            var open = restB.GroupBy(key).Where(g => g.Key is not null).ToDictionary(g => g.Key!, g => new Queue<TensorRow>(g));
            foreach (var a in restA.ToList())
            {
                if (key(a) is not { } k || !open.TryGetValue(k, out var queue) || !queue.TryDequeue(out var b)) continue;
                restA.Remove(a);
                restB.Remove(b);
                if (change(a, b) is { } found) changes.Add(found);
                else unchanged++;
            }
        }

        Match(t => (t.Name, t.Shape), (a, b) => Same(a, b) ? null : new TensorChange(TensorChangeKind.Retrained, a, b));
        Match(t => t.Hash is null ? null : (t.Hash, t.Shape), (a, b) => new TensorChange(TensorChangeKind.Renamed, a, b));
        Match(t => t.Name, (a, b) => new TensorChange(TensorChangeKind.Resized, a, b));
        Match(t => (t.Role, t.Shape), (a, b) => new TensorChange(TensorChangeKind.Moved, a, b));
        changes.AddRange(restB.Select(b => new TensorChange(TensorChangeKind.Added, null, b)));
        changes.AddRange(restA.Select(a => new TensorChange(TensorChangeKind.Removed, a, null)));
        return (unchanged, changes);
    }

    /// <summary>Whether two tensors have the same contents; by their norms where a report of an earlier version has no hashes.</summary>
    static bool Same(TensorRow a, TensorRow b) => a.Hash is not null && b.Hash is not null ? a.Hash.Equals(b.Hash, StringComparison.Ordinal) : Equals(a.Norm, b.Norm);

    static HashSet<(string, string)> Keys(ModelReport model) => [.. model.Findings.Select(f => (f.RuleId, f.Fingerprint))];

    static double Elements(TensorRow tensor) => tensor.Shape.Split('×').Aggregate(1.0, (product, d) => product * (double.TryParse(d, System.Globalization.CultureInfo.InvariantCulture, out var size) ? size : 1));
}
