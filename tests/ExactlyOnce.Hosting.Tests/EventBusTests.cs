using System.Buffers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>Events: who gets them, in which order, and what a handler that fails costs the others.</summary>
public sealed class EventBusTests
{
    private static readonly Topic<string, OrderPlaced> s_placed = Topic.Create(
        "order-placed", Serdes.Utf8, Serdes.Create<OrderPlaced>((placed, destination) => Encoding.UTF8.GetBytes(placed.Customer + " " + placed.Number, destination), bytes =>
        {
            var text = Encoding.UTF8.GetString(bytes).Split(' ');
            return new OrderPlaced(text[0], int.Parse(text[1], System.Globalization.CultureInfo.InvariantCulture));
        }));

    [Fact]
    public async Task Every_handler_gets_every_event_whether_or_not_another_one_fails()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer)
                .HandledBy<SendMail>().HandledBy<BrokenHandler>(configure: options => options.InitialRetryDelay = options.MaxRetryDelay = TimeSpan.FromHours(1)),
            services => services.AddSingleton<Notes>());
        var bus = host.Get<IEventBus>();

        for (var number = 1; number <= 3; number++)
            await bus.PublishAsync(new OrderPlaced("a", number));
        await host.Get<Notes>().WaitAsync("broken 1");
        await host.Get<Notes>().WaitAsync("mail a 3");
        await host.StopAsync();

        host.Get<Notes>().Values.Where(value => value.StartsWith("mail", StringComparison.Ordinal)).Should().Equal("mail a 1", "mail a 2", "mail a 3");
    }

    [Fact]
    public async Task Events_of_one_key_come_in_order_while_another_lane_waits()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer).WithLanes(4).HandledBy<MeetingHandler>(),
            services => services.AddSingleton<Notes>().AddSingleton<Meeting>());
        var (first, second) = TwoLanes(4);
        host.Get<Meeting>().Waiting = first;

        for (var number = 1; number <= 50; number++)
            foreach (var customer in new[] { first, second })
                await host.Get<IEventBus>().PublishAsync(new OrderPlaced(customer, number));
        await host.Get<Notes>().WaitAsync($"{second} 50");
        host.Get<Notes>().Values.Should().NotContain(value => value.StartsWith(first + " ", StringComparison.Ordinal), "the first lane waits until the second is through");
        host.Get<Meeting>().Released.SetResult();
        await host.Get<Notes>().WaitAsync($"{first} 50");
        await host.StopAsync();

        foreach (var customer in new[] { first, second })
            host.Get<Notes>().Values.Where(value => value.StartsWith(customer + " ", StringComparison.Ordinal)).Should().Equal(Enumerable.Range(1, 50).Select(number => $"{customer} {number}"));
    }

    [Fact]
    public async Task An_event_that_a_handler_keeps_failing_on_becomes_that_handlers_dead_letter()
    {
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer).HandledBy<BrokenHandler>("broken", options => options.InitialRetryDelay = TimeSpan.Zero).HandledBy<SendMail>(),
            services => services.AddSingleton<Notes>());

        await host.Get<IEventBus>().PublishAsync(new OrderPlaced("a", 1));
        var letters = await host.Get<Broker>().ReadAsync(Topic.Create("broken.dead-letters", Serdes.Utf8, s_placed.ValueSerde), 1);
        await host.Get<Notes>().WaitAsync("mail a 1");
        await host.StopAsync();

        letters.Single().Value.Should().Be(new OrderPlaced("a", 1));
        host.Get<Notes>().Values.Count(value => value == "broken 1").Should().Be(new PipelineOptions().MaxAttempts);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_is_added_later_begins_with_the_oldest_event_unless_it_is_told_otherwise(bool isToldOtherwise)
    {
        var folder = Directory.CreateTempSubdirectory("exactly-once-hosting-").FullName;
        DateTimeOffset behind;
        using (var before = await StartAsync(b => b.UseDirectory(folder).AddEvent(s_placed, placed => placed.Customer)))
        {
            await before.Get<IEventBus>().PublishAsync(new OrderPlaced("a", 1));
            behind = (await before.Get<Broker>().ReadAsync(s_placed, 1)).Single().Timestamp.AddMilliseconds(1);
            await before.StopAndDisposeAsync();
        }

        using var host = await StartAsync(
            b => b.UseDirectory(folder).AddEvent(s_placed, placed => placed.Customer)
                .HandledBy<SendMail>(configure: options => options.StartFrom = isToldOtherwise ? StartFrom.Timestamp(behind) : StartFrom.Earliest),
            services => services.AddSingleton<Notes>());
        await host.Get<IEventBus>().PublishAsync(new OrderPlaced("a", 2));
        var notes = host.Get<Notes>();
        await notes.WaitAsync("mail a 2");
        await host.StopAndDisposeAsync();

        notes.Values.Should().Equal(isToldOtherwise ? ["mail a 2"] : ["mail a 1", "mail a 2"]);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task In_memory_an_event_may_be_the_object_itself()
    {
        var placed = Topic.Create("order-placed", Serdes.Reference<OrderPlaced>());
        using var host = await StartAsync(b => b.UseMemory().AddEvent(placed).HandledBy<SendMail>(), services => services.AddSingleton<Notes>());
        var order = new OrderPlaced("a", 1);

        await host.Get<IEventBus>().PublishAsync(order);
        await host.Get<Notes>().WaitAsync("mail a 1");

        (await host.Get<Broker>().ReadAsync(placed, 1)).Single().Value.Should().BeSameAs(order);
        await host.StopAsync();
    }

    [Fact]
    public async Task An_event_is_published_when_the_call_returns()
    {
        using var host = await StartAsync(b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer));

        await host.Get<IEventBus>().PublishAsync(new OrderPlaced("a", 1));

        (await host.Get<Broker>().ReadAsync(s_placed, 0)).Single().Key.Should().Be("a");
        await host.StopAsync();
    }

    [Fact]
    public async Task A_type_without_a_topic_is_refused_with_what_to_write()
    {
        using var host = await StartAsync(b => b.UseMemory());

        await host.Get<IEventBus>().Invoking(bus => bus.PublishAsync(new OrderPlaced("a", 1)).AsTask())
            .Should().ThrowAsync<InvalidOperationException>().WithMessage("*events of type OrderPlaced: add .AddEvent(topic)*");
        await host.StopAsync();
    }

    [Fact]
    public void A_type_with_two_topics_is_refused_where_it_is_registered()
    {
        var again = () => Host(b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer).AddEvent(s_placed, placed => placed.Customer));

        again.Should().Throw<ArgumentException>().WithMessage("Events of type OrderPlaced have a topic already*");
    }

    [Fact]
    public async Task An_events_route_says_topic_key_and_bytes_for_whoever_publishes_it_another_way()
    {
        using var host = await StartAsync(b => b.UseMemory().AddEvent(s_placed, placed => placed.Customer));
        var route = host.Get<EventRoute<OrderPlaced>>();
        var (key, value) = (new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());

        route.SerializeKey(new OrderPlaced("a", 1), key);
        route.SerializeValue(new OrderPlaced("a", 1), value);

        (route.Topic, route.HasKey).Should().Be(("order-placed", true));
        (Encoding.UTF8.GetString(key.WrittenSpan), Encoding.UTF8.GetString(value.WrittenSpan)).Should().Be(("a", "a 1"));
        await host.StopAsync();
    }

    // Two keys that do not share a lane, found as the producer's partitioner finds it.
    private static (string First, string Second) TwoLanes(int lanes)
    {
        int Lane(string key) => Partitioners.Murmur2(Encoding.UTF8.GetBytes(key), lanes);
        var second = Enumerable.Range(0, 100).Select(i => $"c{i}").First(key => Lane(key) != Lane("a"));
        return ("a", second);
    }

    public sealed record OrderPlaced(string Customer, int Number);

    private sealed class Meeting
    {
        public string Waiting { get; set; } = "";

        public TaskCompletionSource Released { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class SendMail(Notes notes) : IHandle<OrderPlaced>
    {
        public ValueTask HandleAsync(OrderPlaced @event, CancellationToken cancellationToken)
        {
            notes.Add($"mail {@event.Customer} {@event.Number}");
            return default;
        }
    }

    private sealed class BrokenHandler(Notes notes) : IHandle<OrderPlaced>
    {
        public ValueTask HandleAsync(OrderPlaced @event, CancellationToken cancellationToken)
        {
            notes.Add($"broken {@event.Number}");
            throw new FormatException("always");
        }
    }

    private sealed class MeetingHandler(Notes notes, Meeting meeting) : IHandle<OrderPlaced>
    {
        public async ValueTask HandleAsync(OrderPlaced @event, CancellationToken cancellationToken)
        {
            if (@event.Customer == meeting.Waiting)
                await meeting.Released.Task.WaitAsync(cancellationToken);
            notes.Add($"{@event.Customer} {@event.Number}");
        }
    }
}
