using System.Text.Json.Nodes;
using OnnxAuditor.Comparison;
using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;
using Xunit;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>The HTML report as a browser shows it.</summary>
public sealed class BrowserTests : IDisposable
{
    const int Phone = 390;

    readonly string folder = Directory.CreateTempSubdirectory("page-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_page_asks_for_nothing_complains_of_nothing_and_fits_a_phone_and_the_dark()
    {
        Assert.SkipWhen(Browser.Program is null, "Chromium is not installed.");
        await using var browser = await Browser.Start(Cancellation);
        AuditReport[] reports =
        [
            SampleReports.Of(SampleReports.Sick), SampleReports.Of(SampleReports.Healthy), SampleReports.Of(SampleReports.Sick, SampleReports.Unreadable, HostileNames.Model),
            SampleReports.Of(SampleReports.Sick, SampleReports.Healthy) with { Comparison = Compare.Of([SampleReports.Sick, SampleReports.Healthy]) },
        ];
        foreach (var report in reports)
        {
            var path = Path.Combine(folder, "report.html");
            File.WriteAllText(path, HtmlReport.Write(report, SampleReports.Glossary));
            await browser.Send("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = Phone, ["height"] = 844, ["deviceScaleFactor"] = 1, ["mobile"] = true }, Cancellation);
            await browser.Open(path, Cancellation);
            Assert.All(browser.Events("Network.requestWillBeSent"), r => Assert.StartsWith("file:", r["request"]!["url"]!.GetValue<string>(), StringComparison.Ordinal));
            Assert.Single(browser.Events("Network.requestWillBeSent"));
            Assert.Empty(browser.Events("Log.entryAdded").Concat(browser.Events("Runtime.consoleAPICalled")).Concat(browser.Events("Runtime.exceptionThrown")).Select(e => e.ToJsonString()));
            Assert.Equal(Phone, (await browser.Value("document.documentElement.scrollWidth", Cancellation))!.GetValue<int>());
            Assert.Equal("rgb(255, 255, 255)", (await browser.Value("getComputedStyle(document.body).backgroundColor", Cancellation))!.GetValue<string>());
            await browser.Send("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }) }, Cancellation);
            Assert.Equal("rgb(13, 17, 23)", (await browser.Value("getComputedStyle(document.body).backgroundColor", Cancellation))!.GetValue<string>());
            await browser.Send("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray() }, Cancellation);
            Assert.Equal(0, (await browser.Value("[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length", Cancellation))!.GetValue<int>());
        }
    }

    [Fact]
    public async Task The_test_sees_a_request_and_a_complaint()
    {
        Assert.SkipWhen(Browser.Program is null, "Chromium is not installed.");
        await using var browser = await Browser.Start(Cancellation);
        var path = Path.Combine(folder, "bad.html");
        File.WriteAllText(path, "<!DOCTYPE html><img src=\"missing.png\"><script>console.error('no')</script><div style=\"width:2000px\">wide</div>");
        await browser.Open(path, Cancellation);
        Assert.Equal(2, browser.Events("Network.requestWillBeSent").Count());
        Assert.Single(browser.Events("Runtime.consoleAPICalled"));
        Assert.InRange((await browser.Value("document.documentElement.scrollWidth", Cancellation))!.GetValue<int>(), 2000, 2020);
    }
}
