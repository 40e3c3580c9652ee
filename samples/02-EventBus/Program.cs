// Events inside an application, for those who published MediatR notifications: handlers that do not know each other, each with its own pace and its own retries.
// A deploy in the middle loses nothing: the events are in a folder, and each handler goes on where it stopped. What a handler publishes itself is published exactly once.
// Here the application is stopped while its handlers are at work, and started again; at the end every order has its points, once, although handlers failed and were repeated.
using EventBus;
using ExactlyOnce;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

const int Orders = 300;
using var folder = new TemporaryFolder();
var mails = new Mails();

using (var shop = BuildShop())
{
    await shop.StartAsync();
    var bus = shop.Services.GetRequiredService<IEventBus>();
    for (var number = 1; number <= Orders; number++)
        await bus.PublishAsync(new OrderPlaced(number, $"customer-{number % 7}", number * 1.5m));
    await shop.StopAsync();
}
Console.WriteLine($"{Orders} orders placed, then the application was stopped; {mails.Sent} mails had been sent by then.");

var points = new List<PointsGranted>();
using (var shop = BuildShop())
{
    await shop.StartAsync();
    await mails.AllSentAsync(Orders);
    using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
    await using var consumer = shop.Services.GetRequiredService<Broker>().CreateConsumer(Topics.PointsGranted).Build();
    await foreach (var granted in consumer.ReadAllAsync(patience.Token))
    {
        points.Add(granted.Value);
        if (points.Count == Orders)
            break;
    }
    await foreach (var granted in consumer.ReadToEndAsync())
        points.Add(granted.Value);
    await shop.StopAsync();
}

Console.WriteLine($"Started again: {points.Count} grants of points for {points.Select(granted => granted.Order).Distinct().Count()} orders; {mails.Sent} mails after {mails.Failures} failures.");
var isExactlyOnce = points.Select(granted => granted.Order).Order().SequenceEqual(Enumerable.Range(1, Orders));
Console.WriteLine(isExactlyOnce ? "Points for each order once: PASS" : "Not points for each order once: FAIL");
return isExactlyOnce ? 0 : 1;

IHost BuildShop()
{
    var builder = Host.CreateApplicationBuilder();
    builder.Logging.ClearProviders();
    builder.Services.AddSingleton(mails);
    builder.Services.AddExactlyOnce(shop => shop
        .UseConnectionString($"mode=durable;path={folder.Path}")
        .AddEvent(Topics.PointsGranted)
        // A customer's orders are handled in their order, those of four lanes of customers side by side.
        .AddEvent(Topics.OrderPlaced, order => order.Customer).WithLanes(4)
            .HandledBy<GrantPoints>()
            .HandledBy<SendMail>(configure: mail => (mail.MaxAttempts, mail.InitialRetryDelay) = (10, TimeSpan.FromMilliseconds(10))));
    return builder.Build();
}
