using System.Diagnostics;
using System.Reflection;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Tests.Clients;

/// <summary>
/// What a record costs the garbage collector on its whole way through a broker in memory, once everything is warm. In the stepped environment all of it happens
/// on the test's thread, so that the thread's own count is exact whatever other tests do meanwhile.
/// </summary>
[Collection(nameof(ExactlyOnce.Tests.Diagnostics.Meters))]
public sealed class AllocationTests
{
    private const int WarmUpRounds = 300;
    private const int Rounds = 300;
    private const int RecordsPerRound = 500;

    /// <summary>
    /// Measured so often, and the least counts: pools that other tests' garbage collections have emptied fill up again once, which is no cost of a record.
    /// </summary>
    private const int Measurements = 5;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create(
        "figures",
        Serdes.Create<int>(
            static (value, destination) =>
            {
                destination.GetSpan(value)[..value].Fill((byte)value);
                destination.Advance(value);
            },
            static source => source.Length));

    /// <summary>
    /// A compiler that does not optimize makes an object of every async call; those are its own and not ours. Two such calls belong to a wait.
    /// </summary>
    private static int BytesPerWaitMax =>
        typeof(Broker).Assembly.GetCustomAttribute<DebuggableAttribute>()!.IsJITOptimizerDisabled ? 512 : 0;

    [Fact]
    public void A_posted_record_allocates_at_most_eight_bytes_on_its_way_into_the_log_with_a_flush_for_every_500() =>
        Measure(waits: true).Written.Should().BeLessThanOrEqualTo(8L * Rounds * RecordsPerRound);

    [Fact]
    public void A_posted_record_allocates_less_than_a_byte_on_its_way_into_the_log()
    {
        const int Records = 20_000;
        var environment = new StepEnvironment(new MemoryDisk());
        var least = environment.Run(async () =>
        {
            await using var broker = await OpenAsync(environment);
            await using var producer = await broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(16 * 1024).BuildAsync();
            Post(producer, 10 * Records);
            return LeastOf(() => Post(producer, Records));
        });

        least.Should().BeLessThan(Records);
    }

    [Fact]
    public void A_transaction_allocates_for_itself_and_nothing_for_its_records()
    {
        const int Transactions = 200;
        var environment = new StepEnvironment(new MemoryDisk());
        environment.Run(async () =>
        {
            await using var broker = await OpenAsync(environment);
            await using var producer = await broker.CreateTransactionalProducerAsync("once");
            await TransactAsync(producer, 10 * Transactions, records: 100);
            var small = LeastOf(() => TransactAsync(producer, Transactions, records: 1).GetAwaiter().GetResult());
            var large = LeastOf(() => TransactAsync(producer, Transactions, records: 100).GetAwaiter().GetResult());

            // An async call that does not wait is an object to a compiler that does not optimize.
            var allowance = BytesPerWaitMax == 0 ? 0 : 200;
            ((large - small) / Transactions).Should().BeLessThan(99 * (1 + allowance));
            if (BytesPerWaitMax == 0)
                (small / Transactions).Should().BeLessThan(500);
        });
    }

    [Fact]
    public void Reading_in_batches_what_is_there_allocates_nothing() => Measure(waits: false).Read.Should().Be(0);

    [Fact]
    public void Waiting_for_a_batch_and_reading_it_allocates_nothing() =>
        Measure(waits: true).Read.Should().BeLessThanOrEqualTo((long)BytesPerWaitMax * Rounds);

    [Fact]
    public void A_send_that_is_awaited_alone_allocates_nothing()
    {
        var environment = new StepEnvironment(new MemoryDisk());
        environment.Run(async () =>
        {
            await using var broker = await OpenAsync(environment);
            await using var producer = broker.CreateProducer(s_topic).Build();
            await producer.SendAsync(default, 100);
            Send(producer, 100_000);

            // A chunk of the log, one MiB for several thousand records, may begin meanwhile: it has an object or two.
            LeastOf(() => Send(producer, 1_000)).Should().BeLessThan(1_000);
        });
    }

    private static long LeastOf(Action work)
    {
        var least = long.MaxValue;
        for (var measurement = 0; measurement < Measurements; measurement++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    private static void Post(Producer<NoKey, int> producer, int count)
    {
        for (var i = 0; i < count; i++)
            producer.PostAsync(default, 100).GetAwaiter().GetResult();
    }

    private static async Task TransactAsync(TransactionalProducer producer, int count, int records)
    {
        for (var i = 0; i < count; i++)
        {
            var transaction = await producer.BeginTransactionAsync();
            for (var record = 0; record < records; record++)
            {
                var sent = transaction.SendAsync(s_topic, default, 100);
                if (!sent.IsCompletedSuccessfully)
                    await sent;
            }
            await transaction.CommitAsync();
        }
    }

    private static void Send(Producer<NoKey, int> producer, int count)
    {
        for (var i = 0; i < count; i++)
            producer.SendAsync(default, 100).GetAwaiter().GetResult();
    }

    private static (long Written, long Read) Measure(bool waits)
    {
        var environment = new StepEnvironment(new MemoryDisk());
        return environment.Run(async () =>
        {
            await using var broker = await OpenAsync(environment);
            await using var producer = await broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(16 * 1024).BuildAsync();
            await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).Build();
            await using var batches = consumer.ReadBatchesAsync().GetAsyncEnumerator();
            for (var round = 0; round < WarmUpRounds; round++)
                MeasureRound(environment, producer, batches, waits && round > 0);
            var least = (Written: long.MaxValue, Read: long.MaxValue);
            for (var measurement = 0; measurement < Measurements; measurement++)
            {
                var total = (Written: 0L, Read: 0L);
                for (var round = 0; round < Rounds; round++)
                {
                    var (written, read) = MeasureRound(environment, producer, batches, waits);
                    total = (total.Written + written, total.Read + read);
                }
                least = (Math.Min(least.Written, total.Written), Math.Min(least.Read, total.Read));
            }
            return least;
        });
    }

    private static (long Written, long Read) MeasureRound(
        StepEnvironment environment, Producer<NoKey, int> producer, IAsyncEnumerator<ConsumerBatch<NoKey, int>> batches, bool waits)
    {
        var begun = GC.GetAllocatedBytesForCurrentThread();
        var next = waits ? batches.MoveNextAsync() : default;
        if (waits && next.IsCompleted)
            throw new InvalidOperationException("The consumer was to wait.");
        var waiting = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < RecordsPerRound; i++)
            producer.PostAsync(default, 100).GetAwaiter().GetResult();
        producer.FlushAsync().GetAwaiter().GetResult();
        var posted = GC.GetAllocatedBytesForCurrentThread();
        environment.RunUntilIdle();
        for (var count = 0; count < RecordsPerRound; count += batches.Current.Count)
        {
            if (!waits || count > 0)
                next = batches.MoveNextAsync();
            if (!next.GetAwaiter().GetResult())
                throw new InvalidOperationException("The loop has ended.");
        }
        return (posted - waiting, GC.GetAllocatedBytesForCurrentThread() - posted + waiting - begun);
    }

    private static async Task<Broker> OpenAsync(StepEnvironment environment)
    {
        var broker = await Broker.OpenAsync(new BrokerOptions { Environment = environment }, CancellationToken.None);
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 2 << 20);
        return broker;
    }
}
