using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.Measurement;

/// <summary>The page docs/agreement.md. Figures are rounded up to powers of ten, as their digits are those of a machine.</summary>
static partial class AgreementPage
{
    /// <summary>A network on both engines.</summary>
    /// <param name="Network">Its file below the shared models.</param>
    /// <param name="Layers">Layers and outputs compared.</param>
    /// <param name="LayerDifference">Their largest difference, of the largest entry.</param>
    /// <param name="Gradients">Gradients of parameters compared.</param>
    /// <param name="GradientDifference">The largest difference of those at no kink.</param>
    /// <param name="AtKinks">Gradients that rounding decides.</param>
    /// <param name="Seed">The seed of inputs and targets.</param>
    public sealed record Row(string Network, int Layers, double LayerDifference, int Gradients, double GradientDifference, int AtKinks, int Seed)
    {
        public static Row Of(string network, CrossChecked found, int seed) => new(
            network, found.Layers.Count, Worst(found.Layers), found.Gradients.Count, Worst(found.Gradients), found.Gradients.Count(g => g.Agreement == Agreement.Kink), seed);

        static double Worst(IReadOnlyList<ComparedTensor> tensors) => tensors.Where(t => t.Agreement == Agreement.Agrees).Select(t => t.Difference).Append(0).Max();
    }

    /// <summary>Writes the page.</summary>
    public static string Of(IReadOnlyList<Row> rows, IReadOnlyDictionary<string, string> leftOut)
    {
        var text = new StringBuilder("""
            # Agreement of the engines

            <!-- Made by CrossCheckTests; UPDATE_DOCS=1 with the tests writes it anew where the networks are present. -->

            Networks that others trained or exported on both engines, as `--cross-check` runs them: ONNX Runtime computes our gradient graph, Torch the model alone, with autograd. Compared are the
            value of every layer and output and the gradient of every trainable parameter the loss reaches. Differences are the largest over all tensors, of a tensor's largest entry, rounded up to
            a power of ten; in error is what differs by more than 1e-4 at no kink. Of inputs and targets the first of eight draws counts in which at most a tenth of the gradients stands at
            kinks, where the rounding of a value near zero decides them and neither engine is right.

            | network | layers | differ by | gradients | differ by | at kinks | in error |
            | --- | --: | --: | --: | --: | --: | --: |

            """);
        foreach (var r in rows)
            text.Append(CultureInfo.InvariantCulture, $"| {r.Network} | {r.Layers} | 1e{Power(r.LayerDifference)} | {r.Gradients} | 1e{Power(r.GradientDifference)} | {(r.AtKinks == 0 ? "none" : "up to 10 %")} | 0 |\n");
        text.Append("\n## Left out\n\n| network | why |\n| --- | --- |\n");
        foreach (var (network, why) in leftOut.OrderBy(l => l.Key, StringComparer.Ordinal)) text.Append(CultureInfo.InvariantCulture, $"| {network} | {why} |\n");
        return text.ToString();
    }

    /// <summary>Asserts that a page says what another one says, but for what rounding on another machine makes of the figures: a power of ten, and what stands at a kink.</summary>
    public static void AssertTells(string measured, string stored)
    {
        Assert.Equal(Figures().Replace(stored, "?"), Figures().Replace(measured, "?"));
        Assert.All(Powers(measured).Zip(Powers(stored)), p => Assert.InRange(p.First, int.MinValue, p.Second + 1));
    }

    static IEnumerable<int> Powers(string page) => Figures().Matches(page).Where(m => m.Groups["power"].Success).Select(m => int.Parse(m.Groups["power"].ValueSpan, CultureInfo.InvariantCulture));

    static int Power(double difference) => Math.Max(-6, (int)Math.Ceiling(Math.Log10(Math.Max(difference, double.Epsilon))));

    [GeneratedRegex(@"(?<=\| )(?:1e(?<power>-\d+)|none|up to 10 %)(?= \|)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Figures();
}
