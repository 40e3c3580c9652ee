namespace ExactlyOnce.Testing.Disks;

/// <summary>Decides which unsynced operations reach the device in a power cut.</summary>
internal sealed class CrashDamage(CrashProfile profile, Random random)
{
    private static readonly double[] s_survivalRates = [0, 0.1, 0.5, 0.9, 1];

    public void Apply(IReadOnlyList<PendingOperation> pending)
    {
        if (profile == CrashProfile.LostSectors)
            KeepSectors(pending, s_survivalRates[random.Next(s_survivalRates.Length)]);
        else
            KeepPrefix(pending);
    }

    private void KeepPrefix(IReadOnlyList<PendingOperation> pending)
    {
        var whole = random.Next(pending.Count + 1);
        for (var index = 0; index < whole; index++)
            pending[index].ApplyDurable();
        if (whole < pending.Count && pending[whole] is PendingWrite write)
            Tear(write).ApplyDurable();
    }

    private PendingWrite Tear(PendingWrite write)
    {
        if (profile == CrashProfile.Prefix)
            return write with { Bytes = write.Bytes[..random.Next(write.Bytes.Length + 1)] };
        var sectors = write.Sectors().ToList();
        var cut = random.Next(sectors.Count + 1);
        var keepsFront = random.Next(2) == 0;
        var kept = keepsFront ? sectors[..cut] : sectors[cut..];
        return write with { Position = kept.Count > 0 ? kept[0].Position : write.Position, Bytes = [.. kept.SelectMany(sector => sector.Bytes)] };
    }

    private void KeepSectors(IReadOnlyList<PendingOperation> pending, double rate)
    {
        foreach (var operation in pending)
        {
            if (operation is PendingWrite write)
            {
                foreach (var sector in write.Sectors())
                    KeepOrLose(sector, rate);
            }
            else if (random.NextDouble() < rate)
            {
                operation.ApplyDurable();
            }
        }
    }

    /// <summary>A lost sector may still have made the file longer.</summary>
    private void KeepOrLose(PendingWrite sector, double rate)
    {
        var durable = sector.File.Durable;
        if (random.NextDouble() < rate)
            sector.ApplyDurable();
        else if (sector.Position + sector.Bytes.Length > durable.Length && random.Next(2) == 0)
            durable.SetLength(sector.Position + sector.Bytes.Length);
    }
}
