using System.Buffers;
using System.Buffers.Text;
using System.Text;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>Kafka's <c>partition.metadata</c>: version 0 and the topic's id, 16 bytes in base64 for URLs, so that a directory says whose it is.</summary>
internal static class PartitionMetadataFile
{
    public const string FileName = "partition.metadata";

    private const string Prefix = "version: 0\ntopic_id: ";

    /// <summary>Replaces the file and syncs it; the directory is the caller's to sync.</summary>
    public static void Write(IDisk disk, string directory, Guid topicId) =>
        WholeFile.Replace(disk, Path.Combine(directory, FileName), Encoding.ASCII.GetBytes(Format(topicId)));

    /// <summary>Null when there is no such file.</summary>
    /// <exception cref="DamagedStorageException">The file is there and not what was written.</exception>
    public static Guid? Read(IDisk disk, string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!disk.FileExists(path))
            return null;
        return TryParse(Encoding.ASCII.GetString(WholeFile.Read(disk, path)), out var topicId)
            ? topicId
            : throw new DamagedStorageException(path, 0, "not the metadata of a partition");
    }

    public static string Format(Guid topicId) => $"{Prefix}{Base64Url.EncodeToString(topicId.ToByteArray(bigEndian: true))}\n";

    public static bool TryParse(string text, out Guid topicId)
    {
        topicId = default;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return false;
        Span<byte> bytes = stackalloc byte[16];
        // Not TryDecodeFromChars, which throws for characters that are no base64.
        if (Base64Url.DecodeFromChars(text.AsSpan(Prefix.Length).TrimEnd(), bytes, out _, out var written) != OperationStatus.Done || written != bytes.Length)
            return false;
        topicId = new Guid(bytes, bigEndian: true);
        return true;
    }
}
