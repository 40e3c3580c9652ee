using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// The files of a directory at one moment: immutable, so that a million disks can begin with it. As bytes (for a corpus): of each file a path relative to the
/// root, u16 length and UTF-8, and the content, i32 length and bytes, big-endian.
/// </summary>
internal sealed class DirectoryImage
{
    private DirectoryImage(string root, IReadOnlyList<(string Path, byte[] Content)> files)
    {
        Root = root;
        Files = files;
    }

    /// <summary>The directory's own path.</summary>
    public string Root { get; }

    /// <summary>Full paths, ordered ordinally, with what the files hold. Nobody writes into the contents.</summary>
    public IReadOnlyList<(string Path, byte[] Content)> Files { get; }

    public long SizeInBytes => Files.Sum(file => (long)file.Content.Length);

    /// <summary>What a reader of the disk finds under a path.</summary>
    public static DirectoryImage Of(IDisk disk, string root)
    {
        var files = new List<(string, byte[])>();
        Collect(disk, root, files);
        return new DirectoryImage(root, files);
    }

    /// <summary>A directory of these files, by full path.</summary>
    public static DirectoryImage Of(string root, IReadOnlyList<(string Path, byte[] Content)> files) => new(root, files);

    /// <summary>A directory of one file.</summary>
    public static DirectoryImage Single(string root, string path, byte[] content) => new(root, [(path, content)]);

    /// <summary>The image with one file's content replaced.</summary>
    public DirectoryImage With(string path, byte[] content) =>
        new(Root, [.. Files.Select(file => file.Path == path ? (path, content) : file)]);

    public byte[] this[string path] => Files.First(file => file.Path == path).Content;

    public byte[] Encode()
    {
        var bytes = new List<byte>();
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var (path, content) in Files)
        {
            var name = Encoding.UTF8.GetBytes(path[(Root.Length + 1)..]);
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)name.Length);
            bytes.AddRange(length[..sizeof(ushort)]);
            bytes.AddRange(name);
            BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
            bytes.AddRange(length);
            bytes.AddRange(content);
        }
        return [.. bytes];
    }

    /// <summary>Reads what <see cref="Encode"/> wrote, and stops where damaged bytes no longer make sense: whatever that gives is a directory too.</summary>
    public static DirectoryImage Decode(string root, ReadOnlySpan<byte> bytes)
    {
        var files = new List<(string, byte[])>();
        foreach (var (path, content) in Locate(bytes))
            files.Add((root + "/" + path, bytes[content].ToArray()));
        return new DirectoryImage(root, files);
    }

    /// <summary>Where each file's content stands in encoded bytes.</summary>
    public static List<(string Path, Range Content)> Locate(ReadOnlySpan<byte> bytes)
    {
        var files = new List<(string, Range)>();
        var at = 0;
        while (bytes.Length - at >= sizeof(ushort))
        {
            int name = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            if (name == 0 || bytes.Length - at < sizeof(ushort) + name + sizeof(int))
                break;
            var path = Encoding.UTF8.GetString(bytes.Slice(at + sizeof(ushort), name));
            at += sizeof(ushort) + name;
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes[at..]);
            at += sizeof(int);
            if (length < 0 || length > bytes.Length - at || path.Contains("..", StringComparison.Ordinal))
                break;
            files.Add((path, at..(at + length)));
            at += length;
        }
        return files;
    }

    private static void Collect(IDisk disk, string directory, List<(string, byte[])> files)
    {
        foreach (var name in disk.List(directory))
        {
            var path = Path.Combine(directory, name.TrimEnd('/'));
            if (name.EndsWith('/'))
            {
                Collect(disk, path, files);
                continue;
            }
            using var file = disk.Open(path, FileOpening.Read);
            var content = new byte[file.Length];
            file.Read(0, content);
            files.Add((path, content));
        }
    }
}
