using Google.Protobuf;
using Google.Protobuf.Collections;
using GraphRewriter.Ir;
using GraphRewriter.Onnx;

namespace GraphRewriter.Serialization;

/// <summary>Turns a stored model into the intermediate representation. Faults of the graph go to the context, reading goes on after each.</summary>
sealed class ModelReader(ReadContext context)
{
    /// <summary>The newest version of the format that this program knows all fields of.</summary>
    public const long NewestIrVersion = 13;

    /// <summary>The version of the format from which operator sets must be imported.</summary>
    const long ImportsSince = 3;

    /// <summary>The model; complete only where the context holds no errors afterwards.</summary>
    public Model Read(ModelProto proto)
    {
        var model = new Model(new GraphReader(context).Read(proto.Graph))
        {
            IrVersion = proto.IrVersion,
            ProducerName = proto.ProducerName,
            ProducerVersion = proto.ProducerVersion,
            Domain = proto.Domain,
            ModelVersion = proto.ModelVersion,
            Documentation = proto.HasDocString ? proto.DocString : null,
            UnknownFields = Rest(proto),
        };
        ReadOpsets(proto.OpsetImport, model.Opsets);
        ReadMetadata(proto.MetadataProps, model.Metadata);
        foreach (var function in proto.Functions) model.Functions.Add(ReadFunction(function));

        if (!proto.HasIrVersion) context.Errors.Add("model: the version of the format (ir_version) is missing");
        if (proto.IrVersion > NewestIrVersion)
            context.Problems.Add(new("ONX002", "model", $"format version {proto.IrVersion} is newer than {NewestIrVersion}, the newest one known; what it adds is ignored"));
        if (proto.IrVersion is > 0 and < ImportsSince && model.Opsets.Count == 0) model.Opsets[""] = 1;
        context.Errors.AddRange(GraphChecker.CheckImports(model));
        foreach (var domain in GraphChecker.DomainsNotImported(model).Where(d => d.Length > 0))
            context.Problems.Add(new("ONX002", domain, $"operators of domain '{domain}' are used, but the domain is not imported"));
        return model;
    }

    /// <summary>Copies the entries of a list of key-value pairs; of equal keys the first counts.</summary>
    public static void ReadMetadata(RepeatedField<StringStringEntryProto> entries, Dictionary<string, string> target)
    {
        foreach (var e in entries) target.TryAdd(e.Key, e.Value);
    }

    /// <summary>The domain in the form of the intermediate representation: the standard one is empty.</summary>
    public static string Domain(string domain) => string.Equals(domain, "ai.onnx", StringComparison.Ordinal) ? "" : domain;

    static void ReadOpsets(RepeatedField<OperatorSetIdProto> imports, SortedDictionary<string, long> target)
    {
        foreach (var import in imports)
        {
            var domain = Domain(import.Domain);
            target[domain] = Math.Max(import.Version, target.GetValueOrDefault(domain));
        }
    }

    Function ReadFunction(FunctionProto proto)
    {
        var reader = new GraphReader(context);
        var body = reader.ReadFunctionBody(proto);
        var function = new Function(Domain(proto.Domain), proto.Name, proto.Overload, body)
        {
            Documentation = proto.HasDocString ? proto.DocString : null,
            UnknownFields = proto.Unknown is { } unknown ? new FunctionProto { Unknown = unknown }.ToByteArray() : default,
        };
        ReadOpsets(proto.OpsetImport, function.Opsets);
        ReadMetadata(proto.MetadataProps, function.Metadata);
        function.AttributeNames.AddRange(proto.Attribute);
        foreach (var attribute in proto.AttributeProto) function.AttributeDefaults.Add(reader.ReadDefault(attribute, $"function '{proto.Name}'"));
        return function;
    }

    static ReadOnlyMemory<byte> Rest(ModelProto proto)
    {
        if (proto.Unknown is null && proto.TrainingInfo.Count == 0 && proto.Configuration.Count == 0) return default;
        var rest = new ModelProto { Unknown = proto.Unknown };
        rest.TrainingInfo.AddRange(proto.TrainingInfo);
        rest.Configuration.AddRange(proto.Configuration);
        return rest.ToByteArray();
    }
}
