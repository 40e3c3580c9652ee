using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class NamedProducerTests
{
    [Fact]
    public async Task A_restarted_import_resumes_exactly_behind_the_last_stored_record()
    {
        await using var broker = await OpenAsync(Place.Folder, partitions: 3);
        var done = 0;
        for (var run = 0; run < 4; run++)
        {
            await using (var import = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build())
            {
                var last = await import.GetLastSourceSequenceAsync();
                last.Should().Be(done == 0 ? null : done - 1);
                // Each run repeats what the one before may not have finished.
                for (var line = Math.Max(0, done - 5); line < done + 10; line++)
                {
                    var sent = await import.SendAsync($"k{line}", $"{line}", sourceSequence: line);
                    sent.IsDuplicate.Should().Be(line < done);
                }
            }
            done += 10;
            await broker.ReopenAsync();
        }

        (await broker.ReadAsync()).Should().BeEquivalentTo(Enumerable.Range(0, 40).Select(line => $"{line}"));
    }

    [Fact]
    public async Task The_sequence_of_a_named_producer_is_exactly_that_of_its_stored_records()
    {
        await using var broker = await OpenAsync(partitions: 2);
        await using (var import = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build())
        {
            for (var line = 0; line < 100; line++)
                await import.PostAsync($"k{line}", $"{line}", sourceSequence: line);
            await import.FlushAsync();
            (await import.GetLastSourceSequenceAsync()).Should().Be(99);
        }

        await using var next = broker.Broker.CreateProducer(Orders).WithIdentity("import").Build();
        (await next.GetLastSourceSequenceAsync()).Should().Be(99);
        (await broker.ReadAsync()).Should().HaveCount(100);
    }
}
