using ExactlyOnce;

namespace BillingWorker;

public static class Billing
{
    /// <summary>What is read, what is written and the position are one transaction.</summary>
    public static Pipeline CreatePipeline(Broker broker) => broker.CreatePipeline("billing")
        .Read(Topics.Orders)
        .Process(async (orders, output, cancellationToken) =>
        {
            foreach (var order in orders)
                await output.SendAsync(Topics.Invoices, order.Key, new Invoice(order.Value.Id, order.Value.Total * 1.2m), cancellationToken);
        });
}
