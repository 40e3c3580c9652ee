namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>SplitMix64: a mutation asks for a dozen numbers, and a seeded <see cref="Random"/> would cost more than many a parser.</summary>
internal struct FuzzRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var bits = _state += 0x9E37_79B9_7F4A_7C15;
        bits = (bits ^ (bits >> 30)) * 0xBF58_476D_1CE4_E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D0_49BB_1331_11EB;
        return bits ^ (bits >> 31);
    }

    /// <summary>From 0 to <paramref name="limit"/> − 1; 0 when there is no room for chance.</summary>
    public int Below(int limit) => limit <= 1 ? 0 : (int)((Next() >> 32) * (ulong)limit >> 32);

    public bool OneIn(int chances) => Below(chances) == 0;
}
