using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>What comes after a crash: the broker opens, has kept its promises, goes on, and shows the same once more after the next opening.</summary>
internal static class Survival
{
    /// <summary>Opens, checks, writes on, opens once more: in order, or after another power cut.</summary>
    public static void Require(SimulatedDisk disk, Promises promises, bool cutAgain, LifeScale? scale = null)
    {
        var life = Life.Open(disk, promises, scale);
        var found = CheckAndAdopt(life, promises);
        life.Run(Script.GoOnAsync);
        var before = CheckAndAdopt(life, promises);
        Promises.Require(found.Records.All(pair => before.Records[pair.Key] == pair.Value), "Writing on changed what was there.");
        if (cutAgain)
            disk = disk.Crash(CrashProfile.LostSectors, 77);
        else
            life.Run(now => now.CloseAsync());
        var again = CheckAndAdopt(Life.Open(disk, promises, scale), promises);
        Promises.Require(again.IsSameAs(before), "The second opening shows something else than there was before.");
    }

    /// <summary>The power fails while the broker opens, and again while it opens after that; answers the disk that the last cut leaves.</summary>
    /// <param name="disk">The disk to open.</param>
    /// <param name="promises">Not changed but for the lives.</param>
    /// <param name="seed">Decides how often, when and how.</param>
    /// <param name="scale">The broker's.</param>
    public static SimulatedDisk CutWhileOpening(SimulatedDisk disk, Promises promises, int seed, LifeScale scale)
    {
        const int DepthMax = 5;
        var random = new Random(seed);
        for (var depth = random.Next(1, DepthMax + 1); depth > 0; depth--)
        {
            disk.CrashAt(random.Next(1, 16));
            try
            {
                Life.Open(disk, promises, scale);
            }
            catch (Exception) when (disk.HasCrashed)
            {
            }
            disk = disk.Crash(PowerLoss.Draw(random.Next()));
        }
        return disk;
    }

    private static LogImage CheckAndAdopt(Life life, Promises promises)
    {
        var image = life.Run(now => now.ReadAsync());
        promises.Check(image, image.Records.Keys.Any(at => at.Topic == Life.Named.Name) ? life.Run(now => now.LastImportedAsync()) : -1);
        promises.Adopt(image);
        return image;
    }
}
