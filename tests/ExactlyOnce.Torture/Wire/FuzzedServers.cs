using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Torture.Wire;

/// <summary>How far a connection has come when the nonsense begins.</summary>
internal enum Doorstep
{
    /// <summary>Nobody is asked who he is.</summary>
    Open,

    /// <summary>Everybody is, and this one has said nothing yet.</summary>
    BeforeLogin,

    /// <summary>A mechanism is chosen, and a token is expected.</summary>
    InLogin,

    /// <summary>Logged in as somebody who may do everything.</summary>
    AsMaster,

    /// <summary>Logged in as somebody who may do a little.</summary>
    AsGuest,
}

/// <summary>Two endpoints of one broker: one that lets everybody in, and one where everybody logs in and rules are in force.</summary>
internal sealed class FuzzedServers
{
    public const string Master = "root";
    public const string Guest = "guest";
    public const string Sane = "sane";
    public const string Password = "secret";

    private FuzzedServers(Broker broker, int connections)
    {
        Open = new KafkaConnectionHandler(new KafkaServer(broker, new KafkaEndpointOptions { MaxConnectionsPerAddress = connections, AutoCreateTopics = true }));
        Secured = new KafkaConnectionHandler(new KafkaServer(broker, new KafkaEndpointOptions
        {
            MaxConnectionsPerAddress = connections,
            AutoCreateTopics = true,
            Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512,
            Users = { [Master] = Password, [Guest] = Password, [Sane] = Password },
            SuperUsers = { $"User:{Master}", $"User:{Sane}" },
            // So that a second login is taken as well.
            SessionLifetime = TimeSpan.FromHours(1),
            // Nobody would wait for a hundred thousand of them.
            FailedLoginDelay = TimeSpan.Zero,
        }));
    }

    public KafkaConnectionHandler Open { get; }

    public KafkaConnectionHandler Secured { get; }

    public static async Task<FuzzedServers> StartAsync(Broker broker, int connections)
    {
        var store = SecurityStore.Of(broker);
        foreach (var (resource, name) in new[] { (AclResource.Topic, PlausibleRequest.Topic), (AclResource.Group, "g"), (AclResource.TransactionalId, "x") })
            await store.SetAsync(new AclBinding(resource, name, AclPattern.Literal, $"User:{Guest}", AclBinding.Wildcard, AclOperation.All, AclPermission.Allow), isKept: true);
        return new FuzzedServers(broker, connections);
    }

    /// <summary>A connection, and the frames in front of the nonsense that bring it there; each has one answer.</summary>
    public (PipedConnection Connection, List<byte[]> Steps) Approach(Doorstep doorstep, FrameForge forge) => doorstep switch
    {
        Doorstep.Open => (new PipedConnection(Open), []),
        Doorstep.BeforeLogin => (new PipedConnection(Secured), []),
        Doorstep.InLogin => (new PipedConnection(Secured), [forge.MakeHandshake()]),
        Doorstep.AsMaster => (new PipedConnection(Secured), forge.MakeLogin(Master, Password)),
        _ => (new PipedConnection(Secured), forge.MakeLogin(Guest, Password)),
    };
}
