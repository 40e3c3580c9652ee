using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Testing.Disks;

/// <summary>
/// A disk that begins as a <see cref="DirectoryImage"/> and copies a file when it is first written: opening a broker on it costs what the broker costs.
/// Remembers what became of the image's own files. Not thread-safe, never fails, keeps no count of syncs; for what a crash loses there is
/// <see cref="SimulatedDisk"/>.
/// </summary>
internal sealed class ImageDisk : IDisk
{
    private readonly Dictionary<string, ImageFile> _files;
    private readonly HashSet<string> _directories = new(StringComparer.Ordinal);
    private readonly HashSet<string> _changed = new(StringComparer.Ordinal);

    public ImageDisk(DirectoryImage image)
    {
        _files = new Dictionary<string, ImageFile>(image.Files.Count + 8, StringComparer.Ordinal);
        AddDirectory(image.Root);
        foreach (var (path, content) in image.Files)
        {
            _files[path] = new ImageFile(content, isOriginal: true);
            AddDirectory(Path.GetDirectoryName(path)!);
        }
    }

    /// <summary>Paths of the image whose file is gone, replaced or written to, in no order.</summary>
    public IReadOnlyCollection<string> Changed => _changed;

    public void CreateDirectory(string path) => AddDirectory(path);

    public bool DirectoryExists(string path) => _directories.Contains(path);

    public bool FileExists(string path) => _files.ContainsKey(path);

    public IReadOnlyList<string> List(string path)
    {
        var names = new List<string>();
        foreach (var file in _files.Keys)
            if (IsIn(file, path))
                names.Add(file[(path.Length + 1)..]);
        foreach (var directory in _directories)
            if (IsIn(directory, path))
                names.Add(directory[(path.Length + 1)..] + "/");
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    public IDiskFile Open(string path, FileOpening opening)
    {
        var isThere = _files.TryGetValue(path, out var file);
        if (!isThere && opening is FileOpening.Read or FileOpening.ReadWrite)
            throw DiskError.Failed("open", path, "no such file");
        if (isThere && opening == FileOpening.CreateNew)
            throw DiskError.Failed("open", path, "file exists");
        if (!isThere)
            _files[path] = file = new ImageFile([], isOriginal: false);
        var handle = new Handle(this, file!, path);
        if (opening == FileOpening.Create && file!.Length > 0)
            handle.SetLength(0);
        return handle;
    }

    public void Rename(string source, string target)
    {
        if (!_files.Remove(source, out var file))
            throw DiskError.Failed("rename", source, "no such file");
        if (_files.TryGetValue(target, out var replaced))
            NoteChange(replaced, target);
        NoteChange(file, source);
        _files[target] = file;
    }

    public void Delete(string path)
    {
        if (!_files.Remove(path, out var file))
            throw DiskError.Failed("unlink", path, "no such file");
        NoteChange(file, path);
    }

    public void DeleteDirectory(string path)
    {
        if (List(path).Count > 0)
            throw DiskError.Failed("rmdir", path, "not empty");
        _directories.Remove(path);
    }

    public void SyncDirectory(string path)
    {
    }

    public IDisposable? TryLock(string path, string ownerText, out string owner)
    {
        owner = ownerText;
        return Nothing.ToRelease;
    }

    public void VerifySyncErrorsAreSeen(string directory)
    {
    }

    public long FreeBytes(string directory) => 1L << 40;

    private static bool IsIn(string path, string directory) =>
        path.Length > directory.Length + 1 && path.StartsWith(directory, StringComparison.Ordinal) && path[directory.Length] == '/'
        && path.IndexOf('/', directory.Length + 1) < 0;

    private void AddDirectory(string path)
    {
        while (path.Length > 1 && _directories.Add(path))
            path = Path.GetDirectoryName(path)!;
    }

    private void NoteChange(ImageFile file, string path)
    {
        if (file.IsOriginal)
            _changed.Add(path);
    }

    private sealed class Nothing : IDisposable
    {
        public static readonly Nothing ToRelease = new();

        public void Dispose()
        {
        }
    }

    private sealed class ImageFile(byte[] content, bool isOriginal)
    {
        private byte[] _bytes = content;
        private bool _isShared = true;

        public bool IsOriginal => isOriginal;

        public int Length { get; private set; } = content.Length;

        public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

        public void Write(long position, ReadOnlySpan<byte> source)
        {
            var end = checked((int)position + source.Length);
            Own(end);
            source.CopyTo(_bytes.AsSpan((int)position));
            Length = Math.Max(Length, end);
        }

        public void SetLength(long length)
        {
            var target = checked((int)length);
            Own(target);
            if (target < Length)
                _bytes.AsSpan(target, Length - target).Clear();
            Length = target;
        }

        private void Own(int capacity)
        {
            if (!_isShared && capacity <= _bytes.Length)
                return;
            var owned = new byte[Math.Max(capacity, Length)];
            Bytes.CopyTo(owned);
            _bytes = owned;
            _isShared = false;
        }
    }

    private sealed class Handle(ImageDisk disk, ImageFile file, string path) : IDiskFile
    {
        public string Path => path;

        public long Length => file.Length;

        public int Read(long position, Span<byte> buffer)
        {
            if (position < 0)
                throw DiskError.Failed("pread", path, "a negative position");
            var count = (int)Math.Clamp(file.Length - position, 0, buffer.Length);
            if (count > 0)
                file.Bytes.Slice((int)position, count).CopyTo(buffer);
            return count;
        }

        public void Write(long position, ReadOnlySpan<byte> bytes)
        {
            disk.NoteChange(file, path);
            file.Write(position, bytes);
        }

        public void Sync()
        {
        }

        public void SetLength(long length)
        {
            if (length < 0)
                throw DiskError.Failed("ftruncate", path, "a negative length");
            disk.NoteChange(file, path);
            file.SetLength(length);
        }

        public void Dispose()
        {
        }
    }
}
