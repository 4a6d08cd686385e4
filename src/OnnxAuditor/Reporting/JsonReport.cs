using System.Text.Json;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Reporting;

/// <summary>The report for machines, as docs/report.schema.json describes it. Numbers are written so that they read back to the same bits; what is not finite is null.</summary>
static class JsonReport
{
    /// <summary>Writes the report. Equal reports give equal texts.</summary>
    public static string Write(AuditReport report) => JsonText.Of(json =>
    {
        json.WriteString("schemaVersion", AuditReport.SchemaVersion);
        json.WriteStartObject("tool");
        json.WriteString("name", report.Tool.Name);
        json.WriteString("version", report.Tool.Version);
        json.WriteEndObject();
        Array(json, "models", report.Models, Model);
        Texts(json, "notes", report.Notes);
        if (report.Comparison is { } comparison) json.Object("comparison", () => JsonComparison.Write(json, comparison));
    });

    /// <summary>The word for a confidence.</summary>
    internal static string Word(Confidence confidence) => confidence switch { Confidence.Certain => "certain", Confidence.Likely => "likely", _ => "hint" };

    static void Model(Utf8JsonWriter json, ModelReport m)
    {
        json.WriteString("path", m.Path);
        json.WriteString("sha256", m.Sha256);
        json.WriteNumber("bytes", m.Bytes);
        json.WriteString("producer", m.Producer);
        json.WriteNumber("irVersion", m.IrVersion);
        json.WriteStartObject("opset");
        foreach (var (domain, version) in m.Opset) json.WriteNumber(domain, version);
        json.WriteEndObject();
        json.WriteString("unreadable", m.Unreadable);
        json.WriteString("budgetExceeded", m.BudgetExceeded);
        json.WriteString("verdict", MarkdownReport.Words(m.Verdict));
        json.WriteString("verdictReason", m.VerdictReason.Length > 0 ? m.VerdictReason : m.Unreadable ?? m.BudgetExceeded ?? "");
        json.WriteStartObject("parameters");
        json.WriteNumber("tensors", m.Parameters.Tensors);
        json.WriteNumber("elements", m.Parameters.Elements);
        json.WriteNumber("trainable", m.Parameters.Trainable);
        json.WriteNumber("frozen", m.Parameters.Frozen);
        json.WriteNumber("tied", m.Parameters.Tied);
        json.WriteEndObject();
        Number(json, "macs", m.Macs);
        json.WriteNumber("nodes", m.NodeCount);
        json.WriteStartObject("operators");
        foreach (var (op, count) in m.Operators) json.WriteNumber(op, count);
        json.WriteEndObject();
        Array(json, "inputs", m.Inputs, Signature);
        Array(json, "outputs", m.Outputs, Signature);
        json.WriteStartObject("coverage");
        Coverage(json, m.Coverage);
        json.WriteEndObject();
        Optional(json, "measurement", m.Measurement, Measurement);
        Array(json, "proxies", m.Proxies, Proxy);
        Array(json, "findings", m.Findings, Finding);
        Array(json, "tensors", m.Tensors, Tensor);
        TrialJson.Write(json, m.Trials);
        Array(json, "layers", m.Layers, Layer);
        Array(json, "gates", m.Gates, Gate);
        Texts(json, "notes", m.Notes);
    }

    static void Signature(Utf8JsonWriter json, TensorSignature s)
    {
        json.WriteString("name", s.Name);
        json.WriteString("type", s.Type);
        json.WriteString("shape", s.Shape);
    }

    static void Gate(Utf8JsonWriter json, GateResult g)
    {
        json.WriteString("expression", g.Expression);
        Number(json, "value", g.Value);
        json.WriteBoolean("passed", g.Passed);
        json.WriteString("reason", g.Reason);
    }

    static void Coverage(Utf8JsonWriter json, Coverage c)
    {
        json.WriteNumber("nodes", c.Nodes);
        json.WriteNumber("differentiableNodes", c.DifferentiableNodes);
        json.WriteNumber("parameters", c.Parameters);
        json.WriteNumber("parametersReached", c.ParametersReached);
        Array(json, "stops", c.Stops, (j, s) =>
        {
            j.WriteString("node", s.Node);
            j.WriteString("op", s.Op);
            j.WriteString("reason", s.Reason);
        });
    }

