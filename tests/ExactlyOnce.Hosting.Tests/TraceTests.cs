using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using static ExactlyOnce.Hosting.Tests.Shop;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>One trace leads to the next: from whoever publishes, through the record's headers, to the handler, and on to what the handler publishes.</summary>
public sealed class TraceTests
{
    private static readonly Topic<string, string> s_traced = Topic.Create("traced-orders", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<NoKey, int> s_next = Topic.Create("traced-invoices", Serdes.Int32);

    [Fact]
    public async Task A_handlers_span_links_to_the_span_that_published_and_is_the_parent_of_what_it_publishes_itself()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "ExactlyOnce" or "shop",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => spans.Enqueue(activity),
        };
        ActivitySource.AddActivityListener(listener);
        using var shop = new ActivitySource("shop");
        using var host = await StartAsync(
            b => b.UseMemory().AddEvent(s_next).AddEvent(s_traced, order => order).HandledBy<Handler>(), services => services.AddSingleton<Notes>());

        string header;
        using (var request = shop.StartActivity("POST /orders"))
        {
            await host.Get<IEventBus>().PublishAsync("1");
            header = request!.TraceId.ToHexString();
        }
        var next = (await host.Get<Broker>().ReadAsync(s_next, 1)).Single();
        await host.StopAsync();

        var sent = spans.Single(span => span.DisplayName == "send traced-orders");
        var processed = spans.Single(span => span.DisplayName == "process traced-orders");
        var sentNext = spans.Single(span => span.DisplayName == "send traced-invoices");
        sent.TraceId.ToHexString().Should().Be(header);
        processed.Links.Should().ContainSingle().Which.Context.SpanId.Should().Be(sent.SpanId);
        processed.TraceId.Should().NotBe(sent.TraceId, "work on a batch belongs to no single sender");
        sentNext.ParentSpanId.Should().Be(processed.SpanId);
        next.Headers.GetText("traceparent").Should().Be(sentNext.Id);
    }

    private sealed class Handler(IEventBus bus) : IHandle<string>
    {
        public ValueTask HandleAsync(string @event, CancellationToken cancellationToken) => bus.PublishAsync(1, cancellationToken);
    }
}
