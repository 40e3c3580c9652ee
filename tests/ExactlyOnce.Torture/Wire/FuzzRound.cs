using System.Collections.Concurrent;
using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Torture.Wire;

/// <summary>One broker, many connections that send it nonsense, and one that does not.</summary>
internal sealed class FuzzRound(ulong seed, long frames, long[,] sent, Progress progress)
{
    private const int Workers = 32;
    private const int GoodMax = 3;
    private const int BadMax = 4;

    /// <summary>More than a connection, a request and what a broker makes of fifty thousand of them need.</summary>
    private const long PeakBytesMax = 1L << 30;

    // A request may wait for long by right; its connection ends when its peer goes.
    private static readonly TimeSpan s_lingering = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<string> _failures = [];
    private readonly long _frames = frames;
    private long _left;

    public IEnumerable<string> Failures => _failures;

    public long PeakBytes { get; private set; }

    /// <summary>How many malformed frames were read.</summary>
    public async Task<long> RunAsync()
    {
        _left = _frames;
        using var log = LoggerFactory.Create(logging => logging.AddProvider(new FailureLog(_failures)).SetMinimumLevel(LogLevel.Error));
        await using var broker = Broker.CreateInMemory(options => options.LoggerFactory = log);
        await broker.Admin.CreateTopicAsync(PlausibleRequest.Topic, options => options.Partitions = 2);
        await broker.Admin.CreateTopicAsync(SaneClient.Topic);
        var server = new KafkaServer(broker, new KafkaEndpointOptions { MaxConnectionsPerAddress = Workers + 10, AutoCreateTopics = true });
        var handler = new KafkaConnectionHandler(server);
        var topicId = server.Backend.TryGetTopic(PlausibleRequest.Topic)!.Id;
        var attack = Task.WhenAll(Enumerable.Range(0, Workers)
            .Select(worker => Task.Run(() => AttackAsync(handler, new FrameForge((seed * Workers) + (ulong)worker, topicId)))));
        var sane = new SaneClient(handler);
        try
        {
            while (!attack.IsCompleted)
            {
                await sane.WriteAndReadAsync();
                PeakBytes = Math.Max(PeakBytes, GC.GetTotalMemory(forceFullCollection: false));
            }
            await sane.ReadAllAsync();
        }
        catch (Exception exception)
        {
            _failures.Enqueue($"seed {seed}: the well-behaved client: {exception}");
        }
        await attack;
        await sane.CloseAsync();
        if (PeakBytes > PeakBytesMax)
            _failures.Enqueue($"seed {seed}: {PeakBytes:N0} bytes were in use.");
        progress.Count("records of the well-behaved client", sane.Written);
        return _frames - Math.Max(0, Interlocked.Read(ref _left));
    }

    private async Task AttackAsync(KafkaConnectionHandler handler, FrameForge forge)
    {
        while (Interlocked.Read(ref _left) > 0 && _failures.IsEmpty)
        {
            var (good, bad) = (forge.Below(GoodMax + 1), 1 + forge.Below(BadMax));
            var connection = new PipedConnection(handler);
            var drained = connection.DrainAsync();
            for (var i = 0; i < good; i++)
                await connection.SendAsync(forge.MakeGood());
            for (var i = 0; i < bad; i++)
                await SendAsync(connection, forge);
            connection.EndSending();
            if (!await connection.WaitForEndAsync(s_lingering))
                connection.Abort();
            if (!await connection.WaitForEndAsync(s_patience))
            {
                _failures.Enqueue($"seed {seed}: a connection has outlived its peer.");
                return;
            }
            if (connection.Thrown is { } thrown)
                _failures.Enqueue($"seed {seed}: {thrown}");
            // Each frame that was read was answered, or was the last.
            var read = Math.Clamp(await drained + 1 - good, 0, bad);
            connection.Forget();
            Interlocked.Add(ref _left, -read);
            progress.Count("malformed frames", read);
            progress.Count("connections");
        }
    }

    private async Task SendAsync(PipedConnection connection, FrameForge forge)
    {
        var api = ApiRegistry.All[forge.Below(ApiRegistry.All.Count)];
        var version = (short)(api.Min + forge.Below(api.Max - api.Min + 1));
        Interlocked.Increment(ref sent[api.Key, version]);
        var frame = forge.MakeBad(api, version);
        if (forge.Below(8) > 0)
        {
            await connection.SendAsync(frame);
            return;
        }
        // In pieces, as a network would.
        var cut = forge.Below(frame.Length);
        await connection.SendAsync(frame.AsMemory(0, cut));
        await Task.Yield();
        await connection.SendAsync(frame.AsMemory(cut));
    }

    /// <summary>What the endpoint logs as an error is a failure of ours: no stranger's request may cause one.</summary>
    private sealed class FailureLog(ConcurrentQueue<string> failures) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                failures.Enqueue($"{formatter(state, exception)} {exception}");
        }

        public void Dispose()
        {
        }
    }
}
