using GraphRewriter.Gradients;
using GraphRewriter.Ir;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>Operators with subgraphs. What a body captures from the graphs around it is seen through its scope, so that autograd reaches it as well.</summary>
static class ControlFlowOps
{
    /// <summary>The operators.</summary>
    internal static readonly TorchOp[] All =
    [
        new("If", If),
        new("Loop", Loop),
        new("Scan", Scan),
    ];

    static Tensor?[] If(TorchCall call) => call.Scope.RunBody(call.Node.Subgraph(IsTrue(call[0]) ? "then_branch" : "else_branch")!);

    static Tensor?[] Loop(TorchCall call)
    {
        var iteration = Iteration.OfLoop(call.Node);
        var limit = call.Ints(0) is [var most] ? most : long.MaxValue;
        var goesOn = call.Optional(1) is not { } start || IsTrue(start);
        using var yes = tensor(true, device: call.Scope.Device);
        var run = new Rounds(call, iteration);
        for (var round = 0L; round < limit && goesOn; round++)
        {
            using var count = tensor(round, device: call.Scope.Device);
            goesOn = run.Once([count, yes, .. run.States], hasCondition: true);
        }
        return run.Results();
    }

    static Tensor?[] Scan(TorchCall call)
    {
        var iteration = Iteration.OfScan(call.Node);
        var stacks = iteration.Items.Select(i => call.Scope.Get(i.Stack)).ToList();
        var axes = iteration.Items.Zip(stacks, (i, stack) => i.Axis < 0 ? i.Axis + stack.dim() : i.Axis).ToList();
        var rounds = stacks[0].size((int)axes[0]);
        if (stacks.Zip(axes).Any(s => s.First.size((int)s.Second) != rounds)) throw call.Refuse("what it scans differs in length");
        var run = new Rounds(call, iteration);
        for (var round = 0L; round < rounds; round++)
        {
            using var made = NewDisposeScope();
            var slices = iteration.Items.Select((item, k) => stacks[k].select(axes[k], item.Backwards ? rounds - 1 - round : round));
            run.Once([.. run.States, .. slices], hasCondition: false);
        }
        return run.Results();
    }

    static bool IsTrue(Tensor condition) => condition.item<bool>();

    /// <summary>The rounds of a body: the states it hands on and what it has yielded so far, in the dispose scope in which the object was made.</summary>
    sealed class Rounds
    {
        readonly TorchCall call;
        readonly Iteration iteration;
        readonly List<Tensor>[] yields;
        readonly TorchSharp.DisposeScope owner = CurrentDisposeScope!;
        bool isFirst = true;

        public Rounds(TorchCall call, Iteration iteration)
        {
            this.call = call;
            this.iteration = iteration;
            States = [.. iteration.States.Select(s => call.Scope.Get(s.Initial))];
            yields = [.. iteration.Yields.Select(_ => new List<Tensor>())];
        }

        public Tensor[] States { get; }

        /// <summary>Runs the body.</summary>
        /// <param name="inputs">Its inputs.</param>
        /// <param name="hasCondition">Whether its first output says if another round follows.</param>
        /// <returns>Whether another round may follow.</returns>
        public bool Once(Tensor[] inputs, bool hasCondition)
        {
            using var made = NewDisposeScope();
            var outputs = call.Scope.RunBody(iteration.Body, inputs);
            var at = hasCondition ? 1 : 0;
            for (var k = 0; k < States.Length; k++)
            {
                // The first ones belong to the graph around it.
                if (!isFirst) States[k].Dispose();
                States[k] = made.MoveToOther(owner, outputs[at + k]);
            }
            isFirst = false;
            at += States.Length;
            for (var k = 0; k < yields.Length; k++)
                if (IsWanted(iteration.Yields[k])) yields[k].Add(made.MoveToOther(owner, outputs[at + k]));
            return !hasCondition || IsTrue(outputs[0]);
        }

        /// <summary>The outputs of the node.</summary>
        public Tensor?[] Results() => [.. States, .. iteration.Yields.Select((y, k) => IsWanted(y) ? Stacked(y, yields[k]) : null)];

        bool IsWanted(StackedOutput yield) => call.Node.OutputAt(yield.Output) is not null;

        Tensor Stacked(StackedOutput yield, List<Tensor> each)
        {
            if (each.Count == 0) return Nothing(yield);
            if (yield.Backwards) each.Reverse();
            return stack(each, yield.Axis);
        }

        /// <summary>The stack of no rounds: of its shape is known what inference knows; unknown sizes are 0, as ONNX Runtime has them.</summary>
        Tensor Nothing(StackedOutput yield)
        {
            List<long> dims = [.. (yield.Each.Shape ?? Shape.Scalar).Select(d => Math.Max(0, d.Size))];
            dims.Insert((int)(yield.Axis < 0 ? yield.Axis + dims.Count + 1 : yield.Axis), 0);
            return empty([.. dims], TorchTensors.ScalarTypeOf(yield.Each.Type), call.Scope.Device);
        }
    }
}
