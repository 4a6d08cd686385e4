using GraphRewriter.Canonicalization;
using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using Attribute = GraphRewriter.Ir.Attribute;

namespace GraphRewriter.Tests.Canonicalization;

/// <summary>One operator call, alone in a model.</summary>
/// <param name="OpType">The operator.</param>
/// <param name="Opset">The version of its domain.</param>
/// <param name="Inputs">The inputs; null for a left-out one.</param>
/// <param name="Attributes">The attributes.</param>
/// <param name="Outputs">The number of outputs.</param>
/// <param name="Domain">The domain.</param>
/// <param name="Constants">Indices of inputs that are initializers; the others are fed.</param>
sealed record OperatorCall(string OpType, long Opset, TensorData?[] Inputs, Attribute[] Attributes, int Outputs = 1, string Domain = "", int[]? Constants = null)
{
    /// <summary>The call as a model: inputs x0, x1, …, outputs y0, y1, ….</summary>
    public Model ToModel()
    {
        var graph = new Graph { Name = OpType };
        var inputs = new List<Value?>();
        for (var i = 0; i < Inputs.Length; i++)
        {
            if (Inputs[i] is not { } data) inputs.Add(null);
            else if (Constants?.Contains(i) == true) inputs.Add(graph.AddInitializer($"x{i}", data));
            else
            {
                var input = new Value($"x{i}", data.Type, data.Shape);
                graph.Inputs.Add(input);
                inputs.Add(input);
            }
        }
        var outputs = Enumerable.Range(0, Outputs).Select(i => new Value($"y{i}")).ToList();
        graph.Nodes.Add(new Node(OpType, inputs, outputs, Attributes, Domain, "call"));
        graph.Outputs.AddRange(outputs);
        var model = new Model(graph) { IrVersion = Opset > 21 && Domain.Length == 0 ? 11 : 8 };
        model.Opsets[""] = Domain.Length == 0 ? Opset : 17;
        if (Domain.Length > 0) model.Opsets[Domain] = Opset;
        return model;
    }

    /// <summary>What to feed.</summary>
    public Dictionary<string, TensorData> Feeds()
    {
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        for (var i = 0; i < Inputs.Length; i++) if (Inputs[i] is { } data && Constants?.Contains(i) != true) feeds[$"x{i}"] = data;
        return feeds;
    }

    /// <summary>The outputs ONNX Runtime gives for the call as it is.</summary>
    public Dictionary<string, TensorData> RunAsItIs() => OrtReference.Run(OnnxWriter.ToBytes(ToModel()), Feeds(), optimize: false);

    /// <summary>The outputs ONNX Runtime gives for the canonical form.</summary>
    public Dictionary<string, TensorData> RunCanonical(out CanonicalModel canonical)
    {
        canonical = Canonicalizer.Run(ToModel(), new CanonicalOptions { ComputeInFloat32 = false });
        return OrtReference.Run(OnnxWriter.ToBytes(canonical.Model), Feeds());
    }
}

/// <summary>A row of the adapter tables at work: a call in an old, new or fused form, and a call that must give the same numbers.</summary>
/// <param name="Name">What is shown.</param>
/// <param name="Call">The call to be adapted.</param>
/// <param name="Reference">What gives the expected outputs; null for the call itself, where ONNX Runtime has a kernel for it.</param>
sealed record AdapterCase(string Name, OperatorCall Call, OperatorCall? Reference = null);
