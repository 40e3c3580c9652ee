using System.Text.Json.Serialization;
using ExactlyOnce;

namespace EventBus;

internal sealed record OrderPlaced(int Number, string Customer, decimal Total);

internal sealed record PointsGranted(int Order, string Customer, int Points);

[JsonSerializable(typeof(OrderPlaced))]
[JsonSerializable(typeof(PointsGranted))]
internal sealed partial class ShopJson : JsonSerializerContext;

internal static class Topics
{
    public static readonly Topic<string, OrderPlaced> OrderPlaced = Topic.Create("order-placed", Serdes.Utf8, Serdes.Json(ShopJson.Default.OrderPlaced));
    public static readonly Topic<NoKey, PointsGranted> PointsGranted = Topic.Create("points-granted", Serdes.Json(ShopJson.Default.PointsGranted));
}
