using System.Threading.Channels;
using ExactlyOnce.Testing;
using Microsoft.Extensions.DependencyInjection;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>A topic behind the two halves of a channel.</summary>
public sealed class ChannelTests : IDisposable
{
    private static readonly Topic<NoKey, int> s_numbers = Topic.Create("numbers", Serdes.Int32);

    private readonly string _folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_is_written_is_read_in_order_and_completing_the_writer_ends_the_reader()
    {
        using var host = await StartAsync(b => b.UseMemory().AddChannel(s_numbers));
        var (writer, reader) = (host.Get<ChannelWriter<int>>(), host.Get<ChannelReader<int>>());
        var reading = ReadAllAsync(reader);

        for (var i = 0; i < 5000; i++)
        {
            if (i % 2 == 0)
                await writer.WriteAsync(i);
            else
                while (!writer.TryWrite(i))
                    (await writer.WaitToWriteAsync()).Should().BeTrue();
        }
        writer.Complete();

        (await reading.WaitAsync(Soon)).Should().Equal(Enumerable.Range(0, 5000));
        await reader.Completion.WaitAsync(Soon);
        writer.TryWrite(1).Should().BeFalse();
        (await writer.WaitToWriteAsync()).Should().BeFalse();
        await writer.Invoking(w => w.WriteAsync(1).AsTask()).Should().ThrowAsync<ChannelClosedException>();
        writer.TryComplete().Should().BeFalse();
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task An_error_that_the_writer_completes_with_reaches_the_reader()
    {
        using var host = await StartAsync(b => b.UseMemory().AddChannel(s_numbers));
        var reader = host.Get<ChannelReader<int>>();
        await host.Get<ChannelWriter<int>>().WriteAsync(1);

        host.Get<ChannelWriter<int>>().Complete(new FormatException("no more"));

        (await reader.ReadAsync()).Should().Be(1);
        await reader.Invoking(r => r.ReadAsync().AsTask().WaitAsync(Soon)).Should().ThrowAsync<FormatException>();
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task A_reader_that_asked_for_more_has_done_what_it_took_and_goes_on_behind_it_after_a_restart()
    {
        using (var host = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers)))
        {
            var reader = host.Get<ChannelReader<int>>();
            await host.Get<ChannelWriter<int>>().WriteAsync(1);
            (await reader.ReadAsync()).Should().Be(1);
            var asking = reader.WaitToReadAsync();
            await host.Get<ChannelWriter<int>>().WriteAsync(2);
            (await asking).Should().BeTrue("the first is committed before the second is fetched");
            reader.TryRead(out var second).Should().BeTrue();
            second.Should().Be(2);
            await host.StopAndDisposeAsync();
        }

        using var next = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers));
        (await next.Get<ChannelReader<int>>().ReadAsync().AsTask().WaitAsync(Soon)).Should().Be(2, "nobody said that it was done");
        await next.StopAndDisposeAsync();
    }

    [Fact]
    public async Task An_item_that_was_written_survives_the_process()
    {
        using (var host = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers)))
        {
            await host.Get<ChannelWriter<int>>().WriteAsync(7);
            await host.StopAndDisposeAsync();
        }

        using var next = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers));
        (await next.Get<ChannelReader<int>>().ReadAsync().AsTask().WaitAsync(Soon)).Should().Be(7);
        await next.StopAndDisposeAsync();
    }

    [Fact]
    public async Task What_the_reader_has_not_finished_when_the_writer_is_complete_comes_again_after_a_crash()
    {
        using (var host = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers)))
        {
            var (writer, reader) = (host.Get<ChannelWriter<int>>(), host.Get<ChannelReader<int>>());
            for (var number = 1; number <= 3; number++)
                await writer.WriteAsync(number);
            writer.Complete();
            (await reader.ReadAsync().AsTask().WaitAsync(Soon)).Should().Be(1);
            // Everything was given by now, and the reader is at its first item.
            await WhenAsync(() => reader.Count == 2);
            await host.StopAndDisposeAsync();
        }

        using var next = await StartAsync(b => b.UseDirectory(_folder).AddChannel(s_numbers));
        (await next.Get<ChannelReader<int>>().ReadAsync().AsTask().WaitAsync(Soon)).Should().Be(1, "nobody said that it was done");
        await next.StopAndDisposeAsync();
    }

    [Fact]
    public async Task A_second_reader_that_waits_at_the_same_time_is_refused_with_what_to_do()
    {
        using var host = await StartAsync(b => b.UseMemory().AddChannel(s_numbers));
        var reader = host.Get<ChannelReader<int>>();
        var first = reader.WaitToReadAsync();

        await reader.Invoking(r => r.WaitToReadAsync().AsTask().WaitAsync(Soon)).Should().ThrowAsync<InvalidOperationException>().WithMessage("*'numbers.channel'*one reader*WithLanes(4)*");

        await host.Get<ChannelWriter<int>>().WriteAsync(1);
        (await first.AsTask().WaitAsync(Soon)).Should().BeTrue("the first one is not concerned");
        reader.TryRead(out _).Should().BeTrue();
        using var patience = new CancellationTokenSource();
        var cancelled = reader.WaitToReadAsync(patience.Token).AsTask();
        await patience.CancelAsync();
        await reader.Awaiting(_ => cancelled).Should().ThrowAsync<OperationCanceledException>();
        reader.WaitToReadAsync().IsCompleted.Should().BeFalse("a wait that was given up is over");
        await host.StopAndDisposeAsync();
    }

    [Fact]
    public async Task An_item_that_was_accepted_and_could_not_be_written_fails_the_next_wait_and_then_the_channel_goes_on()
    {
        await using var test = TestBroker.Create();
        using var host = await StartAsync(b => b.UseBroker(test.Broker).AddChannel(s_numbers));
        var writer = host.Get<ChannelWriter<int>>();
        await writer.WriteAsync(1);
        test.Faults.At(FaultPoint.BeforeAppend).On(s_numbers).ThrowOnce(new InvalidRequestException(ErrorCode.MessageTooLarge, "planned"));

        writer.TryWrite(2).Should().BeTrue("it cannot wait for the answer");

        writer.TryWrite(3).Should().BeFalse();
        await writer.Invoking(w => w.WaitToWriteAsync().AsTask()).Should().ThrowAsync<BrokerException>().WithMessage("planned");
        writer.TryWrite(3).Should().BeTrue();
        await host.StopAndDisposeAsync();
        test.Committed(s_numbers).Select(number => number.Value).Should().Equal(1, 3);
    }

    // The pump gives items on a thread of its own: asked until it has, within the bound.
    private static async Task WhenAsync(Func<bool> isSo)
    {
        using var patience = new CancellationTokenSource(Soon);
        while (!isSo())
            await Task.Delay(5, patience.Token);
    }

    private static async Task<List<int>> ReadAllAsync(ChannelReader<int> reader)
    {
        var items = new List<int>();
        await foreach (var item in reader.ReadAllAsync())
            items.Add(item);
        return items;
    }
}
