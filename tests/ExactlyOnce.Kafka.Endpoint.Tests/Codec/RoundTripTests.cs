using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

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

    private static IMessage Read(byte[] body, Api api, short version, Type type)
    {
        var message = (IMessage)Activator.CreateInstance(type)!;
        var reader = new WireReader();
        reader.Open(body);
        reader.ReadBody(message, version, api.FlexibleFrom);
        return message;
    }
}
