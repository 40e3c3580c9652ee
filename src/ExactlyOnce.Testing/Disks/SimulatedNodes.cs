namespace ExactlyOnce.Testing.Disks;

/// <summary>A file or directory of <see cref="SimulatedDisk"/>.</summary>
internal abstract class SimulatedNode;

/// <summary>A directory: what it holds, and what of that is durable.</summary>
internal sealed class SimulatedDirectory : SimulatedNode
{
    public Dictionary<string, SimulatedNode> Current { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, SimulatedNode> Durable { get; } = new(StringComparer.Ordinal);
}

/// <summary>A file: the page cache's image, and the device's.</summary>
internal sealed class SimulatedFile : SimulatedNode
{
    public FileImage Current { get; private init; } = new();

    public FileImage Durable { get; private init; } = new();

    public SimulatedFile Copy() => new() { Current = Current.Copy(), Durable = Durable.Copy() };
}

/// <summary>The bytes of a file at one of the two places.</summary>
internal sealed class FileImage
{
    private byte[] _bytes = [];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    public Span<byte> Writable => _bytes.AsSpan(0, Length);

    public void Write(long position, ReadOnlySpan<byte> source)
    {
        if (position + source.Length > Length)
            SetLength(position + source.Length);
        source.CopyTo(_bytes.AsSpan((int)position));
    }

    public void SetLength(long length)
    {
        var target = checked((int)length);
        if (target > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(target, _bytes.Length * 2));
        if (target < Length)
            _bytes.AsSpan(target, Length - target).Clear();
        Length = target;
    }

    public FileImage Copy() => new() { _bytes = Bytes.ToArray(), Length = Length };
}

/// <summary>Something done and not yet synced; its owner is the file or directory whose sync makes it durable.</summary>
internal abstract record PendingOperation(SimulatedNode Owner)
{
    /// <summary>Lets the operation reach the device.</summary>
    public abstract void ApplyDurable();

    /// <summary>The same operation on a copy of the disk.</summary>
    public abstract PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf);
}

internal sealed record PendingWrite(SimulatedFile File, long Position, byte[] Bytes) : PendingOperation(File)
{
    public override void ApplyDurable() => File.Durable.Write(Position, Bytes);

    public override PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf) => new PendingWrite((SimulatedFile)copyOf(File), Position, Bytes);

    /// <summary>The write cut at the file's 512-byte sectors.</summary>
    public IEnumerable<PendingWrite> Sectors()
    {
        for (var at = 0; at < Bytes.Length;)
        {
            var end = (int)Math.Min(Bytes.Length, ((Position + at) / 512 + 1) * 512 - Position);
            yield return new PendingWrite(File, Position + at, Bytes[at..end]);
            at = end;
        }
    }
}

internal sealed record PendingLength(SimulatedFile File, long Length) : PendingOperation(File)
{
    public override void ApplyDurable() => File.Durable.SetLength(Length);

    public override PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf) => new PendingLength((SimulatedFile)copyOf(File), Length);
}

internal sealed record PendingLink(SimulatedDirectory Directory, string Name, SimulatedNode Node) : PendingOperation(Directory)
{
    public override void ApplyDurable() => Directory.Durable[Name] = Node;

    public override PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf) => new PendingLink((SimulatedDirectory)copyOf(Directory), Name, copyOf(Node));
}

internal sealed record PendingUnlink(SimulatedDirectory Directory, string Name, SimulatedNode Node) : PendingOperation(Directory)
{
    public override void ApplyDurable()
    {
        if (Directory.Durable.TryGetValue(Name, out var node) && node == Node)
            Directory.Durable.Remove(Name);
    }

    public override PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf) => new PendingUnlink((SimulatedDirectory)copyOf(Directory), Name, copyOf(Node));
}

/// <summary>Within one directory; atomic.</summary>
internal sealed record PendingRename(SimulatedDirectory Directory, string Source, string Target, SimulatedNode Node) : PendingOperation(Directory)
{
    public override void ApplyDurable()
    {
        Directory.Durable[Target] = Node;
        if (Directory.Durable.TryGetValue(Source, out var node) && node == Node)
            Directory.Durable.Remove(Source);
    }

    public override PendingOperation On(Func<SimulatedNode, SimulatedNode> copyOf) =>
        new PendingRename((SimulatedDirectory)copyOf(Directory), Source, Target, copyOf(Node));
}
