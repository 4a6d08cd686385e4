using GraphRewriter.Ir;
using GraphRewriter.Serialization;
using OnnxAuditor.Numerics;

namespace OnnxAuditor.Commands;

/// <summary>Reads what the user gives as input data and targets.</summary>
static class DataFiles
{
    /// <summary>Reads the arguments of <c>--data</c>: tensors by input name (<see cref="GivenData.Unnamed"/> where no name is given), and where they are from, for the report.</summary>
    /// <exception cref="UsageException">A file cannot be used.</exception>
    public static (IReadOnlyDictionary<string, TensorData> Data, string Source) Read(IReadOnlyList<string> arguments)
    {
        var data = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var sources = new List<string>();
        foreach (var argument in arguments)
        {
            var (name, path) = Named(argument);
            foreach (var (own, tensor) in Tensors(path))
                if (!data.TryAdd(name ?? own, tensor))
                    throw new UsageException($"--data gives {((name ?? own).Length == 0 ? "the model's input" : $"the input '{name ?? own}'")} twice, the second time from '{path}'.");
            sources.Add(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)));
        }
        return (data, string.Join(", ", sources));
    }

    /// <summary>Reads the argument of <c>--labels</c>: one tensor.</summary>
    /// <exception cref="UsageException">The file cannot be used, or does not hold exactly one tensor.</exception>
    public static TensorData ReadLabels(string path)
    {
        var tensors = Tensors(path);
        return tensors.Count == 1 ? tensors[0].Data : throw new UsageException($"--labels needs one array, '{path}' holds {tensors.Count}{(tensors.Count > 0 ? $" ({string.Join(", ", tensors.Select(t => t.Name))})" : "")}.");
    }

    /// <summary>"NAME=FILE", unless a file of that very name exists.</summary>
    static (string? Name, string Path) Named(string argument)
    {
        var split = argument.IndexOf('=', StringComparison.Ordinal);
        return split > 0 && !Path.Exists(argument) ? (argument[..split], argument[(split + 1)..]) : (null, argument);
    }

    static List<(string Name, TensorData Data)> Tensors(string path)
    {
        if (Directory.Exists(path)) return InFolder(path);
        if (!File.Exists(path)) throw new UsageException($"'{path}' does not exist.");
        try
        {
            switch (Path.GetExtension(path).ToLowerInvariant())
            {
                case ".npz":
                    return [.. NumPyFile.ReadNpz(path).Select(a => (a.Key, a.Value))];
                case ".npy":
                    return [(GivenData.Unnamed, NumPyFile.ReadNpy(path))];
                case ".pb":
                    var (name, data) = TensorFile.Read(path);
                    return data.Unavailable is { } why ? throw new UsageException(why) : [(name, data)];
                default:
                    throw new UsageException($"'{path}' is of no kind that is read as data: give a .npz, .npy or .pb (TensorProto) file, or a folder of such.");
            }
        }
        catch (Exception e) when (e is FormatException or ModelException)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The tensors of a folder, by the name they carry or else that of their file.</summary>
    static List<(string Name, TensorData Data)> InFolder(string folder)
    {
        var files = Directory.EnumerateFiles(folder).Where(f => Path.GetExtension(f).ToLowerInvariant() is ".pb" or ".npy").Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0) throw new UsageException($"The folder '{folder}' holds no .pb or .npy file.");
        return [.. files.SelectMany(f => Tensors(f).Select(t => (t.Name.Length > 0 ? t.Name : Path.GetFileNameWithoutExtension(f), t.Data)))];
    }
}
