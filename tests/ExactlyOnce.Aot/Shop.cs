using System.Text.Json.Serialization;

namespace ExactlyOnce.Aot;

internal sealed record Order(string Id, decimal Total);

internal sealed record Invoice(string OrderId, decimal Total);

[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class ShopJson : JsonSerializerContext;

internal static class Shop
{
    public static readonly Topic<string, Order> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Json(ShopJson.Default.Order));
    public static readonly Topic<string, Invoice> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Json(ShopJson.Default.Invoice));
}
