using ExactlyOnce;

namespace UnitTests;

internal sealed record Order(string Id, decimal Total);

internal sealed record Invoice(string OrderId, decimal Total);

/// <summary>The topics of the application, with their types.</summary>
internal static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json<Order>());
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json<Invoice>());
}
