using GraphRewriter.Ir;

namespace GraphRewriter.Canonicalization;

/// <summary>Ways through a graph and its subgraphs that several passes take.</summary>
static class GraphWalk
{
    extension(Graph graph)
    {
        /// <summary>This graph and all graphs inside it, outer ones first.</summary>
        public IEnumerable<Graph> SelfAndSubgraphs()
        {
            yield return graph;
            foreach (var node in graph.Nodes)
                foreach (var (_, sub) in node.Subgraphs)
                    foreach (var inner in sub.SelfAndSubgraphs()) yield return inner;
        }

        /// <summary>Every value the graph and its subgraphs define.</summary>
        public IEnumerable<Value> AllValues()
        {
            foreach (var g in graph.SelfAndSubgraphs())
            {
                foreach (var v in g.Inputs) yield return v;
                foreach (var v in g.Initializers) yield return v;
                foreach (var n in g.Nodes)
                    foreach (var o in n.Outputs) if (o is not null) yield return o;
            }
        }

        /// <summary>Every value that some node or graph output, here or in a subgraph, refers to.</summary>
        public HashSet<Value> UsedValues()
        {
            var used = new HashSet<Value>();
            foreach (var g in graph.SelfAndSubgraphs())
            {
                foreach (var o in g.Outputs) used.Add(o);
                foreach (var n in g.Nodes)
                    foreach (var i in n.Inputs) if (i is not null) used.Add(i);
            }
            return used;
        }
    }
}
