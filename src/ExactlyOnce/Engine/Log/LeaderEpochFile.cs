using System.Globalization;
using System.Text;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>Kafka's <c>leader-epoch-checkpoint</c>: version 0, a count, then "epoch startOffset" for each epoch that appended something, ascending.</summary>
internal static class LeaderEpochFile
{
    public const string FileName = "leader-epoch-checkpoint";

    private const char Version = '0';

    /// <summary>Replaces the file and syncs it; the directory is the caller's to sync.</summary>
    public static void Write(IDisk disk, string directory, IReadOnlyList<LeaderEpochStart> epochs) =>
        WholeFile.Replace(disk, Path.Combine(directory, FileName), Encoding.ASCII.GetBytes(Format(epochs)));

    /// <exception cref="DamagedStorageException">The file is there and not what was written.</exception>
    public static LeaderEpochStart[] Read(IDisk disk, string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!disk.FileExists(path))
            return [];
        return TryParse(Encoding.ASCII.GetString(WholeFile.Read(disk, path)), out var epochs)
            ? epochs
            : throw new DamagedStorageException(path, 0, "not a list of leader epochs");
    }

    public static string Format(IReadOnlyList<LeaderEpochStart> epochs)
    {
        var text = new StringBuilder();
        text.Append(Version).Append('\n').Append(CultureInfo.InvariantCulture, $"{epochs.Count}\n");
        foreach (var epoch in epochs)
            text.Append(CultureInfo.InvariantCulture, $"{epoch.Epoch} {epoch.StartOffset}\n");
        return text.ToString();
    }

    public static bool TryParse(string text, out LeaderEpochStart[] epochs)
    {
        epochs = [];
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length < 2 || lines[0] is not [Version] || !int.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count != lines.Length - 2)
            return false;
        var parsed = new LeaderEpochStart[count];
        for (var i = 0; i < count; i++)
        {
            var parts = lines[i + 2].Split(' ');
            if (parts.Length != 2
                || !int.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var epoch)
                || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
                return false;
            parsed[i] = new LeaderEpochStart(epoch, offset);
        }
        epochs = parsed;
        return true;
    }
}

/// <summary>The first offset appended in a leader epoch.</summary>
internal readonly record struct LeaderEpochStart(int Epoch, long StartOffset);
