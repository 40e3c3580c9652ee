using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>
/// CRC-32C of long input by carry-less multiplication, 256 bytes a step. A checksum is a remainder, and a block may be replaced by anything with the same
/// remainder that stands further behind: each of sixteen 128-bit lanes is multiplied by what moves it on by 256 bytes, and the next block is added. In the end
/// all lanes are moved onto the last one, whose sixteen bytes the processor's CRC instruction sums up. (Gopal et al., "Fast CRC Computation Using PCLMULQDQ
/// Instruction", Intel 2009, bit-reflected.)
/// </summary>
internal static class Crc32CFolding
{
    /// <summary>Bytes that are taken at once.</summary>
    public const int BlockBytes = 256;

    private const int VectorBytes = 64;
    private const int LaneBytes = 16;
    private const uint Polynomial = 0x82F63B78;

    private static readonly Vector128<ulong> s_overBlock = Distance(BlockBytes);
    private static readonly Vector128<ulong> s_overVector = Distance(VectorBytes);
    private static readonly Vector128<ulong> s_overLane = Distance(LaneBytes);

    public static bool IsSupported => Pclmulqdq.V512.IsSupported && BitConverter.IsLittleEndian;

    /// <summary>The running (inverted) checksum after <paramref name="bytes"/>, a whole number of blocks, at least one.</summary>
    public static uint Append(uint running, ReadOnlySpan<byte> bytes)
    {
        Debug.Assert(bytes.Length >= BlockBytes && bytes.Length % BlockBytes == 0, "Only whole blocks are folded.");
        ref var from = ref MemoryMarshal.GetReference(bytes);
        var a = Load(ref from, 0) ^ Vector512.CreateScalar((ulong)running);
        var b = Load(ref from, VectorBytes);
        var c = Load(ref from, 2 * VectorBytes);
        var d = Load(ref from, 3 * VectorBytes);
        var over = Vector512.Create(Vector256.Create(s_overBlock, s_overBlock), Vector256.Create(s_overBlock, s_overBlock));
        for (var at = BlockBytes; at < bytes.Length; at += BlockBytes)
        {
            a = Fold(a, over) ^ Load(ref from, at);
            b = Fold(b, over) ^ Load(ref from, at + VectorBytes);
            c = Fold(c, over) ^ Load(ref from, at + (2 * VectorBytes));
            d = Fold(d, over) ^ Load(ref from, at + (3 * VectorBytes));
        }
        over = Vector512.Create(Vector256.Create(s_overVector, s_overVector), Vector256.Create(s_overVector, s_overVector));
        return SumLanes(Fold(Fold(Fold(a, over) ^ b, over) ^ c, over) ^ d);
    }

    private static uint SumLanes(Vector512<ulong> vector)
    {
        var (front, back) = (vector.GetLower(), vector.GetUpper());
        var lane = Fold(front.GetLower()) ^ front.GetUpper();
        lane = Fold(lane) ^ back.GetLower();
        lane = Fold(lane) ^ back.GetUpper();
        return BitOperations.Crc32C(BitOperations.Crc32C(0, lane.ToScalar()), lane.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Fold(Vector512<ulong> vector, Vector512<ulong> over) =>
        Pclmulqdq.V512.CarrylessMultiply(vector, over, 0x00) ^ Pclmulqdq.V512.CarrylessMultiply(vector, over, 0x11);

    private static Vector128<ulong> Fold(Vector128<ulong> lane) =>
        Pclmulqdq.CarrylessMultiply(lane, s_overLane, 0x00) ^ Pclmulqdq.CarrylessMultiply(lane, s_overLane, 0x11);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Load(ref byte from, int at) => Unsafe.ReadUnaligned<Vector512<ulong>>(ref Unsafe.Add(ref from, at));

    /// <summary>
    /// What moves a lane on by so many bytes: the factor of its first half, whose bytes stand 64 bits further in front, and that of its second.
    /// </summary>
    private static Vector128<ulong> Distance(int bytes) => Vector128.Create(PowerOfX((8 * bytes) + 32), PowerOfX((8 * bytes) - 32));

    /// <summary>
    /// x to this power, modulo the polynomial; bit-reflected, and one to the left, as the product of two reflected numbers stands one too far right.
    /// </summary>
    private static ulong PowerOfX(int power)
    {
        var remainder = 0x8000_0000u;
        for (; power > 0; power--)
            remainder = (remainder >> 1) ^ ((remainder & 1) == 0 ? 0 : Polynomial);
        return (ulong)remainder << 1;
    }
}
