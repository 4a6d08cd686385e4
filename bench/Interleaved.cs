using System.Diagnostics;

namespace Bench;

/// <summary>Times of two actions taken in turns, so that what else the machine does hits both.</summary>
/// <param name="First">Median of the first action's wall times, seconds.</param>
/// <param name="Second">Median of the second action's wall times, seconds.</param>
/// <param name="FirstProcessor">Median of the first action's processor times over all threads, seconds.</param>
/// <param name="SecondProcessor">Median of the second action's processor times, seconds.</param>
/// <param name="Ratio">Median over the rounds of second over first, wall time: the two of a round ran next to each other.</param>
/// <param name="Rounds">How often each ran.</param>
sealed record Interleaved(double First, double Second, double FirstProcessor, double SecondProcessor, double Ratio, int Rounds)
{
    /// <summary>Second over first in processor time, which other programs on the machine disturb less than wall time.</summary>
    public double ProcessorRatio => SecondProcessor / FirstProcessor;

    /// <summary>Runs both once to warm up, then in turns: A B, B A, A B, …</summary>
    public static Interleaved Compare(Action first, Action second, int rounds)
    {
        first();
        second();
        var a = new List<(double Wall, double Processor)>();
        var b = new List<(double Wall, double Processor)>();
        for (var r = 0; r < rounds; r++)
        {
            if (r % 2 == 0) a.Add(Time(first));
            b.Add(Time(second));
            if (r % 2 != 0) a.Add(Time(first));
        }
        return new Interleaved(
            Median(a.Select(x => x.Wall)), Median(b.Select(x => x.Wall)), Median(a.Select(x => x.Processor)), Median(b.Select(x => x.Processor)),
            Median(a.Zip(b, (x, y) => y.Wall / x.Wall)), rounds);
    }

    /// <summary>The median; the mean of the middle two for an even count.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    static (double Wall, double Processor) Time(Action action)
    {
        var processor = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        action();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }
}
