using GraphRewriter.Ir;

namespace GraphRewriter.Serialization;

/// <summary>The names visible in a graph while it is read, and which of its nodes need which others.</summary>
/// <param name="outer">The scope around a subgraph; null for the main graph and for functions.</param>
sealed class Scope(Scope? outer)
{
    readonly Dictionary<string, Value> values = new(StringComparer.Ordinal);
    readonly Dictionary<Value, int> producers = [];
    readonly Dictionary<int, SortedSet<int>> needs = [];
    // Shared by all scopes below a main graph: names are unique in a model read, though the format lets branches repeat them.
    readonly HashSet<string> taken = outer?.taken ?? new(StringComparer.Ordinal);

    /// <summary>The node being read; negative while none is.</summary>
    public int CurrentNode { get; set; } = -1;

    /// <summary>Makes the value of a name; null where this graph has a value of that name already.</summary>
    public Value? Define(string name, int producer = -1)
    {
        if (values.ContainsKey(name)) return null;
        var unique = name;
        for (var i = 2; !taken.Add(unique); i++) unique = $"{name}_{i}";
        var value = new Value(unique);
        values.Add(name, value);
        if (producer >= 0) producers[value] = producer;
        return value;
    }

    /// <summary>The value of a name in this graph alone; null where there is none.</summary>
    public Value? Own(string name) => values.GetValueOrDefault(name);

    /// <summary>The value of a name here or in the graphs around; null where there is none. Notes that the node being read needs the value's producer.</summary>
    public Value? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (!scope.values.TryGetValue(name, out var value)) continue;
            if (scope.CurrentNode >= 0 && scope.producers.TryGetValue(value, out var producer))
            {
                if (!scope.needs.TryGetValue(scope.CurrentNode, out var list)) scope.needs[scope.CurrentNode] = list = [];
                list.Add(producer);
            }
            return value;
        }
        return null;
    }

    /// <summary>
    /// The order in which each node comes after what it needs, as close to the given one as possible, and the cycles that keep some from having a place.
    /// </summary>
    public (int[] Order, List<int[]> Cycles) Sort(int count)
    {
        if (needs.All(n => n.Value.Max < n.Key)) return (Enumerable.Range(0, count).ToArray(), []);
        var users = needs.SelectMany(n => n.Value.Select(p => (Producer: p, User: n.Key))).ToLookup(e => e.Producer, e => e.User);
        var waiting = Enumerable.Range(0, count).Select(i => needs.TryGetValue(i, out var n) ? n.Count : 0).ToArray();
        var ready = new PriorityQueue<int, int>(Enumerable.Range(0, count).Where(i => waiting[i] == 0).Select(i => (i, i)));
        var done = new bool[count];
        var order = new List<int>(count);
        var cycles = new List<int[]>();
        while (order.Count < count)
        {
            while (ready.TryDequeue(out var node, out _)) Place(node);
            if (order.Count == count) break;
            var cycle = FindCycle(done);
            cycles.Add(cycle);
            // Place the cycle as it stands, so that what comes after it, and other cycles, are looked at too.
            foreach (var node in cycle) waiting[node] = 0;
            foreach (var node in cycle) Place(node);
        }
        return ([.. order], cycles);

        void Place(int node)
        {
            if (done[node]) return;
            done[node] = true;
            order.Add(node);
            foreach (var user in users[node])
                if (!done[user] && --waiting[user] == 0) ready.Enqueue(user, user);
        }
    }

    Scope? Outer => outer;

    /// <summary>A cycle among the nodes without a place: from the first of them, each step goes to a node it needs, until one comes again.</summary>
    int[] FindCycle(bool[] done)
    {
        var path = new List<int>();
        var at = Array.IndexOf(done, false);
        var seen = new bool[done.Length];
        while (!seen[at])
        {
            seen[at] = true;
            path.Add(at);
            at = needs[at].First(n => !done[n]);
        }
        path.RemoveRange(0, path.IndexOf(at));
        path.Reverse();
        return [.. path];
    }
}
