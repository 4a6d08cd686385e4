using GraphRewriter.Emission;
using GraphRewriter.Gradients;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>First and second derivatives of the outputs along a path of inputs.</summary>
/// <param name="Velocity">d out / dθ of the first sample's logits.</param>
/// <param name="Acceleration">d² out / dθ².</param>
sealed record CurveDerivatives(double[] Velocity, double[] Acceleration);

/// <summary>
/// The 2-jet of the logits along the circle x(θ) = u cos θ + v sin θ at θ = 0, where u is the input fed (<see cref="InputLaw.CirclePoint"/>) and u, v are orthonormal: x′ = v, x″ = −u. The graph of the forward
/// derivative is that of the reverse one transposed: a gradient is linear in its cotangent r, so its derivative by r is the Jacobian times x′, and no node of the reverse pass is left in it.
/// Doing so twice gives the second derivative. No second engine is needed; Torch's double backward gives the same (see the tests).
/// </summary>
static class OutputCurve
{
    /// <summary>The instrument.</summary>
    internal static readonly Instrument<CurveDerivatives> Instrument = new("output-curve", InstrumentNeeds.None, Emit, Read);

    static void Emit(InstrumentSite site)
    {
        var logits = site.Logits()[0];
        var consumers = site.Source.Model.Graph.Consumers();
        // States and masks have contents of their own, which are no points of a circle.
        var points = site.Source.Model.Graph.Inputs.Where(i => i.IsFloat && i.Data is null && !MakeInputs.IsSetting(i, consumers)).Select(site.Image).Where(i => i is { Type: ElementType.Float32, Shape.IsStatic: true }).ToList();
        if (points.Count == 0) throw new ModelException(ModelProblem.Unsupported, "the model has no float input that could move on a path");
        // x + θ v − θ²/2 u at θ = 0 has the derivatives of the circle.
        var theta = site.Input("theta", Shape.Of(1), (_, _) => TensorData.FromFloats([1], [0]));
        var start = new Tape(site.Names) { Prefix = "curve/" };
        foreach (var point in points)
        {
            var batch = site.Source.Batch.Axes.TryGetValue(point.Name, out var axis) && axis == 0 ? point.Shape![0].Size : 1;
            var length = (int)(point.Shape!.ElementCount / Math.Max(1, batch));
            var (shape, name) = (point.Shape, point.Name);
            var direction = site.Input($"direction/{name}", shape, (p, _) => Repeated(OrthonormalPair.Of(length, p.Seed, name).Second, shape));
            var moved = start.Sub(start.Add(point, start.Mul(direction, theta)), start.Mul(point, start.Mul(start.Square(theta), 0.5)));
            site.Graph.ReplaceUses(point, moved);
        }
        start.InsertInto(site.Graph, 0);
        var velocity = Along(site, logits, theta);
        var acceleration = Along(site, velocity, theta);
        site.Show("velocity", velocity);
        site.Show("acceleration", acceleration);
    }

    /// <summary>dy / dθ of the shape of y.</summary>
    static Value Along(InstrumentSite site, Value y, Value theta)
    {
        var r = site.Input("cotangent", y.Shape!, (_, _) => TensorData.FromFloats(y.Shape!.ToArray(), new float[y.Shape!.ElementCount]));
        if (!site.VectorJacobian([(y, r)], [theta]).Gradients.TryGetValue(theta, out var back))
            throw new ModelException(ModelProblem.Unsupported, "the outputs do not depend on the inputs through differentiable operators");
        var tape = new Tape(site.Names) { Prefix = "jet/" };
        if (!Differentiate.Run(site.Graph, [(back, tape.FullLike(back, 1))], [r], tape, site.StraightThrough).Gradients.TryGetValue(r, out var forward))
            throw new ModelException(ModelProblem.Unsupported, "the outputs do not change along the path");
        return forward;
    }

    static TensorData Repeated(double[] one, Shape shape)
    {
        var values = new float[shape.ElementCount];
        for (var i = 0; i < values.Length; i++) values[i] = (float)one[i % one.Length];
        return TensorData.FromFloats(shape.ToArray(), values);
    }

    static CurveDerivatives Read(InstrumentOutputs outputs)
    {
        double[] First(string key)
        {
            var data = outputs.Each(key)[0];
            return data.ToDoubles()[..(int)(data.Count / Math.Max(1, outputs.Batch))];
        }
        return new CurveDerivatives(First("velocity"), First("acceleration"));
    }
}
