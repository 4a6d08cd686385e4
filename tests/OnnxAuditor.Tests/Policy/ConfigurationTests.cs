using OnnxAuditor.Policy;
using Xunit;

namespace OnnxAuditor.Tests.Policy;

public sealed class ConfigurationTests : IDisposable
{
    static readonly string[] Options = ["batch", "profile", "gate", "data", "baseline", "fail-on"];

    readonly string folder = Directory.CreateTempSubdirectory("configuration-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    Configuration Read(string text)
    {
        var path = Path.Combine(folder, Configuration.FileName);
        File.WriteAllText(path, text);
        return Configuration.Read(path, Options);
    }

    IReadOnlyDictionary<string, Setting> For(string text, string model) => Read(text).For(Path.Combine(folder, model));

    [Fact]
    public void Settings_are_words_with_the_line_they_stand_on()
    {
        var settings = For("batch = 4\nprofile = \"fast\"\n\ngate = [\"intrain >= 1\", \"macs < 1G\"]\n[severity]\nTRN019 = \"info\"\nWGT010 = \"off\"\n[threshold]\n\"ACT001.error\" = 0.75\nACT001.warning = 1e-1\n", "m.onnx");
        Assert.Equal(["4"], settings["batch"].Values);
        Assert.EndsWith($"{Configuration.FileName}:4", settings["gate"].Origin, StringComparison.Ordinal);
        Assert.Equal(["intrain >= 1", "macs < 1G"], settings["gate"].Values);
        Assert.Equal([("TRN019", "info"), ("WGT010", "off")], Configuration.Severities(settings));
        Assert.Equal([("ACT001.error", 0.75), ("ACT001.warning", 0.1)], Configuration.Thresholds(settings));
    }

    [Theory]
    [InlineData("vendor/a/x.onnx", "8")]
    [InlineData("vendor/x.onnx", "8")]
    [InlineData("own/big_x.onnx", "16")]
    [InlineData("own/x.onnx", "4")]
    [InlineData("vendor/big_x.onnx", "16")]
    public void Overrides_apply_by_path_and_the_later_one_wins(string model, string batch)
    {
        const string text = "batch = 4\n[[override]]\npaths = [\"vendor/**\"]\nbatch = 8\nseverity.TRN019 = \"off\"\n[[override]]\npaths = \"big_*.onnx\"\nbatch = 16\n[override.severity]\nTRN001 = \"error\"\n";
        var settings = For(text, model);
        Assert.Equal([batch], settings["batch"].Values);
        Assert.Equal(model.StartsWith("vendor/", StringComparison.Ordinal), settings.ContainsKey("severity.TRN019"));
        Assert.Equal(batch is "16", settings.ContainsKey("severity.TRN001"));
    }

    [Fact]
    public void Paths_are_taken_from_the_folder_of_the_file()
    {
        var settings = For("baseline = \"known.json\"\ndata = [\"image=x.npy\"]", "m.onnx");
        Assert.Equal(Path.Combine(folder, "known.json"), Path.GetFullPath(settings["baseline"].Values[0]));
        Assert.StartsWith("image=", settings["data"].Values[0], StringComparison.Ordinal);
        Assert.Equal(Path.Combine(folder, "x.npy"), Path.GetFullPath(settings["data"].Values[0]["image=".Length..]));
    }

    [Theory]
    [InlineData("batch = ", "line 1")]
    [InlineData("batch = 1\nbach = 4", "line 2: there is no setting 'bach'; did you mean 'batch'?")]
    [InlineData("[severity]\nTRN999 = \"info\"", "line 2: there is no rule 'TRN999'; did you mean 'TRN")]
    [InlineData("severity.TRN001 = \"fatal\"", "'fatal' is no severity; allowed: error, warning, info, off")]
    [InlineData("threshold.ACT001.eror = 1", "there is no threshold 'ACT001.eror'; did you mean 'ACT001.error'?")]
    [InlineData("threshold.ACT001.error = \"high\"", "a threshold is one number")]
    [InlineData("[override]\nbatch = 1", "with two brackets")]
    [InlineData("[[override]]\nbatch = 1", "does not say which models it is for")]
    [InlineData("[[overide]]\nbatch = 1", "there is no list of tables")]
    [InlineData("batch = 2026-01-01", "'batch' is a text, a number")]
    public void A_mistake_is_told_with_file_and_line(string text, string expected)
    {
        var message = Assert.Throws<UsageException>(() => Read(text)).Message;
        Assert.Contains($"{Configuration.FileName}, line ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }
}
