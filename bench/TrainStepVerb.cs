using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace Bench;

/// <summary>
/// Runs a file of <c>rewrite --train-step</c> with nothing but calls of ONNX Runtime, as a program that knows nothing of this one would: the C# half of examples/train-step, whose other half is
/// train.mjs. Both make the same data by the same formula, and print the losses.
/// </summary>
static class TrainStepVerb
{
    /// <summary>The verb.</summary>
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The file that rewrite --train-step wrote, its .safetensors beside it." };
        var steps = new Option<int>("--steps") { Description = "Steps.", DefaultValueFactory = _ => 100 };
        var rate = new Option<float>("--rate") { Description = "Learning rate.", DefaultValueFactory = _ => 1e-3f };
        var command = new Command("train-step", "Runs a training step again and again with plain calls of ONNX Runtime and prints the losses.") { file, steps, rate };
        command.SetAction(parsed =>
        {
            foreach (var loss in Train(parsed.GetValue(file)!, parsed.GetValue(steps), parsed.GetValue(rate)))
                parsed.InvocationConfiguration.Output.WriteLine(loss.ToString("R", CultureInfo.InvariantCulture));
            return 0;
        });
        return command;
    }

    /// <summary>The losses of some steps on a batch of four made-up samples.</summary>
    internal static List<float> Train(string path, int steps, float rate)
    {
        using var session = new InferenceSession(path);
        var about = session.ModelMetadata.CustomMetadataMap;
        var carried = ReadSafeTensors(Path.ChangeExtension(path, ".safetensors"));
        foreach (var name in about["train-step.zero"].Split('\n', StringSplitOptions.RemoveEmptyEntries)) carried[name] = Filled(session.InputMetadata[name], _ => 0);
        var feeds = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        foreach (var (name, meta) in session.InputMetadata)
            if (!carried.ContainsKey(name) && name != about["train-step.learning-rate"])
                feeds[name] = Filled(meta, i => about["train-step.targets"].Split('\n').Contains(name, StringComparer.Ordinal) && meta.ElementType == typeof(long) ? i * 31 % 10 : i * 7919 % 1000 / 500.0 - 1);
        feeds[about["train-step.learning-rate"]] = OrtValue.CreateTensorValueFromMemory(new[] { rate }, []);
        using var run = new RunOptions();
        var losses = new List<float>();
        for (var i = 0; i < steps; i++)
        {
            var outputs = session.Run(run, feeds.Concat(carried).ToDictionary(StringComparer.Ordinal), session.OutputNames);
            for (var k = 0; k < outputs.Count; k++)
            {
                if (session.OutputNames[k] == "loss") losses.Add(outputs[k].GetTensorDataAsSpan<float>()[0]);
                else
                {
                    // What the output new/NAME gives is what the input NAME takes next.
                    var name = session.OutputNames[k]["new/".Length..];
                    carried[name].Dispose();
                    carried[name] = outputs[k];
                }
            }
        }
        foreach (var value in feeds.Values.Concat(carried.Values)) value.Dispose();
        return losses;
    }

    static OrtValue Filled(NodeMetadata meta, Func<long, double> value)
    {
        long[] dims = [.. meta.Dimensions.Select(d => d < 0 ? 4L : d)];
        var count = dims.Aggregate(1L, (a, b) => a * b);
        return meta.ElementType == typeof(long)
            ? OrtValue.CreateTensorValueFromMemory(Enumerable.Range(0, (int)count).Select(i => (long)value(i)).ToArray(), dims)
            : OrtValue.CreateTensorValueFromMemory(Enumerable.Range(0, (int)count).Select(i => (float)value(i)).ToArray(), dims);
    }

    static Dictionary<string, OrtValue> ReadSafeTensors(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        var tensors = new Dictionary<string, OrtValue>(StringComparer.Ordinal);
        using var header = JsonDocument.Parse(bytes.AsMemory(sizeof(ulong), length));
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            var range = entry.Value.GetProperty("data_offsets");
            var (start, end) = (range[0].GetInt32(), range[1].GetInt32());
            var values = new float[(end - start) / sizeof(float)];
            Buffer.BlockCopy(bytes, sizeof(ulong) + length + start, values, 0, end - start);
            tensors[entry.Name] = OrtValue.CreateTensorValueFromMemory(values, [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]);
        }
        return tensors;
    }
}
