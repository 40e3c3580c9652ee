using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Torture.Kills;

/// <summary>A place where a child dies: the n-th time that an operation of the disk below it is reached on a path that contains a text.</summary>
internal sealed record KillPoint(string Operation, string Path, int Count)
{
    private const string Root = "/data";

    /// <summary>
    /// Every kind of disk operation that the engine does, before and after it: on the journal, the checkpoint, the manifest, segments and indexes, and their
    /// folders.
    /// </summary>
    public static readonly (string Operation, string Path)[] All =
    [
        ("write", ".journal"), ("written", ".journal"), ("sync", ".journal"), ("synced", ".journal"), ("create", ".journal"), ("unlink", ".journal"), ("truncate", ".journal"),
        ("sync-directory", "/journal"), ("synced-directory", "/journal"),
        ("create", ".checkpoint"), ("written", ".checkpoint"), ("sync", ".checkpoint"), ("synced", ".checkpoint"), ("unlink", ".checkpoint"),
        ("create", "manifest"), ("written", "manifest"), ("sync", "manifest"), ("synced", "manifest"), ("rename", "manifest"),
        ("sync-directory", Root), ("synced-directory", Root),
        ("create", ".log"), ("write", ".log"), ("written", ".log"), ("sync", ".log"), ("synced", ".log"), ("unlink", ".log"),
        ("written", ".index"), ("sync", ".index"), ("sync", ".timeindex"), ("sync", ".txnindex"), ("sync", ".snapshot"), ("unlink", ".index"),
        ("mkdir", "/topics"), ("rmdir", "/topics"), ("sync-directory", "/topics"), ("synced-directory", "/topics"),
    ];

    /// <summary>Reached at every commit, where other places are reached at a checkpoint.</summary>
    public static bool IsFrequent(string path) => path is ".journal" or ".log";

    public static KillPoint Parse(string text)
    {
        var parts = text.Split(':');
        return new KillPoint(parts[0], parts[1], int.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Operation}:{Path}:{Count}");

    public void Arm(LossyDisk disk)
    {
        var left = Count;
        disk.Reached = (operation, path) =>
        {
            if (operation == Operation && IsAt(path) && --left == 0)
                Process.GetCurrentProcess().Kill();
        };
    }

    /// <summary>The directory itself stands in all paths.</summary>
    private bool IsAt(string path) => Path == Root ? path.EndsWith(Root, StringComparison.Ordinal) : path.Contains(Path, StringComparison.Ordinal);
}
