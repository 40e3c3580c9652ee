using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Museum;

/// <summary>Plays a scene again and again, and cuts the power at, and right behind, each disk operation that an exhibit is about.</summary>
internal static class PowerCuts
{
    public static readonly (CrashProfile Profile, int Seed)[] AllProfiles =
        [(CrashProfile.Prefix, 1), (CrashProfile.LostSectors, 2), (CrashProfile.LostSectors, 3), (CrashProfile.Torn, 4), (CrashProfile.AllSurvive, 5)];

    /// <summary>Power losses of every survival rate: from nothing that was not synced to all of it.</summary>
    public static readonly (CrashProfile Profile, int Seed)[] LostSectors = [.. Enumerable.Range(1, 12).Select(seed => (CrashProfile.LostSectors, seed))];

    /// <param name="newScene">Makes what the scene remembers of its promises, anew for every play.</param>
    /// <param name="play">Plays on an empty disk, the same disk operations every time.</param>
    /// <param name="concerns">Whether an operation, given by the scene as played to its end, its number and its line in the trace, is what the exhibit is
    /// about.</param>
    /// <param name="damages">What each cut may do.</param>
    /// <param name="check">Looks at what survived; leaves the scene as it is, for the next damage.</param>
    /// <returns>The number of cuts.</returns>
    public static int AtEach<T>(
        Func<T> newScene,
        Action<SimulatedDisk, T> play,
        Func<T, int, string, bool> concerns,
        (CrashProfile Profile, int Seed)[] damages,
        Action<SimulatedDisk, T> check)
    {
        var (whole, wholeScene) = (new SimulatedDisk(), newScene());
        play(whole, wholeScene);
        var positions = new SortedSet<int>();
        for (var operation = 1; operation <= whole.Operations; operation++)
            if (concerns(wholeScene, operation, whole.Trace[operation - 1]))
                positions.UnionWith([operation, operation + 1]);
        foreach (var position in positions)
            Cut(newScene(), play, position, damages, check);
        return positions.Count * damages.Length;
    }

    private static void Cut<T>(T scene, Action<SimulatedDisk, T> play, int position, (CrashProfile Profile, int Seed)[] damages, Action<SimulatedDisk, T> check)
    {
        var disk = new SimulatedDisk();
        disk.CrashAt(position);
        try
        {
            play(disk, scene);
        }
        catch (Exception) when (disk.HasCrashed)
        {
            // The scene ends where the power does.
        }
        foreach (var (profile, seed) in damages)
        {
            try
            {
                check(disk.Crash(profile, seed + (position * 31)), scene);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException(
                    $"Cut at operation {position}, {profile} with seed {seed}: {exception.Message}\n{string.Join('\n', disk.Trace.TakeLast(12))}", exception);
            }
        }
    }
}
