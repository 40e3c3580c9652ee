using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// Everybody at once on real threads: 8 producers, 4 transactional writers that abort at random, 4 readers. The environment variable EXACTLYONCE_STRESS_SECONDS
/// makes it longer; without it the number of operations is bounded as well.
/// </summary>
public sealed class StressTests
{
    private const int Producers = 8;
    private const int Writers = 4;
    private const int Partitions = 3;

    private static readonly Topic<string, string> s_plain = Topic.Create("plain", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_ledger = Topic.Create("ledger", Serdes.Utf8, Serdes.Utf8);
    private static readonly string s_filler = new('x', 300);

    private static readonly int? s_seconds =
        int.TryParse(System.Environment.GetEnvironmentVariable("EXACTLYONCE_STRESS_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static TimeSpan Duration => TimeSpan.FromSeconds(s_seconds ?? 1.5);

    private static int OperationsMax => s_seconds is null ? 5_000 : int.MaxValue;

    [Fact]
    public async Task In_memory_nothing_is_lost_doubled_reordered_torn_or_seen_too_early() => await RunAsync(null);

    [Fact]
    public async Task On_disk_nothing_is_lost_doubled_reordered_torn_or_seen_too_early()
    {
        var directory = Directory.CreateTempSubdirectory("exactlyonce-");
        try
        {
            await RunAsync(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task RunAsync(string? directory)
    {
        var options = new BrokerOptions { Directory = directory, CheckpointInterval = TimeSpan.FromMilliseconds(300) };
        var sent = new long[Producers];
        var transactions = new ConcurrentDictionary<string, bool>();
        var plainSeen = new PlainReader[2];
        var ledgerSeen = new LedgerReader[2];
        await using (var broker = await Broker.OpenAsync(options, CancellationToken.None))
        {
            await broker.Admin.CreateTopicAsync("plain", topic => topic.Partitions = Partitions);
            await broker.Admin.CreateTopicAsync("ledger", topic => topic.Partitions = Partitions);
            using var reading = new CancellationTokenSource();
            var readers = new List<Task>();
            for (var i = 0; i < 2; i++)
            {
                var plain = plainSeen[i] = new PlainReader();
                var ledger = ledgerSeen[i] = new LedgerReader();
                readers.Add(Task.Run(() => plain.ReadAsync(broker, reading.Token)));
                readers.Add(Task.Run(() => ledger.ReadAsync(broker, reading.Token)));
            }
            var working = Enumerable.Range(0, Producers).Select(p => Task.Run(async () => sent[p] = await ProduceAsync(broker, p)))
                .Concat(Enumerable.Range(0, Writers).Select(w => Task.Run(() => TransactAsync(broker, w, transactions))));

            await Task.WhenAll(working);
            var committed = transactions.Count(transaction => transaction.Value);
            await EventuallyAsync(
                readers, () => plainSeen.All(reader => reader.Count == sent.Sum()) && ledgerSeen.All(reader => reader.Count == committed * Partitions));
            await reading.CancelAsync();
            await Task.WhenAll(readers.Select(reader => reader.ContinueWith(ended => ended.Exception?.InnerExceptions.FirstOrDefault(), TaskScheduler.Default)))
                .ContinueWith(ended => ended.Result.Where(exception => exception is not null and not OperationCanceledException).Should().BeEmpty(), TaskScheduler.Default);
            foreach (var reader in plainSeen)
                reader.Check(sent);
            foreach (var reader in ledgerSeen)
                reader.Check(transactions);
        }
        if (directory is not null)
            await CheckAgainAsync(options, sent, transactions);
    }

    /// <summary>What was seen before the broker was closed is there, exactly, when it is opened again.</summary>
    private static async Task CheckAgainAsync(BrokerOptions options, long[] sent, ConcurrentDictionary<string, bool> transactions)
    {
        await using var broker = await Broker.OpenAsync(options, CancellationToken.None);
        var plain = new PlainReader();
        var ledger = new LedgerReader();
        await plain.ReadToEndAsync(broker);
        await ledger.ReadToEndAsync(broker);
        plain.Check(sent);
        ledger.Check(transactions);
    }

    private static async Task<long> ProduceAsync(Broker broker, int producer)
    {
        await using var sender = broker.CreateProducer(s_plain).Build();
        var clock = Stopwatch.StartNew();
        var i = 0L;
        for (; i < OperationsMax && clock.Elapsed < Duration; i++)
        {
            var value = $"{producer}:{i}";
            if (i % 64 == 0)
                await sender.SendAsync($"{producer}", value);
            else
                await sender.PostAsync($"{producer}", value);
        }
        await sender.FlushAsync();
        return i;
    }

    private static async Task TransactAsync(Broker broker, int writer, ConcurrentDictionary<string, bool> transactions)
    {
        var chance = new Random(writer);
        await using var producer = await broker.CreateTransactionalProducerAsync($"writer-{writer}", new TransactionalProducerOptions { BatchSize = 512 });
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < OperationsMax / 10 && clock.Elapsed < Duration; i++)
        {
            var name = $"{writer}:{i}";
            var commit = chance.Next(3) > 0;
            await using var transaction = await producer.BeginTransactionAsync();
            for (var partition = 0; partition < Partitions; partition++)
            {
                // The filler's batch is full at once, so that aborted records do reach the log.
                await transaction.SendAsync(s_ledger, new ProducerRecord<string, string>("filler", s_filler) { Partition = partition });
                await transaction.SendAsync(s_ledger, new ProducerRecord<string, string>(commit ? "kept" : "aborted", name) { Partition = partition });
                if (!commit)
                    await transaction.SendAsync(s_ledger, new ProducerRecord<string, string>("aborted", s_filler) { Partition = partition });
            }
            transactions[name] = commit;
            if (commit)
                await transaction.CommitAsync();
            else if (chance.Next(2) == 0)
                await transaction.AbortAsync();
        }
    }

    private static async Task EventuallyAsync(List<Task> readers, Func<bool> reached)
    {
        var clock = Stopwatch.StartNew();
        while (!reached() && clock.Elapsed < TimeSpan.FromSeconds(30) && !readers.Any(reader => reader.IsFaulted))
            await Task.Delay(10);
        reached().Should().BeTrue("everything acknowledged is seen");
    }

    /// <summary>Reads the plain topic and keeps the last number of every producer.</summary>
    private sealed class PlainReader
    {
        private readonly long[] _next = new long[Producers];
        private long _count;

        public long Count => Volatile.Read(ref _count);

        public async Task ReadAsync(Broker broker, CancellationToken cancellationToken)
        {
            await using var consumer = broker.CreateConsumer(s_plain).Build();
            await foreach (var record in consumer.ReadAllAsync(cancellationToken))
                Note(record);
        }

        public async Task ReadToEndAsync(Broker broker)
        {
            await using var consumer = broker.CreateConsumer(s_plain).Build();
            await foreach (var record in consumer.ReadToEndAsync())
                Note(record);
        }

        public void Check(long[] sent) => _next.Should().Equal(sent);

        private void Note(ConsumerRecord<string, string> record)
        {
            var parts = record.Value.Split(':');
            var producer = int.Parse(parts[0], CultureInfo.InvariantCulture);
            if (long.Parse(parts[1], CultureInfo.InvariantCulture) != _next[producer]++)
                throw new InvalidOperationException($"{record.Value} at {record.TopicPartition}@{record.Offset}: a producer's records are in order, each once.");
            Volatile.Write(ref _count, _count + 1);
        }
    }

    /// <summary>Reads the ledger and keeps who was seen where, and how far the other partitions reached at that moment.</summary>
    private sealed class LedgerReader
    {
        private readonly Dictionary<string, long?[]> _seen = [];
        private readonly List<(string Name, int Partition, long End)> _promised = [];
        private readonly long[] _positions = new long[Partitions];
        private long _count;

        public long Count => Volatile.Read(ref _count);

        public async Task ReadAsync(Broker broker, CancellationToken cancellationToken)
        {
            await using var consumer = broker.CreateConsumer(s_ledger).Build();
            await foreach (var record in consumer.ReadAllAsync(cancellationToken))
                Note(broker, record);
        }

        public async Task ReadToEndAsync(Broker broker)
        {
            await using var consumer = broker.CreateConsumer(s_ledger).Build();
            await foreach (var record in consumer.ReadToEndAsync())
                Note(broker, record);
        }

        public void Check(ConcurrentDictionary<string, bool> transactions)
        {
            _seen.Keys.Order().SequenceEqual(transactions.Where(transaction => transaction.Value).Select(transaction => transaction.Key).Order())
                .Should().BeTrue("what was committed is seen, and nothing else");
            _seen.Values.Count(offsets => offsets.Any(offset => offset is null)).Should().Be(0, "a transaction is whole");
            // Its record and the marker behind it: the stable end of another partition may be held back by somebody else's open transaction.
            _promised.Count(promise => _seen[promise.Name][promise.Partition] + 2 > promise.End).Should().Be(0, "who saw one record of it finds all of them");
        }

        private void Note(Broker broker, ConsumerRecord<string, string> record)
        {
            var partition = record.TopicPartition.Partition;
            if (record.Offset < _positions[partition] || record.Key == "aborted")
                throw new InvalidOperationException($"{record.TopicPartition}@{record.Offset} is {record.Key}, behind {_positions[partition]}.");
            _positions[partition] = record.Offset + 1;
            if (record.Key == "filler")
                return;
            if (!_seen.TryGetValue(record.Value, out var offsets))
            {
                _seen.Add(record.Value, offsets = new long?[Partitions]);
                for (var other = 0; other < Partitions; other++)
                    _promised.Add((record.Value, other, broker.Backend.GetPartition(new TopicPartition("ledger", other)).Offsets.HighWatermark));
            }
            if (offsets[partition] is not null)
                throw new InvalidOperationException($"{record.Value} is seen twice.");
            offsets[partition] = record.Offset;
            Volatile.Write(ref _count, _count + 1);
        }
    }
}
