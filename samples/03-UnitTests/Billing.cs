using ExactlyOnce;

namespace UnitTests;

/// <summary>The application: every order becomes an invoice.</summary>
internal static class Billing
{
    public static Pipeline CreatePipeline(Broker broker) => broker.CreatePipeline("billing")
        .Read(Topics.Orders)
        .Process(async (orders, output, cancellationToken) =>
        {
            foreach (var order in orders)
                await output.SendAsync(Topics.Invoices, order.Key, new Invoice(order.Value.Id, order.Value.Total * 1.2m), cancellationToken);
        });
}
