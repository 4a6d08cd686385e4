using System.CommandLine;
using Bench;
using Bench.NasBench;

return new RootCommand("Measures what the program costs. Every figure is relative to another of the same run, taken in turns.")
{
    InstrumentationVerb.Create(),
    AuditCostVerb.Create(),
    CheckVerb.Create(),
    OperatorsVerb.Create(),
    ProfileVerb.Create(),
    PerSampleVerb.Create(),
    PanelVerb.Create(),
    EagerVerb.Create(),
    MemoryVerb.Create(),
    MnistVerb.Create(),
    TrainStepVerb.Create(),
    TrialVerb.Create(),
    NasVerb.Create(),
}.Parse(args).Invoke();
