using System.Runtime.CompilerServices;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Recovery;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Diagnostics;

/// <summary>The instruments of the library: which there are, and what each of the engine's says.</summary>
[Collection(nameof(Meters))]
public sealed class InstrumentTests
{
    /// <summary>
    /// Name, kind and unit as the conventions and our own list give them. The counter of the sinks belongs to their package, and to its tests.
    /// </summary>
    private static readonly (string Name, string Kind, string Unit)[] s_instruments =
    [
        (TelemetryNames.OperationDuration, "Histogram", "s"),
        (TelemetryNames.SentMessages, "Counter", "{message}"),
        (TelemetryNames.ConsumedMessages, "Counter", "{message}"),
        (TelemetryNames.ProcessDuration, "Histogram", "s"),
        (TelemetryNames.ConsumerLag, "ObservableGauge", "{message}"),
        (TelemetryNames.LastStableOffsetLag, "ObservableGauge", "{offset}"),
        (TelemetryNames.TransactionDuration, "Histogram", "s"),
        (TelemetryNames.TransactionOpen, "UpDownCounter", "{transaction}"),
        (TelemetryNames.TransactionOldestOpenAge, "ObservableGauge", "s"),
        (TelemetryNames.DuplicatesRejected, "Counter", "{batch}"),
        (TelemetryNames.ProducerFenced, "Counter", "{producer}"),
        (TelemetryNames.GroupMembers, "ObservableGauge", "{member}"),
        (TelemetryNames.GroupRebalanceDuration, "Histogram", "s"),
        (TelemetryNames.HandlerRetries, "Counter", "{batch}"),
        (TelemetryNames.HandlerDeadLettered, "Counter", "{message}"),
        (TelemetryNames.StorageSize, "ObservableGauge", "By"),
        (TelemetryNames.StorageSyncDuration, "Histogram", "s"),
        (TelemetryNames.StorageRecoveryDuration, "Histogram", "s"),
        (TelemetryNames.StorageCorruptionDetected, "Counter", "{error}"),
    ];

    [Fact]
    public async Task Every_instrument_has_the_name_the_kind_and_the_unit_of_the_list_and_none_is_missing()
    {
        using var recorder = new MeterRecorder();
        foreach (var type in new[] { typeof(ClientMeter), typeof(ProcessMeter), typeof(StorageMeter) })
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        await using var broker = Broker.CreateInMemory();

        recorder.Published.Select(instrument => (instrument.Name, instrument.GetType().Name.Split('`')[0], instrument.Unit)).Distinct().Should().BeEquivalentTo(s_instruments);
        recorder.Published.Should().OnlyContain(instrument => instrument.Description!.EndsWith('.') && instrument.Meter.TelemetrySchemaUrl == TelemetryNames.SchemaUrl);
    }

    /// <summary>The same names as text: a rename of a constant is a rename for everybody's dashboards.</summary>
    [Fact]
    public void Every_name_that_is_given_to_OpenTelemetry_is_on_this_list()
    {
        var names = typeof(TelemetryNames).GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!).Where(name => name.Contains('.') && !name.Contains('/'));

