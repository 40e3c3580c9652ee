namespace ExactlyOnce.Hosting.Tests.Pages;

internal sealed record Order(int Number, decimal Total);

internal sealed record Invoice(int Order, decimal Total);

internal static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json<Order>());
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json<Invoice>());
    public static readonly Topic<string, OrderPlaced> OrderPlaced = Topic.Create("order-placed", Serdes.Utf8, Serdes.Json<OrderPlaced>());
    public static readonly Topic<NoKey, OrderPlaced> OrderPlacedChannel = Topic.Create("order-placed-channel", Serdes.Json<OrderPlaced>());
}

/// <summary>Sends mails, as far as the pages care.</summary>
public sealed class Mailer(Notes notes)
{
    public ValueTask SendAsync(object about, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        notes.Add($"{about}");
        return default;
    }
}

public sealed class GrantPoints(Notes notes) : IHandle<OrderPlaced>
{
    public ValueTask HandleAsync(OrderPlaced @event, CancellationToken cancellationToken)
    {
        notes.Add($"{@event.Total} points");
        return default;
    }
}
