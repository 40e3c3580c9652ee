namespace ExactlyOnce.Testing.Disks;

/// <summary>What a crash does to writes and directory operations that were not synced.</summary>
public enum CrashProfile
{
    /// <summary>They survive in order up to some point; a write at that point is torn at any byte.</summary>
    Prefix,

    /// <summary>
    /// Any subset of their 512-byte sectors and of the directory operations survives; a file may have grown by sectors that were lost (zeros).
    /// </summary>
    LostSectors,

    /// <summary>One write is torn at a sector, front or back surviving; those before it survive, those after it do not.</summary>
    Torn,

    /// <summary>Only the process died: everything is in the page cache, and still not durable should the power fail next.</summary>
    AllSurvive,

    /// <summary>
    /// Directory operations survive as a prefix, and a file is longer only by bytes that are there (ext4 data=ordered, with delayed allocation: one file's
    /// growth and another's are not ordered among each other). Sectors written over old ones survive in any subset.
    /// </summary>
    OrderedData,

    /// <summary>
    /// Names and sizes survive, mostly all of them; data may not. A sector that a file grew by and that was lost holds zeros, chance, or what an older file
    /// left there.
    /// </summary>
    MetadataFirst,

    /// <summary>
    /// Any subset of sectors, lengths and directory operations; a file may have grown by lost sectors, which hold zeros or what an older file left there.
    /// </summary>
    Adversarial,
}

/// <summary>One power cut: everything that decides what of the unsynced operations survives it.</summary>
internal sealed record PowerLoss(CrashProfile Profile, int Seed)
{
    /// <summary>What the device writes whole or not at all: 512 or 4096. 1 tears at any byte, which no promise covers.</summary>
    public int SectorBytes { get; init; } = 512;

    /// <summary>The four profiles of a power cut, with the sector size drawn too.</summary>
    public static PowerLoss Draw(int seed)
    {
        var random = new Random(seed);
        CrashProfile[] profiles = [CrashProfile.Prefix, CrashProfile.OrderedData, CrashProfile.MetadataFirst, CrashProfile.Adversarial];
        return new PowerLoss(profiles[random.Next(profiles.Length)], seed) { SectorBytes = random.Next(2) == 0 ? 512 : 4096 };
    }
}