        names.Should().BeEquivalentTo(
            "ExactlyOnce.Sinks", "messaging.system.name", "messaging.operation.name", "messaging.operation.type", "messaging.destination.name", "messaging.destination.partition.id",
            "messaging.consumer.group.name", "messaging.batch.message_count", "error.type", "exactlyonce.offset", "exactlyonce.transaction.outcome",
            "messaging.client.operation.duration", "messaging.client.sent.messages", "messaging.client.consumed.messages", "messaging.process.duration",
            "exactlyonce.consumer.lag", "exactlyonce.partition.last_stable_offset.lag", "exactlyonce.transaction.duration", "exactlyonce.transaction.open",
            "exactlyonce.transaction.oldest_open.age", "exactlyonce.producer.duplicates_rejected", "exactlyonce.producer.fenced", "exactlyonce.group.members",
            "exactlyonce.group.rebalance.duration", "exactlyonce.handler.retries", "exactlyonce.handler.dead_lettered", "exactlyonce.sink.duplicates_skipped",
            "exactlyonce.storage.size", "exactlyonce.storage.fsync.duration", "exactlyonce.storage.recovery.duration", "exactlyonce.storage.corruption.detected");
    }

    [Fact]
    public async Task The_lag_of_a_group_counts_records_it_has_not_committed_and_is_zero_when_there_are_none()
    {
        const string Group = "lag-of-a-group";
        using var recorder = new MeterRecorder();
        await using var broker = await OpenAsync();
        await using var producer = await broker.TransactionalAsync();
        for (var i = 0; i < 3; i++)
            await producer.InTransactionAsync((transaction, token) => transaction.SendAsync(Orders, "k", $"{i}", token).AsTask());
        await broker.Admin.ResetGroupOffsetAsync(Group, First, 1);

        recorder.Gauge(TelemetryNames.ConsumerLag, Group, "orders", "0").Should().Be(2, "markers stand between the records and are none");
        await broker.Admin.ResetGroupOffsetAsync(Group, First, 5);
        recorder.Gauge(TelemetryNames.ConsumerLag, Group).Should().Be(0, "only a marker is left");
        await using var open = await producer.BeginTransactionAsync();
        await open.SendAsync(Orders, "k", "undecided");
        recorder.Gauge(TelemetryNames.ConsumerLag, Group).Should().Be(0, "nobody would be given what is undecided");
    }

    [Fact]
    public async Task Every_sync_of_the_journal_is_measured()
    {
        using var recorder = new MeterRecorder();
        await using var broker = await OpenAsync(Place.Folder);
        int Own() => recorder.Of(TelemetryNames.StorageSyncDuration).Count(heard => heard.Instrument.Meter == broker.Engine.Meter.Meter);
        var before = Own();

        await broker.Broker.PublishAsync(Orders, "k", "v");

        Own().Should().BeGreaterThan(before);
        recorder.Of(TelemetryNames.StorageRecoveryDuration).Should().Contain(heard => heard.Instrument.Meter == broker.Engine.Meter.Meter);
    }

    [Fact]
    public async Task A_rebalance_is_measured_from_the_change_to_the_moment_when_all_members_have_followed()
    {
        const string Group = "measured-rebalance";
        using var recorder = new MeterRecorder();
        await using var broker = await OpenAsync(partitions: 2);
        await using var first = broker.Broker.CreateConsumer(Orders).InGroup(Group).Build();
        await using var second = broker.Broker.CreateConsumer(Orders).InGroup(Group).Build();
        using var ending = new CancellationTokenSource();
        var reading = ReadAsync(first, ending.Token);
        await Until(() => first.Assignment.Count == 2);
        recorder.Of(TelemetryNames.GroupRebalanceDuration, Group).Should().BeEmpty("a member alone has nobody to wait for");

        var readingToo = ReadAsync(second, ending.Token);
        await Until(() => first.Assignment.Count == 1 && second.Assignment.Count == 1);

        await Until(() => recorder.Of(TelemetryNames.GroupRebalanceDuration, Group).Count == 1);
        await ending.CancelAsync();
        await Task.WhenAll(reading, readingToo);
    }

    [Fact]
    public async Task A_producer_that_was_fenced_is_counted_wherever_it_is_refused()
    {
        using var recorder = new MeterRecorder();
        await using var broker = await OpenAsync();
        int Own() => recorder.Of(TelemetryNames.ProducerFenced).Count(heard => heard.Instrument.Meter == broker.Engine.Meter.Meter);
        await using var named = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        await named.SendAsync("k", "v", sourceSequence: 1);
        await using var newer = await broker.Broker.CreateProducer(Orders).WithIdentity("import").BuildAsync();
        await named.Awaiting(older => older.SendAsync("k", "v", sourceSequence: 2).AsTask()).Should().ThrowAsync<ProducerFencedException>();
        Own().Should().Be(1);

        await using var zombie = await broker.TransactionalAsync("checkout");
        var transaction = await zombie.BeginTransactionAsync();
        await transaction.SendAsync(Orders, "k", "v");
        await using var successor = await broker.TransactionalAsync("checkout");
        await transaction.Awaiting(open => open.CommitAsync().AsTask()).Should().ThrowAsync<ProducerFencedException>();
        Own().Should().BeGreaterThan(1);
    }

    [Fact]
    public async Task Damage_is_counted_when_an_opening_meets_it_and_when_a_reader_does()
    {
        using var recorder = new MeterRecorder();
        var disk = new SimulatedDisk();
        var life = Life.Open(disk, new Promises());
        life.Run(now => now.CreateTopicsAsync());
        for (var i = 0; i < 8; i++)
            life.Run(now => now.SendAsync(Life.Bulk, 0, padding: 20_000));
        life.Engine.Checkpoint();
        // On a simulated disk everything happens on this thread, so that no other test's damage is counted.
        int Own() => recorder.Of(TelemetryNames.StorageCorruptionDetected).Count(heard => heard.ThreadId == System.Environment.CurrentManagedThreadId);
        var before = Own();

        var folder = Life.Root + "/topics/" + disk.List(Life.Root + "/topics").Single(name => name.Contains("bulk", StringComparison.Ordinal)).TrimEnd('/');
        disk.Flip(folder + "/" + disk.List(folder).First(name => name.EndsWith(".log", StringComparison.Ordinal)), 5_000, 1);
        FluentActions.Invoking(() => life.Run(now => now.ReadRecordsAsync())).Should().Throw<DamagedStorageException>();
        Own().Should().Be(before + 1);

        disk.Flip(Life.Root + "/" + Manifest.FileName, 20, 1);
        FluentActions.Invoking(() => Life.Open(disk.Crash(CrashProfile.AllSurvive, 0), new Promises())).Should().Throw<DamagedStorageException>();
        Own().Should().Be(before + 2);
    }

    private static async Task ReadAsync(Consumer<string, string> consumer, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var _ in consumer.ReadBatchesAsync(cancellationToken))
            {
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static async Task Until(Func<bool> holds)
    {
        var ended = DateTime.UtcNow + Soon;
        while (!holds())
        {
            DateTime.UtcNow.Should().BeBefore(ended, "it should have come true by now");
            await Task.Delay(5);
        }
    }
}
