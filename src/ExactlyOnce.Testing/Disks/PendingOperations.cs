namespace ExactlyOnce.Testing.Disks;

/// <summary>Something done and not yet synced; its owner is the file or directory whose sync makes it durable.</summary>
internal abstract record PendingOperation(SimulatedNode Owner)
{
    /// <summary>Lets the operation reach the device.</summary>
    public abstract void ApplyDurable();

    /// <summary>The same operation on a copy of the disk.</summary>
    public abstract PendingOperation On(DiskCopy copy);
}

internal sealed record PendingWrite(SimulatedFile File, long Position, ReadOnlyMemory<byte> Bytes) : PendingOperation(File)
{
    private static readonly byte[] s_zeros = new byte[256 << 10];

    public long End => Position + Bytes.Length;

    /// <summary>A write of these bytes as they are now; zeros are not copied.</summary>
    public static PendingWrite Of(SimulatedFile file, long position, ReadOnlySpan<byte> bytes) => bytes.Length <= s_zeros.Length && !bytes.ContainsAnyExcept((byte)0)
        ? new PendingWrite(file, position, s_zeros.AsMemory(0, bytes.Length))
        : new PendingWrite(file, position, bytes.ToArray());

    public override void ApplyDurable() => File.Durable.Write(Position, Bytes.Span);

    public override PendingOperation On(DiskCopy copy) => new PendingWrite((SimulatedFile)copy.Of(File), Position, Bytes);

    /// <summary>The write cut at the file's sectors.</summary>
    public IEnumerable<PendingWrite> Sectors(int sectorBytes)
    {
        for (var at = 0; at < Bytes.Length;)
        {
            var end = (int)Math.Min(Bytes.Length, ((Position + at) / sectorBytes + 1) * sectorBytes - Position);
            yield return Part(at, end);
            at = end;
        }
    }

    public PendingWrite Part(int from, int to) => new(File, Position + from, Bytes[from..to]);
}

internal sealed record PendingLength(SimulatedFile File, long Length) : PendingOperation(File)
{
    public override void ApplyDurable() => File.Durable.SetLength(Length);

    public override PendingOperation On(DiskCopy copy) => new PendingLength((SimulatedFile)copy.Of(File), Length);
}

internal sealed record PendingLink(SimulatedDirectory Directory, string Name, SimulatedNode Node) : PendingOperation(Directory)
{
    public override void ApplyDurable() => Directory.Durable[Name] = Node;

    public override PendingOperation On(DiskCopy copy) => new PendingLink((SimulatedDirectory)copy.Of(Directory), Name, copy.Of(Node));
}

internal sealed record PendingUnlink(SimulatedDirectory Directory, string Name, SimulatedNode Node) : PendingOperation(Directory)
{
    public override void ApplyDurable()
    {
        if (Directory.Durable.TryGetValue(Name, out var node) && node == Node)
            Directory.Durable.Remove(Name);
    }

    public override PendingOperation On(DiskCopy copy) => new PendingUnlink((SimulatedDirectory)copy.Of(Directory), Name, copy.Of(Node));
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

    public override PendingOperation On(DiskCopy copy) => new PendingRename((SimulatedDirectory)copy.Of(Directory), Source, Target, copy.Of(Node));
}
