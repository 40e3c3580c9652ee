namespace ExactlyOnce.Testing.Disks;

/// <summary>Decides which unsynced operations reach the device in a power cut.</summary>
/// <param name="loss">How.</param>
/// <param name="older">What a sector shows that was allocated and not written: images of files, deleted ones among them.</param>
internal sealed class CrashDamage(PowerLoss loss, IReadOnlyList<FileImage> older)
{
    private static readonly double[] s_survivalRates = [0, 0.1, 0.5, 0.9, 1];

    private readonly Random _random = new(loss.Seed);

    public void Apply(IReadOnlyList<PendingOperation> pending)
    {
        switch (loss.Profile)
        {
            case CrashProfile.Prefix or CrashProfile.Torn:
                KeepPrefix(pending);
                break;
            case CrashProfile.OrderedData:
                KeepOrdered(pending, SurvivalRate());
                break;
            case CrashProfile.MetadataFirst:
                KeepMetadata(pending, SurvivalRate());
                break;
            default:
                KeepSubset(pending, SurvivalRate());
                break;
        }
    }

    private double SurvivalRate() => s_survivalRates[_random.Next(s_survivalRates.Length)];

    private void KeepPrefix(IReadOnlyList<PendingOperation> pending)
    {
        var whole = _random.Next(pending.Count + 1);
        for (var index = 0; index < whole; index++)
            pending[index].ApplyDurable();
        if (whole < pending.Count && pending[whole] is PendingWrite write)
            Tear(write).ApplyDurable();
    }

    private PendingWrite Tear(PendingWrite write)
    {
        if (loss.Profile == CrashProfile.Prefix)
            return write.Part(0, _random.Next(write.Bytes.Length + 1));
        var cut = (int)Math.Clamp((write.Position / loss.SectorBytes + _random.Next(write.Bytes.Length / loss.SectorBytes + 3)) * loss.SectorBytes - write.Position, 0, write.Bytes.Length);
        return _random.Next(2) == 0 ? write.Part(0, cut) : write.Part(cut, write.Bytes.Length);
    }

    private void KeepSubset(IReadOnlyList<PendingOperation> pending, double rate)
    {
        foreach (var operation in pending)
        {
            if (operation is PendingWrite write)
            {
                foreach (var sector in SectorsOf(write))
                    if (!Keeps(sector, rate) && Grows(sector) && _random.Next(2) == 0)
                        Fill(sector, loss.Profile == CrashProfile.Adversarial ? _random.Next(2) : 0);
            }
            else if (_random.NextDouble() < rate)
            {
                operation.ApplyDurable();
            }
        }
    }

    private void KeepOrdered(IReadOnlyList<PendingOperation> pending, double rate)
    {
        var names = _random.Next(pending.Count + 1);
        var ended = new HashSet<SimulatedFile>();
        for (var index = 0; index < pending.Count; index++)
        {
            if (pending[index] is PendingWrite write)
                KeepOrdered(write, rate, ended);
            else if (pending[index] is PendingLength length ? index < names && !ended.Contains(length.File) : index < names)
                pending[index].ApplyDurable();
        }
    }

    /// <summary>Where a file's growth ends, what was written behind stays unwritten.</summary>
    private void KeepOrdered(PendingWrite write, double rate, HashSet<SimulatedFile> ended)
    {
        foreach (var sector in SectorsOf(write))
        {
            if (!Grows(sector))
                Keeps(sector, rate);
            else if (!ended.Contains(write.File) && !(sector.Position <= write.File.Durable.Length && Keeps(sector, Math.Max(rate, 0.3))))
                ended.Add(write.File);
        }
    }

    private void KeepMetadata(IReadOnlyList<PendingOperation> pending, double rate)
    {
        var names = _random.Next(3) > 0 ? pending.Count : _random.Next(pending.Count + 1);
        for (var index = 0; index < pending.Count; index++)
        {
            if (pending[index] is PendingWrite write)
            {
                foreach (var sector in SectorsOf(write))
                    if (!Keeps(sector, rate) && Grows(sector))
                        Fill(sector, _random.Next(3));
            }
            else if (index < names)
            {
                pending[index].ApplyDurable();
            }
        }
    }

    private bool Keeps(PendingWrite sector, double rate)
    {
        if (_random.NextDouble() >= rate)
            return false;
        sector.ApplyDurable();
        return true;
    }

    private static bool Grows(PendingWrite sector) => sector.End > sector.File.Durable.Length;

    /// <summary>The file has grown by the sector, but its bytes are not there: zeros, an older file's, or chance.</summary>
    private void Fill(PendingWrite sector, int with)
    {
        var durable = sector.File.Durable;
        var first = Math.Max(sector.Position, durable.Length);
        durable.SetLength(Math.Max(durable.Length, sector.End));
        if (with == 0 || sector.End <= first)
            return;
        var bytes = new byte[sector.End - first];
        if (with == 2)
            _random.NextBytes(bytes);
        else
            ReadOlder(first, bytes);
        durable.Write(first, bytes);
    }

    /// <summary>Half of the time from the same place of the older file, where its bytes look most like ours.</summary>
    private void ReadOlder(long position, byte[] bytes)
    {
        if (older.Count == 0)
            return;
        var image = older[_random.Next(older.Count)];
        var sectors = image.Length / loss.SectorBytes + 1;
        var at = _random.Next(2) == 0 ? position : position % loss.SectorBytes + _random.NextInt64(sectors) * loss.SectorBytes;
        image.Read(at, bytes);
    }

    /// <summary>A disk without sectors tears a write into a few pieces of any length.</summary>
    private IEnumerable<PendingWrite> SectorsOf(PendingWrite write)
    {
        if (loss.SectorBytes > 1)
            return write.Sectors(loss.SectorBytes);
        var pieces = new List<PendingWrite>();
        for (var at = 0; at < write.Bytes.Length;)
        {
            var end = Math.Min(write.Bytes.Length, at + 1 + _random.Next(Math.Max(1, write.Bytes.Length / 4)));
            pieces.Add(write.Part(at, end));
            at = end;
        }
        return pieces;
    }
}
