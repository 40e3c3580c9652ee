namespace ExactlyOnce.Tests.Kernel.Records;

/// <summary>
/// Batches written by hand from the format's description, their checksums computed one bit at a time by another program. Field by field: base offset,
/// length, leader epoch, magic, CRC, attributes, last offset delta, base and max timestamp, producer id, epoch, base sequence, count; then the records.
/// </summary>
internal static class GoldenBatch
{
    public const long T = 1_700_000_000_000;

    /// <summary>One record "k" → "v" without a producer.</summary>
    public static readonly byte[] Simple = Bytes("""
        0000000000000000 0000003a ffffffff 02 e99b8dd8 0000 00000000 0000018bcfe56800 0000018bcfe56800 ffffffffffffffff ffff ffffffff 00000001
        10 00 00 00 02 6b 02 76 00
        """);

    /// <summary>
    /// Three records of producer 4711, epoch 3, whose sequence wraps within the batch: (null → "a"), ("" → null, a second earlier, header h = null),
    /// ("key" → "", 5 ms later, headers h = empty and h = 0102).
    /// </summary>
    public static readonly byte[] Three = Bytes("""
        0000000000000000 00000056 ffffffff 02 200bf865 0000 00000002 0000018bcfe56800 0000018bcfe56805 0000000000001267 0003 7ffffffe 00000003
        0e 00 00 00 01 02 61 00
        14 00 cf0f 02 00 01 02 02 68 01
        22 00 0a 04 06 6b6579 00 04 02 68 00 02 68 04 0102
        """);

    /// <summary>A transactional record "ä" → the bytes 0 to 99 of producer 2^40, epoch 32766: lengths of two bytes.</summary>
    public static readonly byte[] Transactional = Bytes("""
        0000000000000000 000000a0 ffffffff 02 19b51944 0010 00000000 0000018bcfe56800 0000018bcfe56800 0000010000000000 7ffe 00000000 00000001
        da01 00 00 00 04 c3a4 c801
        000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536373839
        3a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60616263 00
        """);

    /// <summary>A commit marker of producer 4711, epoch 4, coordinator epoch 7.</summary>
    public static readonly byte[] Commit = Bytes("""
        0000000000000000 00000042 ffffffff 02 9c488996 0030 00000000 0000018bcfe56800 0000018bcfe56800 0000000000001267 0004 ffffffff 00000001
        20 00 00 00 08 0000 0001 0c 0000 00000007 00
        """);

    /// <summary>The same as an abort.</summary>
    public static readonly byte[] Abort = Bytes("""
        0000000000000000 00000042 ffffffff 02 68765fde 0030 00000000 0000018bcfe56800 0000018bcfe56800 0000000000001267 0004 ffffffff 00000001
        20 00 00 00 08 0000 0000 0c 0000 00000007 00
        """);

    /// <summary>A control record of type 2, which ends no transaction.</summary>
    public static readonly byte[] LeaderChange = Bytes("""
        0000000000000000 0000003e ffffffff 02 b514afdd 0020 00000000 0000018bcfe56800 0000018bcfe56800 ffffffffffffffff ffff ffffffff 00000001
        18 00 00 00 08 0000 0002 04 0000 00
        """);

    /// <summary>Three records "k" → fifty times "x", compressed by another gzip.</summary>
    public static readonly byte[] Gzip = Bytes("""
        0000000000000000 00000058 ffffffff 02 ad685491 0001 00000002 0000018bcfe56800 0000018bcfe56800 ffffffffffffffff ffff ffffffff 00000003
        1f8b08000000000002032b62606060ca4ea920193014013592ad93853c9d004897f352ae000000
        """);

    private static byte[] Bytes(string hex) => Convert.FromHexString(string.Concat(hex.Where(char.IsAsciiHexDigit)));
}
