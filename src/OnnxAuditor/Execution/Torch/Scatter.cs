using TorchSharp;
using static TorchSharp.torch;

namespace OnnxAuditor.Execution.Torch;

/// <summary>
/// Places updates in a vector by each reduction of ScatterElements and ScatterND. TorchSharp has no scatter_reduce; here products and extrema are taken in rounds, the
/// first update of each place in the first round, so that autograd sees single steps: a product's gradient is right with zeros, and ties share the gradient equally.
/// </summary>
static class Scatter
{
    /// <summary>Places the updates.</summary>
    /// <param name="c">The call, for its reduction.</param>
    /// <param name="x">The vector.</param>
    /// <param name="places">The place of each update. Without a reduction none may occur twice.</param>
    /// <param name="updates">The updates, as many as the places.</param>
    internal static Tensor Run(TorchCall c, Tensor x, Tensor places, Tensor updates)
    {
        var type = c.TypeOf(0);
        return c.Node.String("reduction", "none") switch
        {
            "none" => x.scatter(0, places, updates),
            "add" => x.scatter_add(0, places, updates).Wrapped(type),
            "mul" => Rounds(x, places, updates, 1).Aggregate(x, (product, round) => product * round).Wrapped(type),
            "max" => Extremum(ReductionOps.Bound(type, greatest: false), y => y.amax([0])),
            "min" => Extremum(ReductionOps.Bound(type, greatest: true), y => y.amin([0])),
            var other => throw c.Refuse($"there is no reduction '{other}'"),
        };

        Tensor Extremum(Scalar neutral, Func<Tensor, Tensor> overFirst) =>
            UInt64Bits.Ordered(overFirst(stack([.. Rounds(x, places, updates, neutral).Prepend(x).Select(y => UInt64Bits.Ordered(y, type))])), type);
    }

    /// <summary>The updates as vectors like X, in each of which no place meets two; elsewhere they hold a neutral number.</summary>
    static IEnumerable<Tensor> Rounds(Tensor x, Tensor places, Tensor updates, Scalar neutral)
    {
        if (places.numel() == 0) yield break;
        var (sorted, order) = places.sort(0, stable: true);
        var position = places.Counting(places.numel());
        var isFirst = cat([ones(1, ScalarType.Bool, places.device), sorted.narrow(0, 1, places.numel() - 1) != sorted.narrow(0, 0, places.numel() - 1)]);
        var round = position - position.masked_fill(isFirst.logical_not(), 0).cummax(0).Item1;
        var last = round.max().item<long>();
        for (var i = 0L; i <= last; i++)
        {
            var chosen = order.masked_select(round == i);
            yield return full_like(x, neutral).scatter(0, places.index_select(0, chosen), updates.index_select(0, chosen));
        }
    }
}
