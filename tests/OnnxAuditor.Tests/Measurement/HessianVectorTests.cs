using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>
/// Hessian-vector products against differences of the first gradients along a random direction. Both are computed in float32: gradients with a rounding of 1e-6 of
/// their norm, and a step at which the truncation is as small, leave 1e-5 to 1e-4 of the differences. Reached, as a fraction of the norm of the
/// differences: torch_mobilenet_v3 8e-5, all others 3e-6 to 3e-5.
/// </summary>
public sealed class HessianVectorTests
{
    const double Tolerance = 2e-4;

    /// <summary>For one parameter alone the rounding of the whole is added: the curvature by a bias in front of a norm is zero.</summary>
    const double Rounding = 1e-5;

    /// <summary>The products of a symmetric matrix differ by rounding, here by at most 7e-9 of the sum of the magnitudes that they add up.</summary>
    const double SymmetryTolerance = 1e-7;

    [Theory]
    [InlineData("models/residual_cnn", 4)]
    [InlineData("models/transformer", 2)]
    [InlineData("models/lstm_tagger", 2)]
    [InlineData("models/conditional_encoder", 2)]
    [InlineData("shared/models/real/mnist_cnn", 4)]
    [InlineData("shared/models/torch/torch_encoder", 4)]
    [InlineData("shared/models/torch/torch_gpt", 2)]
    [InlineData("shared/models/torch/torch_tagger", 2)]
    [InlineData("shared/models/torch/torch_unet", 2)]
    [InlineData("shared/models/torch/torch_vit_tiny", 2)]
    [InlineData("shared/models/torch/torch_mobilenet_v3", 2, Traits = ["Category", "Long"])]
    [InlineData("shared/models/torch/torch_shufflenet", 2, Traits = ["Category", "Long"])]
    public void A_product_is_the_difference_of_gradients_along_the_vector_and_the_Hessian_is_symmetric(string model, long batch)
    {
        string[] parts = $"{model}.onnx".Split('/');
        using var curvature = new Curvature(parts[0] == "shared" ? SharedFiles.Require(parts[1..]) : Checkout.Path(parts), batch);
        Assert.Empty(curvature.Gaps);
        Assert.True(curvature.HeldFault() < 1e-5, $"Held on its pieces the network has another gradient, {curvature.HeldFault():G3} of its norm away.");
        var (v, u) = (curvature.Direction(1), curvature.Direction(2));
        var (hv, hu) = (curvature.Product(v), curvature.Product(u));

        var difference = curvature.Difference(v);
        var scale = Curvature.Norm(difference);
        Assert.True(Curvature.Distance(hv, difference) is var error && error < Tolerance * scale, $"The product is {error / scale:G3} of the norm of the differences away from them.");
        foreach (var name in hv.Keys)
        {
            var (found, expected) = (Curvature.Only(hv, name), Curvature.Only(difference, name));
            var gap = Curvature.Distance(found, expected);
            Assert.True(gap < Tolerance * Curvature.Norm(expected) + Rounding * scale, $"{name}: {gap:G3} where the norm is {Curvature.Norm(expected):G3}, of {scale:G3} over all parameters.");
        }

        var (forth, back) = (Curvature.Terms(u, hv).ToList(), Curvature.Terms(v, hu).ToList());
        Assert.Equal(forth.Sum(), back.Sum(), SymmetryTolerance * forth.Sum(Math.Abs));
        Assert.NotEqual(0, forth.Sum());
    }
}
