using System.Reflection;
using GraphRewriter.Ir;
using Xunit;

namespace OnnxAuditor.Tests.Architecture;

/// <summary>The direction of dependencies, as docs/architecture.md draws it.</summary>
public class DependencyTests
{
    const string Library = "GraphRewriter", Program = "OnnxAuditor";

    /// <summary>What each part may use, beside itself. A part that is missing here may not exist: add its row to this table and to docs/architecture.md.</summary>
    static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["GraphRewriter.Ir"] = [],
        ["GraphRewriter.Onnx"] = [],
        ["GraphRewriter.Serialization"] = ["GraphRewriter.Ir", "GraphRewriter.Onnx"],
        ["GraphRewriter.Inference"] = ["GraphRewriter.Ir"],
        ["GraphRewriter.Emission"] = ["GraphRewriter.Ir", "GraphRewriter.Inference"],
        ["GraphRewriter.Canonicalization"] = ["GraphRewriter.Ir", "GraphRewriter.Inference", "GraphRewriter.Emission"],
        ["GraphRewriter.Gradients"] = ["GraphRewriter.Ir", "GraphRewriter.Inference", "GraphRewriter.Emission"],
        ["GraphRewriter.PerSample"] = ["GraphRewriter.Ir", "GraphRewriter.Inference", "GraphRewriter.Emission", "GraphRewriter.Gradients", "GraphRewriter.Canonicalization"],
        ["GraphRewriter.Probes"] = ["GraphRewriter.Ir", "GraphRewriter.Inference", "GraphRewriter.Emission", "GraphRewriter.Gradients"],
        ["GraphRewriter.Training"] = ["GraphRewriter.Ir", "GraphRewriter.Inference", "GraphRewriter.Emission", "GraphRewriter.Gradients", "GraphRewriter.Canonicalization"],
        ["OnnxAuditor.UsageException"] = [],
        ["OnnxAuditor.Numerics"] = ["GraphRewriter.Ir", "OnnxAuditor.UsageException"],
        ["OnnxAuditor.Reports"] = [],
        ["OnnxAuditor.Execution"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.Execution.Ort"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Execution", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.Execution.Torch"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Execution", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.Measurement"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Measurement.Instruments", "OnnxAuditor.Execution", "OnnxAuditor.Execution.Ort", "OnnxAuditor.Execution.Torch", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.Measurement.Instruments"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Measurement", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.Training"] = [Library, "OnnxAuditor.Reports", "OnnxAuditor.UsageException", "OnnxAuditor.Execution", "OnnxAuditor.Execution.Ort", "OnnxAuditor.Measurement", "OnnxAuditor.Numerics"],
        ["OnnxAuditor.AuditOptions"] = [Library, "OnnxAuditor.UsageException", "OnnxAuditor.Measurement", "OnnxAuditor.Reports"],
        ["OnnxAuditor.Proxies"] = [Library, "OnnxAuditor.Measurement.Instruments", "OnnxAuditor.UsageException", "OnnxAuditor.AuditOptions", "OnnxAuditor.Numerics", "OnnxAuditor.Measurement", "OnnxAuditor.Reports"],
        ["OnnxAuditor.Rules"] = [Library, "OnnxAuditor.Measurement.Instruments", "OnnxAuditor.UsageException", "OnnxAuditor.AuditOptions", "OnnxAuditor.Numerics", "OnnxAuditor.Measurement", "OnnxAuditor.Reports"],
        ["OnnxAuditor.Policy"] = ["OnnxAuditor.UsageException", "OnnxAuditor.Reports", "OnnxAuditor.Rules", "OnnxAuditor.Proxies"],
        ["OnnxAuditor.Reporting"] = ["OnnxAuditor.Reports"],
        ["OnnxAuditor.Comparison"] = ["OnnxAuditor.Reports"],
        ["OnnxAuditor"] = [Library, Program],
        ["OnnxAuditor.Commands"] = [Library, Program],
    };

    /// <summary>Types of the program's root that stand below the folders and are parts of their own.</summary>
    static readonly Dictionary<string, string> PartsByType = new(StringComparer.Ordinal)
    {
        ["OnnxAuditor.UsageException"] = "OnnxAuditor.UsageException",
        ["OnnxAuditor.Nearest"] = "OnnxAuditor.UsageException",
        ["OnnxAuditor.AuditOptions"] = "OnnxAuditor.AuditOptions",
        ["OnnxAuditor.Profile"] = "OnnxAuditor.AuditOptions",
        ["OnnxAuditor.WeightChoice"] = "OnnxAuditor.AuditOptions",
    };

