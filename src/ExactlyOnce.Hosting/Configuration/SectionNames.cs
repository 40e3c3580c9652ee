using Microsoft.Extensions.Configuration;

namespace ExactlyOnce.Hosting.Configuration;

/// <summary>Where a broker's settings stand in the configuration.</summary>
internal static class SectionNames
{
    public const string Root = "ExactlyOnce";
    public const string Brokers = "Brokers";
    public const string Topics = "Topics";
    public const string Pipelines = "Pipelines";
    public const string ConnectionStrings = "ConnectionStrings";

    public static IConfigurationSection Of(IConfiguration configuration, string name) =>
        configuration.GetSection(name.Length == 0 ? Root : $"{Root}:{Brokers}:{name}");

    public static string ConnectionStringOf(string name) => $"{ConnectionStrings}:{(name.Length == 0 ? Root : name)}";
}
