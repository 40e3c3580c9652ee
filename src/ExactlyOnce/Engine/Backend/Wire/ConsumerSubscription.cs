using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using ExactlyOnce.Clients.Wire;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// The topics in what a classic consumer tells its leader (Kafka: ConsumerProtocolSubscription; i16 version, [str] topics, and more). The broker takes them for
/// nothing but what may expire and whether a static member came back with the same; so what it cannot read it leaves alone.
/// </summary>
internal static class ConsumerSubscription
{
    public const string ProtocolType = "consumer";

    /// <summary>The numbers of the topics that any of the member's protocols names, ascending; null when that cannot be told.</summary>
    public static ImmutableArray<int>? TopicsOf(JoinGroupCall call, Func<string, int?> numberOf)
    {
        if (call.ProtocolType != ProtocolType)
            return null;
        var topics = new SortedSet<int>();
        foreach (var protocol in call.Protocols)
        {
            if (!TryRead(protocol.Metadata.Span, out var names))
                return null;
            foreach (var name in names)
                if (numberOf(name) is { } number)
                    topics.Add(number);
        }
        return [.. topics];
    }

    private static bool TryRead(ReadOnlySpan<byte> metadata, out List<string> names)
    {
        names = [];
        if (metadata.Length < 6)
            return false;
        var count = BinaryPrimitives.ReadInt32BigEndian(metadata[2..]);
        var rest = metadata[6..];
        for (; count > 0; count--)
        {
            if (rest.Length < 2)
                return false;
            var length = BinaryPrimitives.ReadInt16BigEndian(rest);
            if (length < 0 || length > rest.Length - 2)
                return false;
            names.Add(Encoding.UTF8.GetString(rest.Slice(2, length)));
            rest = rest[(2 + length)..];
        }
        return count == 0;
    }
}
