using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>Reads what <see cref="JsonReport"/> wrote. A number that is null there and must be one here is NaN; fields that earlier versions did not write are empty.</summary>
static class ReadJsonReport
{
    /// <summary>The report.</summary>
    /// <exception cref="FormatException">The text is no JSON, no report of this program, or of a schema version that this one does not know; the message says which, in one line.</exception>
    public static AuditReport Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("schemaVersion", out var version)) throw new FormatException("it is JSON, but no report of onnx-auditor");
            if (version.GetString() is not AuditReport.SchemaVersion) throw new FormatException($"its schema version is {version}, this program reads {AuditReport.SchemaVersion}");
            var tool = root.GetProperty("tool");
            return new AuditReport(new ToolInfo(Text(tool, "name"), Text(tool, "version")), List(root, "models", Model)) { Notes = Texts(root, "notes") };
        }
        catch (JsonException e)
        {
            throw new FormatException($"it is no JSON: {e.Message}", e);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or OverflowException)
        {
            throw new FormatException($"it is no whole report of onnx-auditor: {e.Message}", e);
        }
    }

    static ModelReport Model(JsonElement m)
    {
        var opset = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var domain in m.GetProperty("opset").EnumerateObject()) opset[domain.Name] = domain.Value.GetInt64();
        var operators = new SortedDictionary<string, int>(StringComparer.Ordinal);
        if (Property(m, "operators") is { } counts) foreach (var op in counts.EnumerateObject()) operators[op.Name] = op.Value.GetInt32();
        var p = m.GetProperty("parameters");
        return new ModelReport
        {
            Path = Text(m, "path"),
            Sha256 = Text(m, "sha256"),
            Bytes = Whole(m, "bytes"),
            Producer = Text(m, "producer"),
            IrVersion = Whole(m, "irVersion"),
            Opset = opset,
            Unreadable = TextOrNull(m, "unreadable"),
            BudgetExceeded = TextOrNull(m, "budgetExceeded"),
            Verdict = Named<Verdict>(m, "verdict", MarkdownReport.Words),
            VerdictReason = Text(m, "verdictReason"),
            Parameters = new ParameterCounts((int)Whole(p, "tensors"), Whole(p, "elements"), Whole(p, "trainable"), Whole(p, "frozen"), Whole(p, "tied")),
            Macs = WholeOrNull(m, "macs"),
            NodeCount = (int)(WholeOrNull(m, "nodes") ?? 0),
            Operators = operators,
            Inputs = List(m, "inputs", Signature),
            Outputs = List(m, "outputs", Signature),
            Coverage = Coverage(m.GetProperty("coverage")),
            Measurement = Optional(m, "measurement", Measurement),
            Proxies = List(m, "proxies", Proxy),
            Findings = List(m, "findings", Finding),
            Tensors = List(m, "tensors", Tensor),
            Layers = List(m, "layers", Layer),
            Trials = List(m, "trials", Trial),
            Gates = List(m, "gates", g => new GateResult(Text(g, "expression"), NumberOrNull(g, "value"), g.GetProperty("passed").GetBoolean(), TextOrNull(g, "reason"))),
            Notes = Texts(m, "notes"),
        };
    }

    static TensorSignature Signature(JsonElement s) => new(Text(s, "name"), Text(s, "type"), Text(s, "shape"));

    static Coverage Coverage(JsonElement c) => new(
        (int)Whole(c, "nodes"), (int)Whole(c, "differentiableNodes"), Whole(c, "parameters"), Whole(c, "parametersReached"),
        List(c, "stops", s => new GradientStopRow(Text(s, "node"), Text(s, "op"), Text(s, "reason"))));

    static MeasurementInfo Measurement(JsonElement m) => new(
        Text(m, "engine"), Text(m, "device"), Text(m, "weights"), Text(m, "init"), Whole(m, "seed"), Whole(m, "batch"), TextOrNull(m, "normStatistics") ?? "", Text(m, "loss"), Text(m, "lossTarget"),
        List(m, "inputs", i => new InputRow(Text(i, "name"), Text(i, "shape"), Text(i, "type"), Text(i, "source"))), Texts(m, "passes"))
    {
        StraightThrough = m.GetProperty("straightThrough").GetBoolean(),
    };

    static ProxyResult Proxy(JsonElement p)
    {
        var components = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var part in p.GetProperty("components").EnumerateObject()) components[part.Name] = Number(part.Value);
        return new ProxyResult(
            Text(p, "id"), NumberOrNull(p, "value"), p.GetProperty("higherIsBetter").GetBoolean(), TextOrNull(p, "reason"), components,
            [.. p.GetProperty("seeds").EnumerateArray().Select(Number)], TextOrNull(p, "protocol") ?? "");
    }

    static Finding Finding(JsonElement f) => new(
        Text(f, "ruleId"), Named<Severity>(f, "severity", MarkdownReport.Word), Named<Confidence>(f, "confidence", JsonReport.Word),
        Text(f, "where"), Text(f, "message"), Text(f, "measured"), Text(f, "threshold"), Text(f, "remedy"), Text(f, "fingerprint"))
    {
        Count = (int)(WholeOrNull(f, "count") ?? 1),
        OtherPlaces = Texts(f, "otherPlaces"),
        SuppressedBy = TextOrNull(f, "suppressedBy") ?? (f.GetProperty("suppressed").GetBoolean() ? "an earlier report" : null),
    };

    static TrialReport Trial(JsonElement t)
    {
        TrialOutcome? outcome = Property(t, "outcome") is null ? null : Named<TrialOutcome>(t, "outcome", TrialJson.Word);
        var reason = TextOrNull(t, "reason") ?? "";
        return new TrialReport(Text(t, "weights"), Text(t, "normStatistics"), Text(t, "optimizer"), Whole(t, "batch"))
        {
            Outcome = outcome,
            Unavailable = outcome is null ? reason : null,
            Because = outcome is null ? "" : reason,
            LearningRate = NumberOrNull(t, "learningRate"),
            Losses = [.. t.GetProperty("losses").EnumerateArray().Select(Number)],
            StepsToTenth = (int?)WholeOrNull(t, "stepsToTenth"),
            MaxStableLearningRate = NumberOrNull(t, "maxStableLearningRate"),
            NeverMoved = Texts(t, "neverMoved"),
            HalfMoved = List(t, "halfMoved", h => (Text(h, "name"), Number(h, "unmovedShare"))),
            ConstantLoss = NumberOrNull(t, "constantLoss"),
            HasMadeUpTargets = t.TryGetProperty("madeUpTargets", out var madeUp) && madeUp.GetBoolean(),
            NoiseScale = NumberOrNull(t, "noiseScale"),
            NoiseScaleUnavailable = TextOrNull(t, "noiseScaleReason"),
            Range = List(t, "rangeTest", r => (Number(r, "learningRate"), NumberOrNull(r, "loss"))),
            UpdateRatios = List(t, "updateRatios", u => (Text(u, "name"), Number(u, "ratio"))),
        };
    }

    static TensorRow Tensor(JsonElement t) => new(Text(t, "name"), Text(t, "shape"), Text(t, "role"), t.GetProperty("trainable").GetBoolean(), NumberOrNull(t, "norm"), NumberOrNull(t, "gradientNorm"))
    {
        Hash = TextOrNull(t, "hash"),
    };

    static LayerRow Layer(JsonElement l) => new(
        Text(l, "name"), Text(l, "op"), Text(l, "outputShape"), Whole(l, "parameters"),
        Optional(l, "activation", a => new ActivationStatistics(
            Number(a, "mean"), Number(a, "std"), Number(a, "rms"), Number(a, "zeroFraction"), NumberOrNull(a, "effectiveRank"), Number(a, "maxAbs"), NumberOrNull(a, "deadFraction"))),
        Optional(l, "gradient", g => new GradientStatistics(Number(g, "norm"), Number(g, "rms"), Number(g, "zeroFraction"))))
    {
        Weight = Optional(l, "weight", w => new WeightStatistics(Number(w, "spectralNorm"), Number(w, "stableRank"))),
    };

    static JsonElement? Property(JsonElement of, string name) => of.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    static string Text(JsonElement of, string name) => of.GetProperty(name).GetString() ?? throw new KeyNotFoundException($"'{name}' is null");

    static string? TextOrNull(JsonElement of, string name) => Property(of, name)?.GetString();

    static long Whole(JsonElement of, string name) => of.GetProperty(name).GetInt64();

    static long? WholeOrNull(JsonElement of, string name) => Property(of, name)?.GetInt64();

    static double Number(JsonElement of, string name) => NumberOrNull(of, name) ?? double.NaN;

    static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Null ? double.NaN : value.GetDouble();

    static double? NumberOrNull(JsonElement of, string name) => Property(of, name)?.GetDouble();

    static IReadOnlyList<T> List<T>(JsonElement of, string name, Func<JsonElement, T> read) => Property(of, name) is { } array ? [.. array.EnumerateArray().Select(read)] : [];

    static IReadOnlyList<string> Texts(JsonElement of, string name) => List(of, name, t => t.GetString() ?? "");

    static T? Optional<T>(JsonElement of, string name, Func<JsonElement, T> read) where T : class => Property(of, name) is { } value ? read(value) : null;

    static T Named<T>(JsonElement of, string name, Func<T, string> word) where T : struct, Enum
    {
        var written = Text(of, name);
        foreach (var value in Enum.GetValues<T>()) if (word(value).Equals(written, StringComparison.Ordinal)) return value;
        throw new KeyNotFoundException($"'{written}' is no {name}");
    }
}
