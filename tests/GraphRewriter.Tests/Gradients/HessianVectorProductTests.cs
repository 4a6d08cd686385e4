using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using Xunit;

namespace GraphRewriter.Tests.Gradients;

public class HessianVectorProductTests
{
    [Fact]
    public void The_product_is_that_of_the_Hessian_by_all_targets_together()
    {
        // loss = Σ a² b: the second derivatives are 2b by a, 2a by a and b, 0 by b.
        var (model, a, b) = Network((t, a, b) => t.Mul(t.Square(a), b));
        var result = Emit(model.Graph, ("first", a), ("second", b));
        Assert.Equal(["v/first", "v/second"], result.Directions.Values.Select(v => v.Name));
        Assert.Equal([2 * 5 * 1 + 2 * 2 * 3, 2 * 7 * 2 + 2 * 4 * 6], Run(model, result.Products[a]));
        Assert.Equal([2 * 2 * 1, 2 * 4 * 2], Run(model, result.Products[b]));
    }

    [Fact]
    public void Where_the_loss_is_linear_the_product_is_zero()
    {
        var (model, a, b) = Network((t, a, b) => t.Add(t.Square(a), b));
        var result = Emit(model.Graph, ("a", a), ("b", b));
        Assert.Equal([2, 4], Run(model, result.Products[a]));
        Assert.Equal([0, 0], Run(model, result.Products[b]));
    }

    [Fact]
    public void A_target_that_the_loss_does_not_depend_on_has_neither_direction_nor_product()
    {
        var (model, a, b) = Network((t, a, b) => t.Square(a));
        var result = Emit(model.Graph, ("a", a), ("b", b));
        Assert.Equal([a], result.Directions.Keys);
        Assert.Equal([a], result.Products.Keys);
    }

    [Fact]
    public void A_target_whose_gradient_lacks_a_part_is_left_out()
    {
        var (model, a, b) = Network((t, a, b) =>
        {
            var unknown = t.Op("NoSuchOperator", b);
            (unknown.Type, unknown.Shape) = (ElementType.Float32, Shape.Of(2));
            return t.Add(t.Mul(t.Square(a), b), unknown);
        });
        var result = Emit(model.Graph, ("a", a), ("b", b));
        Assert.Equal([a], result.Directions.Keys);
        Assert.Equal([a], result.Products.Keys);
    }

    static HessianProducts Emit(Graph graph, params (string Name, Value Value)[] targets) =>
        HessianVectorProduct.Emit(graph, Differentiate.Run(graph, graph.Outputs[0], [.. targets.Select(t => t.Value)]), targets);

    /// <summary>A loss Σ f(a, b) with a = (2, 4), b = (5, 7) fed.</summary>
    static (Model Model, Value A, Value B) Network(Func<Tape, Value, Value, Value> f)
    {
        var graph = new Graph { Name = "network" };
        var (a, b) = (new Value("a", ElementType.Float32, Shape.Of(2)), new Value("b", ElementType.Float32, Shape.Of(2)));
        graph.Inputs.AddRange([a, b]);
        var tape = new Tape(graph);
        graph.Outputs.Add(tape.ReduceAll("ReduceSum", f(tape, a, b)));
        tape.AppendTo(graph);
        var model = new Model(graph);
        model.Opsets[""] = Model.CanonicalOpset;
        return (model, a, b);
    }

    /// <summary>The product along (1, 2) by a and (3, 6) by b.</summary>
    static double[] Run(Model model, Value product)
    {
        var graph = model.Graph;
        graph.Outputs.Clear();
        graph.Outputs.Add(product);
        float[] Content(Value input) => input.Name switch { "a" => [2, 4], "b" => [5, 7], "v/first" or "v/a" => [1, 2], _ => [3, 6] };
        using var runtime = new PlainRuntime(model);
        return runtime.Run(graph.Inputs.ToDictionary(i => i.Name, i => TensorData.FromFloats([2], Content(i)), StringComparer.Ordinal))[product.Name].ToDoubles();
    }
}
