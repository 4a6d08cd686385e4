return OnnxAuditor.Commands.CommandLine.Run(args);
