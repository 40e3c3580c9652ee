using System.Net;
using System.Net.Security;

namespace ExactlyOnce.Kafka.Endpoint;

/// <summary>
/// How an endpoint listens and what it lets strangers do. Read once, at the start; an invalid value is refused there with a message that says what to do.
/// </summary>
public sealed class KafkaEndpointOptions
{
    /// <summary>
    /// The address to listen on. Default 127.0.0.1, and with a given port ::1 beside it, as "localhost" may mean either: nobody from outside this machine can
    /// connect.
    /// </summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>The port; 0 picks a free one. Default 9092.</summary>
    public int Port { get; set; } = 9092;

    /// <summary>The host name that clients are told to connect to; null for the address they have connected to.</summary>
    public string? AdvertisedHost { get; set; }

    /// <summary>The port that clients are told to connect to; null for the port they have connected to.</summary>
    public int? AdvertisedPort { get; set; }

    /// <summary>The number of the one broker that clients see. Default 1.</summary>
    public int BrokerId { get; set; } = 1;

    /// <summary>Whether asking for a topic that does not exist may create it (<c>auto.create.topics.enable</c>). Default false.</summary>
    public bool AutoCreateTopics { get; set; }

    /// <summary>Partitions of topics that are created without saying how many (<c>num.partitions</c>). Default 1.</summary>
    public int DefaultPartitions { get; set; } = 1;

    /// <summary>Serves TLS with these options, and nothing else on the port; null for plain text.</summary>
    public SslServerAuthenticationOptions? Tls { get; set; }

    /// <summary>
    /// How clients prove who they are; None, the default, asks nobody. With any of these, or with client certificates required by <see cref="Tls"/>, access
    /// rules are in force: whoever is no super user may do what a rule allows and nothing else.
    /// </summary>
    public SaslMechanisms Sasl { get; set; }

