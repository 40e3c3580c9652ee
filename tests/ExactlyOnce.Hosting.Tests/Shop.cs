using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ExactlyOnce.Hosting.Tests;

/// <summary>Topics and hosts that the tests share.</summary>
internal static class Shop
{
    public static readonly Topic<string, string> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Dead = Topic.Create("orders.dead", Serdes.Utf8, Serdes.Utf8);
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    /// <summary>A host without anything of the machine's own in its configuration.</summary>
    public static IHost Host(Action<IExactlyOnceBuilder> configure, Action<IServiceCollection>? services = null, params (string Key, string? Value)[] settings)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)));
        builder.Services.AddExactlyOnce(configure);
        services?.Invoke(builder.Services);
        return builder.Build();
    }

    public static async Task<IHost> StartAsync(Action<IExactlyOnceBuilder> configure, Action<IServiceCollection>? services = null, params (string Key, string? Value)[] settings)
    {
        var host = Host(configure, services, settings);
        await host.StartAsync();
        return host;
    }

    public static T Get<T>(this IHost host) where T : notnull => host.Services.GetRequiredService<T>();

    /// <summary>The committed values of a topic, as soon as there are so many.</summary>
    public static async Task<List<ConsumerRecord<TKey, TValue>>> ReadAsync<TKey, TValue>(this Broker broker, Topic<TKey, TValue> topic, int count)
    {
        using var patience = new CancellationTokenSource(Soon);
        await using var consumer = broker.CreateConsumer(topic).StartFrom(StartFrom.Earliest).Build();
        var records = new List<ConsumerRecord<TKey, TValue>>();
        if (count > 0)
            await foreach (var record in consumer.ReadAllAsync(patience.Token))
            {
                records.Add(record);
                if (records.Count == count)
                    break;
            }
        await foreach (var record in consumer.ReadToEndAsync(patience.Token))
            records.Add(record);
        return records;
    }

    /// <summary>Ends the host as a person would, and takes everything it owns with it.</summary>
    public static async Task StopAndDisposeAsync(this IHost host)
    {
        await host.StopAsync();
        await ((IAsyncDisposable)host).DisposeAsync();
    }
}
