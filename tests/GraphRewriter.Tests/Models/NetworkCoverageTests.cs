using System.Globalization;
using System.Text;
using GraphRewriter.Canonicalization;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Xunit;

namespace GraphRewriter.Tests.Models;

/// <summary>How much of real networks the gradients reach: the page docs/networks.md, written with UPDATE_DOCS=1.</summary>
public class NetworkCoverageTests
{
    const string Heading = """
        # Networks

        <!-- Made from the networks; UPDATE_DOCS=1 with the tests writes it anew where they are present. -->

        What the gradients of the loss reach in networks that others trained or exported. Nodes are those of the file, subgraphs included, and of its canonical form, in which functions are inlined,
        constants lifted, branches resolved and fused operators decomposed. A trainable parameter is reached where its gradient is in the differentiated graph.

        | network | exporter | opset | nodes | canonical | trainable parameters | elements | reached |
        | --- | --- | --: | --: | --: | --: | --: | --: |

        """;

    [Fact]
    public void The_page_says_what_gradients_reach()
    {
        if (SharedFiles.Root is null) Assert.Skip("The shared test networks are absent.");
        var networks = SharedFiles.Models("real").Concat(SharedFiles.Models("torch")).Select(Network.Read).ToList();

        Assert.Equal(26, networks.Count);
        var page = Page(networks);
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") is "1") File.WriteAllText(Checkout.Path("docs", "networks.md"), page);
        Assert.Equal(File.ReadAllText(Checkout.Path("docs", "networks.md")), page);
    }

    static string Page(List<Network> networks)
    {
        var text = new StringBuilder(Heading.ReplaceLineEndings("\n"));
        foreach (var n in networks)
            text.Append(CultureInfo.InvariantCulture, $"| {n.Name} | {n.Exporter} | {n.Opset} | {n.Nodes} | {n.CanonicalNodes} | {n.Trainable} | {n.Elements} | {(n.Elements == 0 ? "no trainable parameter" : $"{100.0 * n.Reached / n.Elements:0.##} %")} |\n");
        text.Append("\n## What is not reached or not trained, and why\n\n| network | what | why |\n| --- | --- | --- |\n");
        foreach (var n in networks)
            foreach (var (what, why) in n.Exceptions) text.Append(CultureInfo.InvariantCulture, $"| {n.Name} | {what} | {why} |\n");
        return text.ToString();
    }

    sealed record Network(string Name, string Exporter, long Opset, int Nodes, int CanonicalNodes, int Trainable, long Elements, long Reached, IReadOnlyList<(string What, string Why)> Exceptions)
    {
        public static Network Read(string name)
        {
            using var file = OnnxReader.Read(SharedFiles.Require("models/" + name));
            var canonical = Canonicalizer.Run(file.Model, new CanonicalOptions());
            var graph = canonical.Model.Graph;
            RemoveDropout.Apply(graph);
            SetNormStatistics.Frozen(graph);
            var nodes = graph.Nodes.ToList();
            var trainable = canonical.Parameters.Where(p => p.Trainable).ToList();
            var exceptions = NotTrained(canonical);
            var reached = 0L;
            try
            {
                var result = Differentiate.Run(graph, AttachLoss.Run(graph).Loss, [.. trainable.Select(p => p.Value)]);
                reached = trainable.Where(p => result.Gradients.ContainsKey(p.Value)).Sum(p => p.Count);
                exceptions.AddRange(trainable.Where(p => !result.Gradients.ContainsKey(p.Value)).Select(p => (p.ToString(), Stop(nodes, p.Value, result.Blocked))));
            }
            catch (ModelException e) when (e.Problem == ModelProblem.Unsupported)
            {
                exceptions.Add(("all gradients", e.Message));
            }
            var exporter = file.Model.ProducerName.Length > 0 ? file.Model.ProducerName : "not stated";
            return new Network(name, exporter, canonical.SourceOpset, file.Model.Graph.AllNodes().Count(), nodes.Count, trainable.Count, trainable.Sum(p => p.Count), reached, exceptions);
        }

        /// <summary>What is there beside trained parameters: statistics, tables, constants of branches not taken, and operators without canonical form.</summary>
        static List<(string What, string Why)> NotTrained(CanonicalModel canonical)
        {
            var statistics = canonical.Parameters.Where(p => p.Role is ParameterRole.RunningMean or ParameterRole.RunningVariance).ToList();
            var others = canonical.Parameters.Where(p => !p.Trainable).Except(statistics);
            var left = canonical.Notes.Where(n => n.Contains("branches that are not taken", StringComparison.Ordinal));
            List<(string, string)> result = [];
            if (statistics.Count > 0) result.Add((string.Create(CultureInfo.InvariantCulture, $"{statistics.Count} tensors of {statistics.Sum(p => p.Count)} elements"), "running statistics of BatchNormalization"));
            result.AddRange(others.Select(p => ($"{p.Name} {p.Value.Shape}", p.Role == ParameterRole.FrontEnd ? "a fixed table in front of the learned layers" : p.Role.ToString())));
            result.AddRange(left.Select(n => ("constants of a branch", n)));
            result.AddRange(canonical.Unsupported.Select(u => ($"{u.OpType} '{u.Node}'", u.Reason)));
            return result;
        }

        /// <summary>The first operator behind a value at which the gradient stopped.</summary>
        static string Stop(List<Node> nodes, Value value, IReadOnlyList<BlockedNode> blocked)
        {
            var behind = new HashSet<Value> { value };
            var stops = blocked.ToDictionary(b => b.Node);
            foreach (var node in nodes.Where(n => n.UsedValues().Any(behind.Contains)))
            {
                if (stops.TryGetValue(node, out var stop)) return $"{node.OpType} '{node.LogicalName}': {stop.Reason}";
                behind.UnionWith(node.Outputs.OfType<Value>());
            }
            return "it leads to no output that a loss is attached to";
        }
    }
}
