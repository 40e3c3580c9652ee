using System.Text;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Bounds on the text that enters the state: what is accepted here can be written and read back unchanged.</summary>
internal static class TransactionText
{
    /// <summary>What Kafka's protocol can carry.</summary>
    public const int NameBytesMax = short.MaxValue;

    public const int OwnerCharsMax = 256;

    /// <summary>An id or name: not empty, not too long, no lone surrogate (two of those would become one id in UTF-8).</summary>
    public static bool IsName(string? text) =>
        !string.IsNullOrEmpty(text) && Encoding.UTF8.GetByteCount(text) <= NameBytesMax && IsWellFormed(text);

    /// <summary>For people only: cut, not refused.</summary>
    public static string Owner(string text) => text.Length <= OwnerCharsMax ? text : text[..OwnerCharsMax];

    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))
                return false;
            i++;
        }
        return true;
    }
}
