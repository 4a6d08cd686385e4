using System.CommandLine;

return new RootCommand("Audits ONNX models for trainability.").Parse(args).Invoke();
