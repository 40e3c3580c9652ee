namespace ExactlyOnce.Torture.Kills;

/// <summary>When the next child dies: at a named point of its disk, while it opens the directory, or at any moment of its work.</summary>
internal sealed record KillSchedule(KillMoment Moment, KillPoint? Point, TimeSpan Delay)
{
    private const double OpeningDelayMs = 40;

    // How long a child works before its point is given up: the first operation of a kind comes with the first checkpoint or not at all.
    private static readonly TimeSpan s_pointDelay = TimeSpan.FromMilliseconds(300);

    public static KillSchedule Draw(Random random)
    {
        var chance = random.NextDouble();
        if (chance < 0.4)
        {
            var (operation, path) = KillPoint.All[random.Next(KillPoint.All.Length)];
            // Most often early, so that openings are hit too.
            var mean = KillPoint.IsFrequent(path) ? 4 : 0.4;
            return new KillSchedule(KillMoment.AtPoint, new KillPoint(operation, path, 1 + (int)Exponential(random, mean)), s_pointDelay);
        }
        return chance < 0.6
            ? new KillSchedule(KillMoment.WhileOpening, null, TimeSpan.FromMilliseconds(random.NextDouble() * OpeningDelayMs))
            : new KillSchedule(KillMoment.AtWork, null, TimeSpan.FromMilliseconds(Math.Min(Exponential(random, 5 * Math.Pow(100, random.NextDouble())), 2000)));
    }

    private static double Exponential(Random random, double mean) => -mean * Math.Log(1 - random.NextDouble());
}

internal enum KillMoment
{
    AtPoint,
    WhileOpening,
    AtWork,
}
