using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class TimestampTests
{
    [Fact]
    public async Task A_record_dated_too_far_ahead_is_refused_and_one_at_the_limit_is_stored()
    {
        await using var broker = await OpenAsync(topic: options => options.TimestampMaxAhead = TimeSpan.FromMinutes(1));
        var limit = broker.Clock.GetUtcNow().AddMinutes(1);

        await FluentActions.Awaiting(async () => await PublishAtAsync(broker, limit.AddMilliseconds(1))).Should().ThrowAsync<InvalidTimestampException>();
        (await PublishAtAsync(broker, limit)).Timestamp.Should().Be(limit);
        (await PublishAtAsync(broker, limit.AddYears(-20))).Offset.Should().Be(1, "the past is not refused");

        (await broker.ReadAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task A_topic_of_append_times_replaces_what_the_producer_said()
    {
        await using var broker = await OpenAsync(Place.Folder, topic: options => options.TimestampType = TimestampType.LogAppendTime);
        var now = broker.Clock.GetUtcNow();

        (await PublishAtAsync(broker, now.AddYears(-1))).Timestamp.Should().Be(now);
        broker.Clock.Advance(TimeSpan.FromSeconds(5));
        (await PublishAtAsync(broker, now.AddYears(1))).Timestamp.Should().Be(now.AddSeconds(5), "the future is not refused: it is not believed");

        for (var round = 0; round < 2; round++)
        {
            var records = new List<ConsumerRecord<string, string>>();
            await using (var consumer = broker.Broker.CreateConsumer(Orders).Build())
            {
                await foreach (var record in consumer.ReadToEndAsync())
                    records.Add(record);
                await consumer.SeekToTimeAsync(now.AddSeconds(1));
                consumer.Position(First).Should().Be(1);
            }
            records.Select(record => record.Timestamp).Should().Equal(now, now.AddSeconds(5));
            records.Should().OnlyContain(record => record.TimestampType == TimestampType.LogAppendTime);
            await broker.ReopenAsync();
        }
    }

    [Fact]
    public async Task A_retry_on_a_topic_of_append_times_is_answered_with_the_time_of_the_original()
    {
        await using var broker = await OpenAsync(topic: options => options.TimestampType = TimestampType.LogAppendTime);
        var producer = await SignedProducer.OpenAsync(broker);
        var first = await producer.AppendAsync(First, 0, "a");
        broker.Clock.Advance(TimeSpan.FromSeconds(5));

        var retry = await producer.AppendAsync(First, 0, "a");

        retry.IsDuplicate.Should().BeTrue();
        retry.LogAppendTimeMs.Should().Be(first.LogAppendTimeMs);
    }

    private static ValueTask<RecordMetadata> PublishAtAsync(TestBroker broker, DateTimeOffset time) =>
        broker.Broker.PublishAsync(Orders, new ProducerRecord<string, string>("k", "v") { Timestamp = time });
}
