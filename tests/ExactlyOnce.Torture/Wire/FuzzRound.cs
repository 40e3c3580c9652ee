using System.Collections.Concurrent;
using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Torture.Wire;

/// <summary>
/// One broker behind two endpoints, one of which asks for a login; many connections that send them nonsense: to the open one, and to the other before a login,
/// in the middle of one and behind it; and to either one that does not.
/// </summary>
internal sealed class FuzzRound(ulong seed, long frames, long[,] sent, Progress progress)
{
    private const int Workers = 32;
    private const int GoodMax = 3;
    private const int BadMax = 4;

    private static readonly Doorstep[] s_doorsteps = [Doorstep.Open, Doorstep.Open, Doorstep.BeforeLogin, Doorstep.InLogin, Doorstep.AsMaster, Doorstep.AsGuest];

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
        await broker.Admin.CreateTopicAsync(SaneClient.SecuredTopic);
        var servers = await FuzzedServers.StartAsync(broker, Workers + 10);
        var topicId = broker.Backend.TryGetTopic(PlausibleRequest.Topic)!.Id;
        var attack = Task.WhenAll(Enumerable.Range(0, Workers)
            .Select(worker => Task.Run(() => AttackAsync(servers, new FrameForge((seed * Workers) + (ulong)worker, topicId)))));
        SaneClient[] sane = [new SaneClient(servers.Open, SaneClient.Topic), new SaneClient(servers.Secured, SaneClient.SecuredTopic, FuzzedServers.Sane)];
        try
        {
            while (!attack.IsCompleted)
            {
                foreach (var client in sane)
                    await client.WriteAndReadAsync();
                PeakBytes = Math.Max(PeakBytes, GC.GetTotalMemory(forceFullCollection: false));
            }
            foreach (var client in sane)
                await client.ReadAllAsync();
        }
        catch (Exception exception)
        {
            _failures.Enqueue($"seed {seed}: a well-behaved client: {exception}");
        }
        await attack;
        foreach (var client in sane)
            await client.CloseAsync();
        if (PeakBytes > PeakBytesMax)
            _failures.Enqueue($"seed {seed}: {PeakBytes:N0} bytes were in use.");
        progress.Count("records of the well-behaved clients", sane.Sum(client => client.Written));
        return _frames - Math.Max(0, Interlocked.Read(ref _left));
    }

    private async Task AttackAsync(FuzzedServers servers, FrameForge forge)
    {
        while (Interlocked.Read(ref _left) > 0 && _failures.IsEmpty)
        {
            var doorstep = s_doorsteps[forge.Below(s_doorsteps.Length)];
            var (connection, steps) = servers.Approach(doorstep, forge);
            // What could have been meant would end a connection that has not logged in.
            var good = doorstep is Doorstep.BeforeLogin or Doorstep.InLogin ? 0 : forge.Below(GoodMax + 1);
            var bad = 1 + forge.Below(BadMax);
            var drained = connection.DrainAsync();
            foreach (var step in steps)
                await connection.SendAsync(step);
            for (var i = 0; i < good; i++)
                await connection.SendAsync(forge.MakeGood());
            for (var i = 0; i < bad; i++)
                await SendAsync(connection, forge, doorstep);
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
            var read = Math.Clamp(await drained + 1 - good - steps.Count, 0, bad);
            connection.Forget();
            Interlocked.Add(ref _left, -read);
            progress.Count("malformed frames", read);
            progress.Count("connections");
            if (doorstep is Doorstep.BeforeLogin or Doorstep.InLogin)
                progress.Count("frames before a login", read);
            else if (doorstep != Doorstep.Open)
                progress.Count("frames behind one", read);
        }
    }

    private async Task SendAsync(PipedConnection connection, FrameForge forge, Doorstep doorstep)
    {
        if (doorstep == Doorstep.InLogin && forge.Below(4) > 0)
        {
            await connection.SendAsync(forge.MakeBadToken());
            return;
        }
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
