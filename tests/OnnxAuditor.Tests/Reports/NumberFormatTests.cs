using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reports;

public class NumberFormatTests
{
    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.5, "0.5")]
    [InlineData(1.23456, "1.235")]
    [InlineData(-12.3456, "-12.35")]
    [InlineData(1234.56, "1235")]
    [InlineData(12345.6, "12350")]
    [InlineData(123456, "123500")]
    [InlineData(999960, "1e6")]
    [InlineData(1234567, "1.235e6")]
    [InlineData(0.00012345, "0.0001234")]
    [InlineData(0.000012345, "1.234e-5")]
    [InlineData(9.9999, "10")]
    [InlineData(1e300, "1e300")]
    [InlineData(5e-324, "4.941e-324")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.PositiveInfinity, "+∞")]
    [InlineData(double.NegativeInfinity, "−∞")]
    public void A_number_has_four_significant_digits(double value, string text) => Assert.Equal(text, NumberFormat.Value(value));

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(1, "100 %")]
    [InlineData(0.123456, "12.35 %")]
    [InlineData(0.9999999, "> 99.99 %")]
    [InlineData(0.00000001, "< 0.01 %")]
    public void A_share_is_all_or_nothing_only_where_it_is(double share, string text) => Assert.Equal(text, NumberFormat.Percent(share));

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1, "1 byte")]
    [InlineData(1023, "1,023 bytes")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1234567, "1.177 MiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    public void Bytes_have_binary_units(long bytes, string text) => Assert.Equal(text, NumberFormat.Bytes(bytes));

    [Theory]
    [InlineData(9999, "9999")]
    [InlineData(10000, "10 k")]
    [InlineData(999960, "1 M")]
    [InlineData(589_512_000, "589.5 M")]
    [InlineData(1_234_567_890, "1.235 G")]
    public void A_large_number_has_a_prefix(double count, string text) => Assert.Equal(text, NumberFormat.Large(count));

    [Fact]
    public void A_count_is_grouped_and_agrees_with_its_noun()
    {
        Assert.Equal("1 node", NumberFormat.Count(1, "node"));
        Assert.Equal("1,234,567 nodes", NumberFormat.Count(1234567, "node"));
        Assert.Equal("2 entries", NumberFormat.Count(2, "entry", "entries"));
    }
}
