namespace ExactlyOnce.Engine.Disk;

/// <summary>
/// The only door to the file system. Paths are full paths. Every failure of any kind surfaces as a <see cref="StorageException"/>; nothing is retried
/// but EINTR. Directory entries (create, rename, delete) are durable only after <see cref="SyncDirectory"/>.
/// </summary>
internal interface IDisk
{
    /// <summary>Creates the directory and its parents, mode 0700. Existing ones are left as they are.</summary>
    void CreateDirectory(string path);

    bool DirectoryExists(string path);

    bool FileExists(string path);

    /// <summary>Names (not paths) of the entries of a directory; directories end in '/'. Ordered ordinally.</summary>
    IReadOnlyList<string> List(string path);

    /// <summary>Opens a file for reading and writing, mode 0600 when created.</summary>
    IDiskFile Open(string path, FileOpening opening);

    /// <summary>Replaces <paramref name="target"/> atomically.</summary>
    void Rename(string source, string target);

    void Delete(string path);

    /// <summary>Removes an empty directory.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes the directory's entries durable.</summary>
    void SyncDirectory(string path);

    /// <summary>
    /// Takes the exclusive advisory lock of the file, writing the owner into it. Null when somebody else holds it; <paramref name="owner"/> is then what they
    /// wrote.
    /// </summary>
    IDisposable? TryLock(string path, string ownerText, out string owner);

    /// <summary>Proves that a failing sync is seen as failing; throws <see cref="StorageException"/> when it is not.</summary>
    void VerifySyncErrorsAreSeen(string directory);

    /// <summary>Bytes still free for the directory.</summary>
    long FreeBytes(string directory);
}

/// <summary>An open file. Positional, so readers and the writer share it.</summary>
internal interface IDiskFile : IDisposable
{
    string Path { get; }

    long Length { get; }

    /// <summary>Reads up to the whole buffer; fewer bytes only at the end of the file.</summary>
    int Read(long position, Span<byte> buffer);

    /// <summary>Writes everything or throws; after a throw any part of it may be in the file.</summary>
    void Write(long position, ReadOnlySpan<byte> bytes);

    /// <summary>fdatasync: contents, and the length needed to read them back.</summary>
    void Sync();

    void SetLength(long length);
}

internal enum FileOpening
{
    /// <summary>The file must exist; opened for reading only.</summary>
    Read,

    /// <summary>The file must exist.</summary>
    ReadWrite,

    /// <summary>The file must not exist.</summary>
    CreateNew,

    /// <summary>Created empty, or truncated to nothing.</summary>
    Create,
}
