using System.Net;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>The one broker that clients see, as this connection reaches it: by the advertised address, or by the one it has connected to.</summary>
internal readonly record struct Node(int Id, string Host, int Port)
{
    /// <summary>Where a transport has no address, as in tests over pipes.</summary>
    private static readonly IPEndPoint s_nowhere = new(IPAddress.Loopback, 9092);

    public static Node Of(Call call)
    {
        var options = call.Server.Options;
        var local = call.Connection.LocalEndPoint ?? s_nowhere;
        var address = local.Address.IsIPv4MappedToIPv6 ? local.Address.MapToIPv4() : local.Address;
        return new Node(options.BrokerId, options.AdvertisedHost ?? address.ToString(), options.AdvertisedPort ?? local.Port);
    }
}