    static void Measurement(Utf8JsonWriter json, MeasurementInfo m)
    {
        json.WriteString("engine", m.Engine);
        json.WriteString("device", m.Device);
        json.WriteString("weights", m.Weights);
        json.WriteString("init", m.Init);
        json.WriteNumber("seed", m.Seed);
        json.WriteNumber("batch", m.Batch);
        json.WriteString("normStatistics", m.NormStatistics);
        json.WriteString("loss", m.Loss);
        json.WriteString("lossTarget", m.LossTarget);
        json.WriteBoolean("straightThrough", m.StraightThrough);
        Array(json, "inputs", m.Inputs, (j, i) =>
        {
            j.WriteString("name", i.Name);
            j.WriteString("shape", i.Shape);
            j.WriteString("type", i.Type);
            j.WriteString("source", i.Source);
        });
        Texts(json, "passes", m.Passes);
    }

    static void Proxy(Utf8JsonWriter json, ProxyResult p)
    {
        json.WriteString("id", p.Id);
        Number(json, "value", p.Value);
        json.WriteBoolean("higherIsBetter", p.HigherIsBetter);
        json.WriteString("status", p.Value is null ? "notAvailable" : "ok");
        json.WriteString("reason", p.Reason);
        json.WriteStartObject("components");
        foreach (var (name, value) in p.Components) Number(json, name, value);
        json.WriteEndObject();
        json.WriteStartArray("seeds");
        foreach (var seed in p.Seeds)
        {
            if (double.IsFinite(seed)) json.WriteNumberValue(seed);
            else json.WriteNullValue();
        }
        json.WriteEndArray();
        json.WriteString("protocol", p.Protocol);
    }

    static void Finding(Utf8JsonWriter json, Finding f)
    {
        json.WriteString("ruleId", f.RuleId);
        json.WriteString("severity", MarkdownReport.Word(f.Severity));
        json.WriteString("confidence", Word(f.Confidence));
        json.WriteString("where", f.Where);
        json.WriteString("message", f.Message);
        json.WriteString("measured", f.Measured);
        json.WriteString("threshold", f.Threshold);
        json.WriteString("remedy", f.Remedy);
        json.WriteString("fingerprint", f.Fingerprint);
        json.WriteBoolean("suppressed", f.Suppressed);
        json.WriteString("suppressedBy", f.SuppressedBy);
        json.WriteNumber("count", f.Count);
        Texts(json, "otherPlaces", f.OtherPlaces);
    }

    static void Tensor(Utf8JsonWriter json, TensorRow t)
    {
        json.WriteString("name", t.Name);
        json.WriteString("shape", t.Shape);
        json.WriteString("role", t.Role);
        json.WriteBoolean("trainable", t.Trainable);
        Number(json, "norm", t.Norm);
        Number(json, "gradientNorm", t.GradientNorm);
        json.WriteString("hash", t.Hash);
    }

    static void Layer(Utf8JsonWriter json, LayerRow l)
    {
        json.WriteString("name", l.Name);
        json.WriteString("op", l.Op);
        json.WriteString("outputShape", l.OutputShape);
        json.WriteNumber("parameters", l.Parameters);
        Optional(json, "activation", l.Activation, (j, a) =>
        {
            Number(j, "mean", a.Mean);
            Number(j, "std", a.Std);
            Number(j, "rms", a.Rms);
            Number(j, "zeroFraction", a.ZeroFraction);
            Number(j, "effectiveRank", a.EffectiveRank);
            Number(j, "maxAbs", a.MaxAbs);
            Number(j, "deadFraction", a.DeadFraction);
        });
        Optional(json, "gradient", l.Gradient, (j, g) =>
        {
            Number(j, "norm", g.Norm);
            Number(j, "rms", g.Rms);
            Number(j, "zeroFraction", g.ZeroFraction);
        });
        Optional(json, "weight", l.Weight, (j, w) =>
        {
            Number(j, "spectralNorm", w.SpectralNorm);
            Number(j, "stableRank", w.StableRank);
        });
    }

    static void Array<T>(Utf8JsonWriter json, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> write) => json.Array(name, items, item => write(json, item));

    /// <summary>Writes a property that is an array of texts.</summary>
    internal static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    static void Optional<T>(Utf8JsonWriter json, string name, T? value, Action<Utf8JsonWriter, T> write) where T : class
    {
        if (value is null)
        {
            json.WriteNull(name);
            return;
        }
        json.Object(name, () => write(json, value));
    }

    /// <summary>Writes a property that is a number, null where it is none or not finite.</summary>
    internal static void Number(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } v && double.IsFinite(v)) json.WriteNumber(name, v);
        else json.WriteNull(name);
    }

    static void Number(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } v) json.WriteNumber(name, v);
        else json.WriteNull(name);
    }
}
