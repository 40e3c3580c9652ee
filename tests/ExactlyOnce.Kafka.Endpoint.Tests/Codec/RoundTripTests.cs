using System.Buffers;
using System.Runtime.InteropServices;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Codec;

/// <summary>Every message of every API in every version: written, read, written again.</summary>
public sealed class RoundTripTests
{
    private const int Seeds = 20;
    private const int SeedsOfDamage = 3;

    public static TheoryData<string> Apis => [.. ApiRegistry.All.Select(api => api.Name)];

    [Theory, MemberData(nameof(Apis))]
    public void What_was_written_is_read_and_written_again_to_the_same_bytes(string name)
    {
        foreach (var (api, version, message) in Messages(name))
        {
            var body = Write(message, api, version);
            var read = Read(body, api, version, message.GetType());
            Write(read, api, version).Should().Equal(body, "{0} v{1} is symmetrical", message.GetType().Name, version);
        }
    }

    [Theory, MemberData(nameof(Apis))]
    public void What_was_received_in_pieces_is_read_as_if_it_lay_in_one(string name)
    {
        foreach (var (api, version, message) in Messages(name, SeedsOfDamage))
        {
            var body = Write(message, api, version);
            foreach (var pieceBytes in new[] { 1, 2, 3, 5, 64, 100 })
            {
                var read = Read(FramePieces.Cut(body, pieceBytes), api, version, message.GetType());
                Write(read, api, version).Should().Equal(body, "{0} v{1} in pieces of {2}", message.GetType().Name, version, pieceBytes);
            }
        }
    }

    [Theory, MemberData(nameof(Apis))]
    public void A_message_in_pieces_that_ends_too_early_is_refused_too(string name)
    {
        foreach (var (api, version, message) in Messages(name, seeds: 1))
        {
            var body = Write(message, api, version);
            for (var length = 0; length < body.Length; length += Math.Max(1, body.Length / 40))
            {
                var cut = FramePieces.Cut(body[..length], 3);
                FluentActions.Invoking(() => Read(cut, api, version, message.GetType())).Should().Throw<ProtocolException>();
            }
        }
    }

    [Fact]
    public void Batches_are_handed_on_where_they_were_received_and_nothing_but_a_header_is_put_together()
    {
        byte[] records = [.. Enumerable.Range(0, 1000).Select(number => (byte)number)];
        var produce = ApiRegistry.Find(0)!;
        var body = Write(TestBatch.Produce("t", records), produce, 9);
        foreach (var pieceBytes in new[] { 40, 61, 100, 999, body.Length })
        {
            var frame = FramePieces.Cut(body, pieceBytes);
            var batch = ((ProduceRequest)Read(frame, produce, 9, typeof(ProduceRequest))).TopicData[0].PartitionData[0].Records;

            batch.First.Length.Should().BeGreaterThanOrEqualTo(BatchHeader.Size);
            batch.Batch.Join().ToArray().Should().Equal(records);
            var received = new List<byte[]>();
            foreach (var piece in frame)
                received.Add(ArrayOf(piece));
            IEnumerable<ReadOnlyMemory<byte>> handedOn = [batch.First, .. batch.Rest ?? []];
            handedOn.Where(piece => !received.Contains(ArrayOf(piece)) && piece.Length != BatchHeader.Size).Should().BeEmpty("only a header that crosses pieces is put together");
        }
    }

    private static byte[] ArrayOf(ReadOnlyMemory<byte> memory) => MemoryMarshal.TryGetArray(memory, out var array) ? array.Array! : throw new InvalidOperationException("No array.");

    [Theory, MemberData(nameof(Apis))]
    public void A_message_that_is_cut_anywhere_is_refused_and_never_read_beyond(string name)
    {
        foreach (var (api, version, message) in Messages(name, SeedsOfDamage))
        {
            var body = Write(message, api, version);
            for (var length = 0; length < body.Length; length += Math.Max(1, body.Length / 40))
            {
                var cut = body[..length];
                var reading = () => Read(cut, api, version, message.GetType());
                reading.Should().Throw<ProtocolException>("{0} v{1} was cut at {2} of {3}", message.GetType().Name, version, length, body.Length);
            }
        }
    }

    [Theory, MemberData(nameof(Apis))]
    public void Bytes_that_were_changed_are_refused_or_read_and_do_no_harm(string name)
    {
        var random = new Random(7);
        foreach (var (api, version, message) in Messages(name, SeedsOfDamage))
        {
            var body = Write(message, api, version);
            for (var i = 0; i < 20 && body.Length > 0; i++)
            {
                var changed = body.ToArray();
                changed[random.Next(changed.Length)] = (byte)(random.Next(3) switch { 0 => 0xFF, 1 => 0x7F, _ => random.Next(256) });
                try
                {
                    Read(changed, api, version, message.GetType());
                }
                catch (ProtocolException)
                {
                }
            }
        }
    }

    private static IEnumerable<(Api Api, short Version, IMessage Message)> Messages(string name, int seeds = Seeds)
    {
        var api = ApiRegistry.All.Single(api => api.Name == name);
        for (var version = api.Min; version <= api.Max; version++)
            for (var seed = 0; seed < seeds; seed++)
            {
                yield return (api, version, new RandomMessage(seed).Fill(api.NewRequest()));
                yield return (api, version, new RandomMessage(seed).Fill(api.NewResponse()));
            }
    }

    /// <summary>The body alone: an answer's frame without length and correlation id.</summary>
    private static byte[] Write(IMessage message, Api api, short version)
    {
        var writer = new WireWriter();
        writer.WriteAnswer(message, 0, version, api.FlexibleFrom, headerIsFlexible: false);
        var body = writer.ToArray()[8..];
        writer.Clear();
        return body;
    }

    private static IMessage Read(byte[] body, Api api, short version, Type type) => Read(new ReadOnlySequence<byte>(body), api, version, type);

    private static IMessage Read(in ReadOnlySequence<byte> body, Api api, short version, Type type)
    {
        var message = (IMessage)Activator.CreateInstance(type)!;
        var reader = new WireReader();
        reader.Open(body);
        reader.ReadBody(message, version, api.FlexibleFrom);
        return message;
    }
}
