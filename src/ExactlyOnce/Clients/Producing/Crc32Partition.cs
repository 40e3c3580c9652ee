namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// CRC-32 (IEEE, reflected) of the key modulo the number of partitions: librdkafka's <c>consistent</c> partitioner. Check value of "123456789": CBF43926.
/// </summary>
internal static class Crc32Partition
{
    private const uint Polynomial = 0xEDB88320;

    private static readonly uint[] s_table = CreateTable();

    public static int For(ReadOnlySpan<byte> key, int partitions) => (int)(Hash(key) % (uint)partitions);

    public static uint Hash(ReadOnlySpan<byte> key)
    {
        var crc = uint.MaxValue;
        foreach (var value in key)
            crc = s_table[(byte)(crc ^ value)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] CreateTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < table.Length; i++)
        {
            var remainder = i;
            for (var bit = 0; bit < 8; bit++)
                remainder = (remainder & 1) != 0 ? (remainder >> 1) ^ Polynomial : remainder >> 1;
            table[i] = remainder;
        }
        return table;
    }
}
