using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>What tells records apart by their key, value and headers.</summary>
internal static class RecordPrints
{
    public static List<ulong> Of(in BatchHeader header, ReadOnlySpan<byte> batch, BatchDecompressor decompressor)
    {
        var prints = new List<ulong>(header.RecordCount);
        var record = decompressor.Open(header, batch);
        while (record.MoveNext())
            prints.Add(Of(record.Fields));
        return prints;
    }

    public static ulong Of(ReadOnlySpan<byte> fields) => ((ulong)Crc32C.Compute(fields) << 32) | (uint)fields.Length;
}
