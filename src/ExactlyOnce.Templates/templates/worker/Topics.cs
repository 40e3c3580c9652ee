using System.Text.Json.Serialization;
using ExactlyOnce;

namespace BillingWorker;

public sealed record Order(string Id, decimal Total);

public sealed record Invoice(string OrderId, decimal Total);

public static class Topics
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json(TopicsJson.Default.Order));
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json(TopicsJson.Default.Invoice));
}

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Invoice))]
public sealed partial class TopicsJson : JsonSerializerContext;
