using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace OnnxAuditor.Tests.Reporting;

/// <summary>A headless Chromium, driven by the DevTools protocol.</summary>
sealed class Browser : IAsyncDisposable
{
    static readonly string[] Places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    readonly Process process;
    readonly string profile;
    readonly ClientWebSocket socket = new();
    readonly List<JsonNode> events = [];
    int next;

    Browser(Process process, string profile)
    {
        this.process = process;
        this.profile = profile;
    }

    /// <summary>The program; null where there is none.</summary>
    public static string? Program => Places.FirstOrDefault(File.Exists);

    /// <summary>What the page's events say: requests, messages of the console, exceptions.</summary>
    public IEnumerable<JsonNode> Events(string method) => events.Where(e => e["method"]!.GetValue<string>().Equals(method, StringComparison.Ordinal)).Select(e => e["params"]!);

    /// <summary>Starts the browser with one empty page.</summary>
    public static async Task<Browser> Start(CancellationToken cancellation)
    {
        var folder = Directory.CreateTempSubdirectory("browser-").FullName;
        var start = new ProcessStartInfo(Program!,
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--remote-debugging-port=0", $"--user-data-dir={folder}", "about:blank",
        ])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var browser = new Browser(Process.Start(start)!, folder);
        const string mark = "DevTools listening on ";
        string? line;
        while ((line = await browser.process.StandardError.ReadLineAsync(cancellation)) is not null && !line.StartsWith(mark, StringComparison.Ordinal)) { }
        // What it says further is read, so that it never waits for us, and not kept.
        _ = browser.process.StandardError.ReadToEndAsync(CancellationToken.None);
        var address = new Uri(line![mark.Length..]);
        using var http = new HttpClient();
        var pages = JsonNode.Parse(await http.GetStringAsync(new Uri($"http://{address.Authority}/json"), cancellation))!.AsArray();
        await browser.socket.ConnectAsync(new Uri(pages.First(p => p!["type"]!.GetValue<string>() is "page")!["webSocketDebuggerUrl"]!.GetValue<string>()), cancellation);
        foreach (var domain in (string[])["Page", "Network", "Log", "Runtime"]) await browser.Send($"{domain}.enable", [], cancellation);
        return browser;
    }

    /// <summary>Opens a file and waits until it is loaded.</summary>
    public async Task Open(string path, CancellationToken cancellation)
    {
        events.Clear();
        await Send("Page.navigate", new JsonObject { ["url"] = new Uri(path).AbsoluteUri }, cancellation);
        while (!Events("Page.loadEventFired").Any()) events.Add(await Receive(cancellation));
    }

    /// <summary>The value of an expression in the page.</summary>
    public async Task<JsonNode?> Value(string expression, CancellationToken cancellation) =>
        (await Send("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true }, cancellation))["result"]!["value"];

    /// <summary>Sends a command and waits for its answer; events that come before it are kept.</summary>
    public async Task<JsonNode> Send(string method, JsonObject parameters, CancellationToken cancellation)
    {
        var id = ++next;
        var text = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters }.ToJsonString();
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, cancellation);
        while (true)
        {
            var message = await Receive(cancellation);
            if (message["id"] is not { } answered) events.Add(message);
            else if (answered.GetValue<int>() == id) return message["result"] ?? throw new InvalidOperationException(message.ToJsonString());
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        try
        {
            Directory.Delete(profile, recursive: true);
        }
        catch (IOException)
        {
            // A child of the browser that is still ending may write into its profile; the folder is a temporary one.
        }
    }

    async Task<JsonNode> Receive(CancellationToken cancellation)
    {
        using var message = new MemoryStream();
        var buffer = new byte[1 << 16];
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(), cancellation);
            message.Write(buffer.AsSpan(0, part.Count));
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(Encoding.UTF8.GetString(message.GetBuffer().AsSpan(0, (int)message.Length)))!;
    }
}
