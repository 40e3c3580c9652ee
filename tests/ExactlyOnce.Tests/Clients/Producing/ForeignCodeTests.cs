using System.Buffers;
using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Tests.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Tests.Clients.Producing;

/// <summary>Producers whose codec, logger or listener throws: every call ends, and with the truth.</summary>
[Collection(nameof(Meters))]
public sealed class ForeignCodeTests
{
    private static readonly Topic<string, string> s_topic = Topic.Create("foreign-code", Serdes.Utf8, Serdes.Utf8);
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Records_that_a_codec_cannot_unpack_again_fail_and_are_told()
    {
        await using var broker = Broker.CreateInMemory(options =>
        {
            options.CloseTimeout = TimeSpan.FromSeconds(1);
            options.Codecs.Add(new OneWayCodec());
        });
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.MessageIdWindow = TimeSpan.FromMinutes(1));
        await using var producer = broker.CreateProducer(s_topic).WithCompression(CompressionType.Zstd).WithLinger(TimeSpan.FromMinutes(1)).Build();
        await using var other = broker.CreateProducer(s_topic).Build();
        await other.SendAsync("k", "a", messageId: "m1");
        var value = new string('x', 1000);
        var sending = new[] { producer.SendAsync("k", value, messageId: "m1").AsTask(), producer.SendAsync("k", value, messageId: "m2").AsTask() };

        await producer.Awaiting(flushed => flushed.FlushAsync().AsTask().WaitAsync(s_soon)).Should().NotThrowAsync<TimeoutException>();

        await sending[1].Awaiting(ended => ended.WaitAsync(s_soon)).Should().ThrowAsync<BrokerException>();
        await sending[0].Awaiting(ended => ended.WaitAsync(s_soon)).Should().NotThrowAsync<TimeoutException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_listener_that_throws_changes_nothing_for_whoever_sends(bool isDurable)
    {
        using var folder = new TemporaryFolder();
        await using var broker = await Broker.OpenAsync(isDurable ? $"mode=durable;path={folder.Path}" : "mode=memory");
        using var listener = new MeterListener { InstrumentPublished = (instrument, self) => Listen(instrument, self) };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) => ThrowForOwn(tags));
        listener.SetMeasurementEventCallback<double>((_, _, tags, _) => ThrowForOwn(tags));
        listener.Start();
        await using var producer = broker.CreateProducer(s_topic).Build();

        await producer.SendAsync("k", "alone").AsTask().WaitAsync(s_soon);
        await producer.PostAsync("k", "posted");
        await producer.FlushAsync().AsTask().WaitAsync(s_soon);

        await using var consumer = broker.CreateConsumer(s_topic).Build();
        var seen = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            seen.Add(record.Value);
        seen.Should().Equal("alone", "posted");
    }

    [Fact]
    public async Task A_logger_that_throws_changes_nothing_for_whoever_sends()
    {
        await using var broker = Broker.CreateInMemory(options =>
        {
            options.CloseTimeout = TimeSpan.FromSeconds(1);
            options.LoggerFactory = new ThrowingLoggers();
        });
        await using var older = broker.CreateProducer(s_topic).WithIdentity("import").Build();
        await older.SendAsync("k", "1", sourceSequence: 1);
        await using var newer = await broker.CreateProducer(s_topic).WithIdentity("import").BuildAsync();

        await older.Awaiting(fenced => fenced.SendAsync("k", "2", sourceSequence: 2).AsTask().WaitAsync(s_soon)).Should().ThrowAsync<ProducerFencedException>();

        await older.FlushAsync().AsTask().WaitAsync(s_soon);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_producer_that_has_outlived_its_broker_is_told(bool isDurable)
    {
        using var folder = new TemporaryFolder();
        var broker = await Broker.OpenAsync(isDurable ? $"mode=durable;path={folder.Path}" : "mode=memory");
        var producer = broker.CreateProducer(s_topic).WithCloseTimeout(TimeSpan.FromSeconds(1)).Build();
        var named = broker.CreateProducer(s_topic).WithIdentity("import").WithCloseTimeout(TimeSpan.FromSeconds(1)).Build();
        await producer.SendAsync("k", "1");
        await named.SendAsync("k", "1", sourceSequence: 1);
        // As one that was made in the moment in which the broker closed.
        broker.Unregister(producer);
        broker.Unregister(named);
        await broker.DisposeAsync();

        await producer.Awaiting(late => late.SendAsync("k", "2").AsTask().WaitAsync(s_soon)).Should().ThrowAsync<BrokerClosedException>();
        await named.Awaiting(late => late.SendAsync("k", "2", sourceSequence: 2).AsTask().WaitAsync(s_soon)).Should().ThrowAsync<BrokerClosedException>();
        await producer.DisposeAsync().AsTask().WaitAsync(s_soon);
        await named.DisposeAsync().AsTask().WaitAsync(s_soon);
    }

    private static void Listen(Instrument instrument, MeterListener listener)
    {
        if (instrument.Meter.Name == TelemetryNames.Source)
            listener.EnableMeasurementEvents(instrument);
    }

    private static void ThrowForOwn(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var tag in tags)
            if (Equals(tag.Value, s_topic.Name))
                throw new InvalidOperationException("A listener that fails.");
    }

    /// <summary>Packs by copying, and cannot unpack.</summary>
    private sealed class OneWayCodec : ICompressionCodec
    {
        public CompressionType Type => CompressionType.Zstd;

        public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination) => destination.Write(source[..^1]);

        public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes) => throw new FormatException("one way");
    }

    private sealed class ThrowingLoggers : ILoggerFactory, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("A logger that fails.");

        public void Dispose()
        {
        }
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("exactlyonce-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