    /// <summary>
    /// Users with their passwords, for every mechanism of <see cref="Sasl"/>. Further users for SCRAM can be added over the wire; the broker keeps them.
    /// </summary>
    public IDictionary<string, string> Users { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// Who may do everything, whatever the rules say: <c>User:name</c>, after a client certificate <c>User:subject</c>; <c>User:*</c> is everybody who has
    /// logged in.
    /// </summary>
    public ISet<string> SuperUsers { get; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>
    /// How long the answer to a wrong password takes, after which the connection is closed. After three of them from one address every login from there takes
    /// its turn, this long after the one before and twice as long with each further failure, up to sixteen times; a minute without a failure ends it. Zero:
    /// neither. Default 500 milliseconds.
    /// </summary>
    public TimeSpan FailedLoginDelay { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a login lasts (<c>connections.max.reauth.ms</c>): clients that know of it log in again in time, on the same connection and as nobody else;
    /// others are closed with their next request. Null, the default: as long as the connection.
    /// </summary>
    public TimeSpan? SessionLifetime { get; set; }

    /// <summary>
    /// Listen on an address that others can reach although there is no TLS, or nobody has to prove who he is: everybody who can connect may then read and write
    /// everything. Default false.
    /// </summary>
    public bool AllowInsecureNetwork { get; set; }

    /// <summary>The largest request, in bytes; a connection that announces a larger one is closed (<c>socket.request.max.bytes</c>). Default 16 MiB.</summary>
    public int MaxRequestBytes { get; set; } = 16 << 20;

    /// <summary>The same for a connection that has not logged in yet, where that is asked for. Default 64 KiB.</summary>
    public int MaxRequestBytesBeforeLogin { get; set; } = 64 << 10;

    /// <summary>
    /// Bytes of requests under way over all connections; beyond it the endpoint reads no further large request until others are done. Default 256 MiB.
    /// </summary>
    public long MaxRequestBytesInFlight { get; set; } = 256L << 20;

    /// <summary>
    /// The most bytes that one fetch answers, whatever the client asks for (<c>fetch.max.bytes</c>); a single larger batch is answered all the same. Default 1
    /// MiB: a client that receives 50 MiB at a time spends five times the processor time on each record, since nothing of it stays in a cache, and the next
    /// answer over loopback is near. More helps clients at the end of a long line.
    /// </summary>
    public int MaxFetchBytes { get; set; } = 1 << 20;

    /// <summary>Connections at a time. Default 1,000.</summary>
    public int MaxConnections { get; set; } = 1_000;

    /// <summary>Connections at a time from one address. Default 100.</summary>
    public int MaxConnectionsPerAddress { get; set; } = 100;

    /// <summary>
    /// New connections a second from other machines, after a burst of as many; more wait for their turn, or are closed when <see cref="MaxConnections"/> wait
    /// already. Default 100.
    /// </summary>
    public int MaxAcceptsPerSecond { get; set; } = 100;

    /// <summary>How long a new connection may take for its first request, and where one is asked for its login. Default 10 seconds.</summary>
    public TimeSpan LoginTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may be silent (<c>connections.max.idle.ms</c>). Default 10 minutes.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a request may take from its first byte to its last, and a client to take what it was answered. Default 30 seconds.</summary>
    public TimeSpan TransferTimeout { get; set; } = TimeSpan.FromSeconds(30);

    internal bool RequiresLogin => Sasl != SaslMechanisms.None;

    internal bool RequiresCertificate => Tls is { ClientCertificateRequired: true };

    internal bool RequiresAuthentication => RequiresLogin || RequiresCertificate;

    /// <exception cref="InvalidRequestException">A value is not valid, or the endpoint would be open to the network.</exception>
    internal void Validate()
    {
        Require(Port is >= 0 and <= IPEndPoint.MaxPort, nameof(Port), Port, "is 0 to 65,535");
        Require(AdvertisedPort is null or (> 0 and <= IPEndPoint.MaxPort), nameof(AdvertisedPort), AdvertisedPort, "is 1 to 65,535");
        Require(BrokerId >= 0, nameof(BrokerId), BrokerId, "is not negative");
        Require(DefaultPartitions is > 0 and <= 100_000, nameof(DefaultPartitions), DefaultPartitions, "is 1 to 100,000");
        Require(MaxRequestBytes is >= 64 << 10 and <= 100 << 20, nameof(MaxRequestBytes), MaxRequestBytes, "is 64 KiB to 100 MiB");
        var isBelowLater = MaxRequestBytesBeforeLogin is >= 1024 && MaxRequestBytesBeforeLogin <= MaxRequestBytes;
        Require(isBelowLater, nameof(MaxRequestBytesBeforeLogin), MaxRequestBytesBeforeLogin, "is 1 KiB to MaxRequestBytes");
        Require(MaxRequestBytesInFlight >= MaxRequestBytes, nameof(MaxRequestBytesInFlight), MaxRequestBytesInFlight, "is at least MaxRequestBytes");
        Require(MaxFetchBytes >= 1024, nameof(MaxFetchBytes), MaxFetchBytes, "is at least 1 KiB");
        Require(MaxConnections > 0, nameof(MaxConnections), MaxConnections, "is above zero");
        Require(MaxConnectionsPerAddress > 0, nameof(MaxConnectionsPerAddress), MaxConnectionsPerAddress, "is above zero");
        Require(MaxAcceptsPerSecond > 0, nameof(MaxAcceptsPerSecond), MaxAcceptsPerSecond, "is above zero");
        ValidateLogin();
        Require(LoginTimeout > TimeSpan.Zero, nameof(LoginTimeout), LoginTimeout, "is above zero");
        Require(IdleTimeout > TimeSpan.Zero, nameof(IdleTimeout), IdleTimeout, "is above zero");
        Require(TransferTimeout > TimeSpan.Zero, nameof(TransferTimeout), TransferTimeout, "is above zero");
    }

    /// <summary>Half of an authentication is none, and looks like one.</summary>
    private void ValidateLogin()
    {
        const SaslMechanisms All = SaslMechanisms.Plain | SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512;
        Require(Sasl is >= 0 and <= All, nameof(Sasl), Sasl, "is made of the mechanisms there are");
        Require(RequiresLogin || Users.Count == 0, nameof(Sasl), Sasl, "says how the Users log in, and is not None when there are any");
        Require(Sasl != SaslMechanisms.Plain || Users.Count > 0, nameof(Users), Users.Count, "has somebody who can log in by PLAIN");
        var areWhole = Users.All(user => user.Key.Length > 0 && !string.IsNullOrEmpty(user.Value));
        Require(areWhole, nameof(Users), Users.Count, "has names and passwords that are not empty");
        var areUsers = SuperUsers.All(user => user.StartsWith("User:", StringComparison.Ordinal));
        Require(areUsers, nameof(SuperUsers), string.Join(' ', SuperUsers), "are written 'User:name'");
        var isOwnRight = RequiresAuthentication || SuperUsers.Count == 0;
        Require(isOwnRight, nameof(SuperUsers), SuperUsers.Count, "take authentication: set Sasl, or require client certificates in Tls");
        var isLogins = SessionLifetime is null || (RequiresLogin && SessionLifetime >= TimeSpan.FromSeconds(1));
        Require(isLogins, nameof(SessionLifetime), SessionLifetime, "is at least a second, and that of a login: set Sasl");
        Require(FailedLoginDelay >= TimeSpan.Zero, nameof(FailedLoginDelay), FailedLoginDelay, "is not negative");
    }

    /// <exception cref="InvalidRequestException">The address can be reached from outside, and nothing protects it.</exception>
    internal void RequireSafe(IPAddress address)
    {
        if (IPAddress.IsLoopback(address))
            return;
        Require(
            AllowInsecureNetwork || (Tls is not null && RequiresAuthentication), nameof(Address), address,
            "can be reached by others, which takes TLS and authentication; set both, or AllowInsecureNetwork when everybody in that network may do everything");
        var isReadable = Tls is null && Sasl.HasFlag(SaslMechanisms.Plain);
        Require(!isReadable, nameof(Sasl), Sasl, "would send passwords over the network as they are; PLAIN takes TLS there");
    }

    internal KafkaEndpointOptions Clone() => (KafkaEndpointOptions)MemberwiseClone();

    private static void Require(bool holds, string name, object? value, string rule)
    {
        if (!holds)
            throw new InvalidRequestException(ErrorCode.InvalidConfig, $"KafkaEndpointOptions.{name} {rule}; it was {value ?? "null"}.");
    }
}
