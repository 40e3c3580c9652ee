using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using Microsoft.Extensions.Logging;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Museum;

/// <summary>Bugs that told secrets: to a log, to a stopwatch, or to a page that a browser happened to have open.</summary>
public sealed class SecretMuseumTests : IAsyncLifetime
{
    /// <summary>In everything that nobody but its owner may see. Encoded it would read otherwise, so the encoded forms are looked for as well.</summary>
    private const string Marker = "MarkerOfASecret";

    /// <summary>In every name that a stranger may choose.</summary>
    private const string Forged = "ForgedLine";

    private readonly Sink _log = new();
    private readonly Broker _broker;
    private readonly ActivityListener _traces;
    private KafkaEndpoint _endpoint = null!;

    public SecretMuseumTests()
    {
        _broker = Broker.CreateInMemory(options => options.LoggerFactory = _log);
        _traces = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => _log.Lines.Enqueue($"{activity.DisplayName} {string.Join(' ', activity.TagObjects)} {string.Join(' ', activity.Events.SelectMany(e => e.Tags))}"),
        };
        ActivitySource.AddActivityListener(_traces);
    }

    public async Task InitializeAsync() => _endpoint = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions
    {
        Port = 0,
        Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512,
        Users = { ["root"] = Marker },
        SuperUsers = { "User:root" },
        FailedLoginDelay = TimeSpan.Zero,
    });

    public async Task DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await _broker.DisposeAsync();
        _traces.Dispose();
    }

    /// <summary>
    /// CVE-2021-38153: a comparison that stops at the first wrong byte tells how far one has come. Nothing that handles secrets compares them in any other way
    /// than in a fixed time.
    /// </summary>
    [Fact]
    public void Museum_W11_TimingUnsafeComparison()
    {
        var folder = Repository.PathOf("src/ExactlyOnce.Kafka.Endpoint/Security");
        var sources = Directory.EnumerateFiles(folder, "*.cs").ToDictionary(path => Path.GetFileName(path), File.ReadAllText);

        sources.Where(source => source.Value.Contains("SequenceEqual", StringComparison.Ordinal)).Should().BeEmpty();
        foreach (var exchange in new[] { "PlainExchange.cs", "ScramExchange.cs" })
            sources[exchange].Should().Contain("CryptographicOperations.FixedTimeEquals(");
    }

    /// <summary>
    /// CVE-2026-33558: with the log at its most talkative, logins right and wrong, users, payloads and nonsense; no sink has any of it, nor a line that a
    /// stranger wrote.
    /// </summary>
    [Fact]
    public async Task Museum_W16_SecretsInLogs()
    {
        await _broker.Admin.CreateTopicAsync("t");
        var password = Encoding.UTF8.GetBytes(Marker);
        using (var client = new RawClient(_endpoint))
        {
            (await client.LoginAsync("root", Marker)).Should().Be(KafkaError.None);
            (await client.CallAsync<AlterUserScramCredentialsResponse>(0, new AlterUserScramCredentialsRequest
            {
                Upsertions = [new() { Name = $"u\n{Forged}", Mechanism = 1, Iterations = 4096, Salt = password, SaltedPassword = [.. password, .. new byte[32 - password.Length]] }],
            })).Results.Single().ErrorCode.Should().Be(KafkaError.None);
            (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(Marker)))).Only().ErrorCode.Should().Be(KafkaError.None);
            await client.CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0));
            await client.CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionalId = $"x\r\n{Forged}", TransactionTimeoutMs = 1000 });
            await client.CallAsync<JoinGroupResponse>(5, new JoinGroupRequest
            {
                GroupId = $"g\n{Forged}",
                SessionTimeoutMs = 6000,
                RebalanceTimeoutMs = 6000,
                ProtocolType = $"\n{Forged}",
                Protocols = [new() { Name = $"\n{Forged}", Metadata = password }],
            });
            await client.CallAsync<ProduceResponse>(9, TestBatch.Produce($"t\n{Forged}", TestBatch.With(TestBatch.Of(Marker), 70, 0xFF)));
            // Nonsense that holds a secret, with which the connection ends.
            await client.SendAsync([0, 0, 0, (byte)(12 + password.Length), 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF, .. password]);
            await client.ShouldBeClosedAsync();
        }
        using (var wrong = new RawClient(_endpoint))
            (await wrong.LoginAsync($"root\n{Forged}", $"{Marker}, almost")).Should().Be(KafkaError.SaslAuthenticationFailed);
        await _endpoint.DisposeAsync();

        string[] secrets = [Marker, Convert.ToBase64String(password)[..^4], Convert.ToHexString(password), Convert.ToHexStringLower(password), BitConverter.ToString(password), Forged];
        _log.Lines.Should().Contain(line => line.Contains("A login from", StringComparison.Ordinal)).And.Contain(line => line.Contains("Closed the connection", StringComparison.Ordinal));
        _log.Lines.Where(line => secrets.Any(secret => line.Contains(secret, StringComparison.Ordinal))).Should().BeEmpty();
    }

    /// <summary>
    /// A page that somebody has open sends a form to a port of his machine, with requests of ours in its body. What a browser says first is no length of a
    /// request, and nothing behind it is looked at. (Of Hangfire 1.6.20 and other dashboards; this is what it comes to where no HTTP is spoken.)
    /// </summary>
    [Theory]
    [InlineData("GET"), InlineData("POST"), InlineData("PUT"), InlineData("HEAD"), InlineData("OPTIONS"), InlineData("PRI")]
    public async Task Museum_W21_CrossProtocolRequest(string method)
    {
        await using var open = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0, MaxRequestBytes = 100 << 20 });
        using var client = new RawClient(open);
        var body = client.FrameOf(2, new CreateTopicsRequest { Topics = [new() { Name = "made-by-a-page", NumPartitions = 1, ReplicationFactor = 1 }] });

        await client.SendAsync([.. Encoding.ASCII.GetBytes($"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {body.Length}\r\n\r\n"), .. body]);

        await client.ShouldBeClosedAsync();
        _broker.Admin.DescribeTopic("made-by-a-page").Should().BeNull();
    }

    /// <summary>Takes everything, and every value that a sink with structure would take.</summary>
    private sealed class Sink : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Lines.Enqueue($"{state}");
            return null;
        }

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var values = state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => pair.Value)) : "";
            Lines.Enqueue($"{formatter(state, exception)} {values} {exception}");
        }

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
