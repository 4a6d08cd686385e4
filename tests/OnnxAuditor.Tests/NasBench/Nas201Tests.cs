using Bench.NasBench;
using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using OnnxAuditor.Measurement;
using Xunit;

namespace OnnxAuditor.Tests.NasBench;

/// <summary>The benchmark's cells, networks and table against what its authors publish of them.</summary>
public sealed class Nas201Tests
{
    static readonly IReadOnlyList<Nas201Entry> Table = Nas201Table.Read(Nas201Table.PathIn(Checkout.Root));

    static CanonicalModel Network(string digits, CellDialect dialect = CellDialect.Affine) =>
        Canonicalizer.Run(Nas201Network.Build(Nas201Cell.Parse(digits), dialect), new CanonicalOptions { Batch = 2, InputShapes = new Dictionary<string, Shape>(StringComparer.Ordinal) { ["image"] = Shape.Of(2, 3, 32, 32) } });

    static long Trainable(CanonicalModel model) => model.Parameters.Where(p => p.Trainable).Sum(p => p.Count);

    [Fact]
    public void The_table_holds_every_cell_once()
    {
        Assert.Equal(15625, Table.Count);
        Assert.Equal(15625, Table.Select(e => e.Cell.Digits).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Disconnected_cells_are_those_that_guess()
    {
        Assert.Equal(341, Table.Count(e => !e.Cell.IsConnected));
        // Of ten classes in equal shares a network that sees nothing gets exactly a tenth right.
        Assert.All(Table, e => Assert.Equal(!e.Cell.IsConnected, e.Accuracies[0] == 10));
    }

    [Fact]
    public void Cells_with_a_path_of_skips_and_pools_are_9226() => Assert.Equal(9226, Table.Count(e => e.Cell.HasFreePath));

    /// <summary>The first cell, and the best ones by the accuracies that papers state as the optimum.</summary>
    [Theory]
    [InlineData(0, "421211", 85.86, 52.91)]
    [InlineData(6111, "333132", 94.37, 73.22)]
    [InlineData(9930, "333133", 94.36, 73.51)]
    public void Indices_are_those_of_the_benchmark(int index, string digits, double cifar10, double cifar100)
    {
        Assert.Equal(digits, Table[index].Cell.Digits);
        Assert.Equal(cifar10, Table[index].Accuracies[0], 0.01);
        Assert.Equal(cifar100, Table[index].Accuracies[1], 0.01);
    }

    [Fact]
    public void The_best_accuracies_are_the_published_ones() => Assert.Equal([94.37, 73.51, 47.31], Enumerable.Range(0, 3).Select(d => Math.Round(Table.Max(e => e.Accuracies[d]), 2)));

    [Theory]
    [InlineData("333333", 1531546, 220.120)]
    [InlineData("111111", 73306, 7.783)]
    [InlineData("222222", 241306, 31.376)]
    public void Parameters_and_operations_are_those_of_the_benchmark(string digits, long parameters, double megaMacs)
    {
        var model = Network(digits);
        Assert.Equal(parameters, Trainable(model));
        Assert.Equal(megaMacs, CountMacs.PerSample(model.Model.Graph, 2)!.Value / 1e6, 0.01);
    }

    [Fact]
    public void Every_convolution_of_a_cell_adds_its_kernels_and_two_numbers_a_channel()
    {
        var none = Trainable(Network("000000"));
        foreach (var entry in Table.Where(e => e.Index % 1000 == 7))
        {
            var (small, large) = (entry.Cell.Operators.Count(o => o == CellOperator.Convolution1), entry.Cell.Operators.Count(o => o == CellOperator.Convolution3));
            // Σ C² = 16² + 32² + 64² and Σ C = 112 over the stages, five cells each.
            Assert.Equal(none + 5 * (5376 * (small + 9L * large) + 224 * (small + large)), Trainable(Network(entry.Cell.Digits)));
        }
    }

    [Fact]
    public void Without_scale_and_shift_a_convolution_has_one_number_a_channel_and_two_tensors()
    {
        var model = Network("333333", CellDialect.Plain);
        Assert.Equal(1531546 - 5 * 6 * 112, Trainable(model));
        Assert.Equal(90 * 2 + 1 + 2 + 2 * (2 + 4 + 1) + 2 + 2, model.Parameters.Count(p => p.Trainable));
        Assert.Equal(90 * 3 + 1 + 2 + 2 * (2 + 4 + 1) + 2 + 2, Network("333333").Parameters.Count(p => p.Trainable));
    }

    [Fact]
    public void Digits_must_be_six_from_0_to_4()
    {
        Assert.Throws<FormatException>(() => Nas201Cell.Parse("12345"));
        Assert.Throws<FormatException>(() => Nas201Cell.Parse("123405"));
    }
}
