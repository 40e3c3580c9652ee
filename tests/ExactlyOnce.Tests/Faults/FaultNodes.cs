namespace ExactlyOnce.Tests.Faults;

/// <summary>A file or directory of <see cref="FaultDisk"/>.</summary>
internal abstract class FaultNode;

/// <summary>A directory: what it holds, and what of that is durable.</summary>
internal sealed class FaultDirectory : FaultNode
{
    public Dictionary<string, FaultNode> Current { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, FaultNode> Durable { get; } = new(StringComparer.Ordinal);
}

/// <summary>A file: the page cache's image, and the device's.</summary>
internal sealed class FaultFile : FaultNode
{
    public FaultImage Current { get; private init; } = new();

    public FaultImage Durable { get; private init; } = new();

    public FaultFile Copy() => new() { Current = Current.Copy(), Durable = Durable.Copy() };
}

/// <summary>The bytes of a file at one of the two places.</summary>
internal sealed class FaultImage
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

    public FaultImage Copy() => new() { _bytes = Bytes.ToArray(), Length = Length };
}

/// <summary>Something done and not yet synced; its owner is the file or directory whose sync makes it durable.</summary>
internal abstract record FaultOperation(FaultNode Owner)
{
    /// <summary>Lets the operation reach the device.</summary>
    public abstract void ApplyDurable();

    /// <summary>The same operation on a copy of the disk.</summary>
    public abstract FaultOperation On(Func<FaultNode, FaultNode> copyOf);
}

internal sealed record FaultWrite(FaultFile File, long Position, byte[] Bytes) : FaultOperation(File)
{
    public override void ApplyDurable() => File.Durable.Write(Position, Bytes);

    public override FaultOperation On(Func<FaultNode, FaultNode> copyOf) => new FaultWrite((FaultFile)copyOf(File), Position, Bytes);

    /// <summary>The write cut at the file's 512-byte sectors.</summary>
    public IEnumerable<FaultWrite> Sectors()
    {
        for (var at = 0; at < Bytes.Length;)
        {
            var end = (int)Math.Min(Bytes.Length, ((Position + at) / 512 + 1) * 512 - Position);
            yield return new FaultWrite(File, Position + at, Bytes[at..end]);
            at = end;
        }
    }
}

internal sealed record FaultLength(FaultFile File, long Length) : FaultOperation(File)
{
    public override void ApplyDurable() => File.Durable.SetLength(Length);

    public override FaultOperation On(Func<FaultNode, FaultNode> copyOf) => new FaultLength((FaultFile)copyOf(File), Length);
}

internal sealed record FaultLink(FaultDirectory Directory, string Name, FaultNode Node) : FaultOperation(Directory)
{
    public override void ApplyDurable() => Directory.Durable[Name] = Node;

    public override FaultOperation On(Func<FaultNode, FaultNode> copyOf) => new FaultLink((FaultDirectory)copyOf(Directory), Name, copyOf(Node));
}

internal sealed record FaultUnlink(FaultDirectory Directory, string Name, FaultNode Node) : FaultOperation(Directory)
{
    public override void ApplyDurable()
    {
        if (Directory.Durable.TryGetValue(Name, out var node) && node == Node)
            Directory.Durable.Remove(Name);
    }

    public override FaultOperation On(Func<FaultNode, FaultNode> copyOf) => new FaultUnlink((FaultDirectory)copyOf(Directory), Name, copyOf(Node));
}

/// <summary>Within one directory; atomic.</summary>
internal sealed record FaultRename(FaultDirectory Directory, string Source, string Target, FaultNode Node) : FaultOperation(Directory)
{
    public override void ApplyDurable()
    {
        Directory.Durable[Target] = Node;
        if (Directory.Durable.TryGetValue(Source, out var node) && node == Node)
            Directory.Durable.Remove(Source);
    }

    public override FaultOperation On(Func<FaultNode, FaultNode> copyOf) =>
        new FaultRename((FaultDirectory)copyOf(Directory), Source, Target, copyOf(Node));
}