    /// <summary>Which parts alone may see what comes from outside: an assembly, or a type by its full name.</summary>
    static readonly Dictionary<string, string[]> Reserved = new(StringComparer.Ordinal)
    {
        ["Google.Protobuf"] = ["GraphRewriter.Onnx", "GraphRewriter.Serialization"],
        ["Microsoft.ML.OnnxRuntime"] = ["OnnxAuditor.Execution.Ort"],
        ["TorchSharp"] = ["OnnxAuditor.Execution.Torch"],
        ["System.CommandLine"] = ["OnnxAuditor.Commands", "OnnxAuditor"],
        ["Spectre.Console"] = ["OnnxAuditor.Commands"],
        ["System.Console"] = ["OnnxAuditor.Commands", "OnnxAuditor"],
        ["Markdig"] = ["OnnxAuditor.Reporting"],
        ["Tomlyn"] = ["OnnxAuditor.Policy"],
        ["OxyPlot"] = ["OnnxAuditor.Reporting"],
    };

    public static TheoryData<string> Assemblies => [Library, Program];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void A_part_uses_only_the_parts_it_may_use(string assembly)
    {
        var breaches = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var type in Types(assembly))
        {
            var part = Part(type);
            if (!Allowed.TryGetValue(part, out var allowed))
            {
                breaches.Add($"{part} is not in the table of dependencies");
                continue;
            }
            foreach (var used in TypeReferences.Of(type).Where(IsOurs).Select(Part).Where(used => !used.Equals(part, StringComparison.Ordinal)))
                if (!allowed.Any(a => Covers(a, used))) breaches.Add($"{part} uses {used} (in {type.FullName})");
        }
        Assert.Empty(breaches);
    }

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void What_comes_from_outside_is_seen_only_by_the_part_that_wraps_it(string assembly)
    {
        var breaches = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var type in Types(assembly))
            foreach (var used in TypeReferences.Of(type))
                foreach (var (name, parts) in Reserved)
                    if (IsFrom(used, name) && !parts.Contains(Part(type), StringComparer.Ordinal)) breaches.Add($"{type.FullName} uses {used.FullName} of {name}");
        Assert.Empty(breaches);
    }

    [Theory]
    [InlineData(typeof(SampleField))]
    [InlineData(typeof(SampleLocal))]
    [InlineData(typeof(SampleGeneric))]
    [InlineData(typeof(SampleCall))]
    [InlineData(typeof(SampleLambda))]
    [InlineData(typeof(SampleArray))]
    public void The_check_sees_a_reference_wherever_it_stands(Type sample)
    {
        var all = new[] { sample }.Concat(sample.GetNestedTypes(BindingFlags.NonPublic)).SelectMany(TypeReferences.Of);
        Assert.Contains(typeof(Shape), all);
    }

    [Fact]
    public void The_parser_of_files_is_seen_to_use_protobuf() =>
        Assert.Contains(Types(Library), t => Part(t).Equals("GraphRewriter.Onnx", StringComparison.Ordinal) && TypeReferences.Of(t).Any(u => IsFrom(u, "Google.Protobuf")));

    static IEnumerable<Type> Types(string assembly) =>
        (assembly.Equals(Library, StringComparison.Ordinal) ? typeof(Model).Assembly : Assembly.Load("onnx-auditor")).GetTypes().Where(IsOurs);

    /// <summary>Whether we wrote the type: not the compiler's own (anonymous types, attributes it emits, generated regular expressions).</summary>
    static bool IsOurs(Type type)
    {
        if (type.IsGenericParameter || !IsOurs(type.Assembly)) return false;
        while (type.DeclaringType is { } outer) type = outer;
        return type.Name[0] != '<' && !Covers("System", type.Namespace ?? "") && !Covers("Microsoft", type.Namespace ?? "");
    }

    static bool IsOurs(Assembly assembly) => assembly.GetName().Name is Library or "onnx-auditor";

    static string Part(Type type)
    {
        while (type.DeclaringType is { } outer) type = outer;
        return PartsByType.GetValueOrDefault($"{type.Namespace}.{type.Name}", type.Namespace ?? Program);
    }

    /// <summary>Whether a row of the table names a part: itself, or all parts below a name without a dot.</summary>
    static bool Covers(string allowed, string used) =>
        used.Equals(allowed, StringComparison.Ordinal) || (!allowed.Contains('.', StringComparison.Ordinal) && used.StartsWith($"{allowed}.", StringComparison.Ordinal));

    static bool IsFrom(Type type, string name) =>
        string.Equals(type.Assembly.GetName().Name, name, StringComparison.Ordinal) || string.Equals(type.FullName, name, StringComparison.Ordinal);

#pragma warning disable CS0169, CA1823, IDE0044, IDE0051, CA1822, CA1859 // The samples only have to be there.
    sealed class SampleField
    {
        Shape? field;
    }

    sealed class SampleLocal
    {
        static int Rank(object value) => value is Shape { Rank: var rank } ? rank : 0;
    }

    sealed class SampleGeneric
    {
        static object Make() => new List<Dictionary<string, Shape>>();
    }

    sealed class SampleCall
    {
        static object Make() => Shape.Scalar;
    }

    sealed class SampleLambda
    {
        static Func<object> Make(long size) => () => Shape.Of(size);
    }

    sealed class SampleArray
    {
        static bool Is(object value) => value is Shape[,][];
    }
#pragma warning restore CS0169, CA1823, IDE0044, IDE0051, CA1822, CA1859
}
