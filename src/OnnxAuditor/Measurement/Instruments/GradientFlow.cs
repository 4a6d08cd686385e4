using GraphRewriter.Emission;
using GraphRewriter.Ir;

namespace OnnxAuditor.Measurement.Instruments;

/// <summary>
/// Σ w · (H g) of each weight tensor, H the Hessian of the loss and g its gradient, both by the weights of convolution, linear and recurrent layers (Wang, Zhang and Grosse, GraSP, ICLR 2020). The second sweep
/// starts from the gradients with themselves as cotangents, which gives H g without forming H.
/// </summary>
static class GradientFlow
{
    /// <summary>The instrument: one number a tensor.</summary>
    internal static readonly Instrument<double[]> Instrument = new("gradient-flow", InstrumentNeeds.Loss, Emit, Read) { GradientsBy = s => s.Weights().Select(w => w.Parameter.Value) };

    static void Emit(InstrumentSite site)
    {
        var first = site.Differentiation!.Gradients;
        var weights = site.Weights().Where(w => first.ContainsKey(site.Image(w.Parameter.Value))).ToList();
        if (weights.Count == 0) throw new ModelException(ModelProblem.Unsupported, "no gradient reaches the weight of a convolution, linear or recurrent layer");
        Value[] images = [.. weights.Select(w => site.Image(w.Parameter.Value))];
        var second = site.VectorJacobian([.. images.Select(i => (first[i], first[i]))], images);
        if (second.Blocked.FirstOrDefault(b => b.IsMissingRule) is { } missing) throw new ModelException(ModelProblem.Unsupported, $"the second derivative stops at '{missing.Node.LogicalName}' ({missing.Node.OpType}): {missing.Reason}");
        foreach (var (index, parameter) in weights)
        {
            var image = site.Image(parameter.Value);
            if (!second.Gradients.TryGetValue(image, out var product)) continue;
            site.Tape.Origin = parameter.Name;
            site.Show($"flow/{index}", site.Tape.Reshape(site.Tape.ReduceAll("ReduceSum", site.Tape.Mul(image, product)), 1));
        }
        // A loss that is linear in every weight has no curvature.
        if (site.Shown.Count == 0) throw new ModelException(ModelProblem.Unsupported, "the loss has no second derivative by the weights");
    }

    static double[] Read(InstrumentOutputs outputs) => outputs.Parts == 1
        ? [.. outputs.Keys.Select(k => outputs.Sum(k)[0])]
        : throw new ModelException(ModelProblem.Budget, "the batch went through in parts, and the product of the whole batch's Hessian and gradient is not made of its parts'");
}
