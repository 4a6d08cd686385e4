using GraphRewriter.Ir;
using OnnxAuditor.Commands;
using Xunit;

namespace OnnxAuditor.Tests.Commands;

public class OptionValuesTests
{
    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("60s", 60)]
    [InlineData("60", 60)]
    [InlineData("1.5m", 90)]
    [InlineData("2h", 7200)]
    public void A_duration_has_a_unit(string text, double seconds) => Assert.Equal(TimeSpan.FromSeconds(seconds), OptionValues.Duration(text));

    [Theory]
    [InlineData("4GiB", 4L << 30)]
    [InlineData("1.5 MiB", 3L << 19)]
    [InlineData("2GB", 2_000_000_000)]
    [InlineData("1000", 1000)]
    [InlineData("7kib", 7168)]
    public void A_size_has_a_unit(string text, long bytes) => Assert.Equal(bytes, OptionValues.Bytes(text));

    [Theory]
    [InlineData("")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("s")]
    [InlineData("1week")]
    [InlineData("NaN")]
    public void What_is_no_duration_is_refused(string text) => Assert.Contains("such as 60s", Assert.Throws<UsageException>(() => OptionValues.Duration(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-4GiB")]
    [InlineData("4GiBs")]
    [InlineData("1e300GiB")]
    public void What_is_no_size_is_refused(string text) => Assert.Contains("such as 4GiB", Assert.Throws<UsageException>(() => OptionValues.Bytes(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_shape_has_numbers_symbols_and_unknowns()
    {
        var (name, shape) = OptionValues.InputShape("x=batchx3x?x224");
        Assert.Equal("x", name);
        Assert.Equal("batch×3×?×224", shape.ToString());
        Assert.Equal("max_len×2", OptionValues.InputShape("ids=max_len,2").Value.ToString());
        Assert.Equal("a=b", OptionValues.InputShape("a=b=1").Key);
        Assert.Equal(Shape.Scalar, OptionValues.InputShape("s=").Value);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("=1x2")]
    [InlineData("x=1xx2")]
    [InlineData("x=0x2")]
    [InlineData("x=-1x2")]
    [InlineData("x=3dx2")]
    public void What_is_no_shape_is_refused(string text) => Assert.Throws<UsageException>(() => OptionValues.InputShape(text));

    [Fact]
    public void A_whole_number_is_within_its_limits()
    {
        var parse = OptionValues.Integer(1, 10);
        Assert.Equal(10, parse("10"));
        foreach (var bad in (string[])["0", "11", "x", "1.5", "", "1e1"])
            Assert.Equal($"'{bad}' is no whole number from 1 to 10.", Assert.Throws<UsageException>(() => parse(bad)).Message);
    }

    [Fact]
    public void What_was_meant_is_suggested_only_where_it_is_near()
    {
        Assert.Equal("standard", Nearest.Of("standrad", ["fast", "standard", "full"]));
        Assert.Equal("TRN012", Nearest.Of("trn12", ["TRN001", "TRN012", "WGT001"]));
        Assert.Null(Nearest.Of("completely-different", ["fast", "standard"]));
        Assert.Null(Nearest.Of("x", []));
    }
}
