using System.Globalization;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// The journal's constants. All numbers in journal and manifest are little-endian. A file is a row of 4 KiB blocks; a group (what one write and one sync
/// cover) starts on a block and shares none with its neighbours, because a torn write may leave any subset of its sectors.
/// </summary>
internal static class JournalFormat
{
    public const string DirectoryName = "journal";
    public const string FileSuffix = ".journal";

    public const int BlockBytes = 4096;
    public const int GroupHeaderBytes = 64;
    public const int FrameHeaderBytes = 14;
    public const int PieceHeaderBytes = 14;

    /// <summary>"EOJG".</summary>
    public const uint GroupMagic = 0x474A_4F45;

    public const ushort GroupVersion = 1;

    /// <summary>Blocks are reached by rounding up; a group of <paramref name="payloadBytes"/> takes this many bytes of its file.</summary>
    public static long GroupBytes(long payloadBytes) => (GroupHeaderBytes + payloadBytes + BlockBytes - 1) & -BlockBytes;

    public static string FileName(long generation) => string.Create(CultureInfo.InvariantCulture, $"{generation:D20}{FileSuffix}");
}
