using ExactlyOnce.Hosting.Running;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace ExactlyOnce.Hosting.Configuration;

/// <summary>First step: what the configuration says, when there is one. The code's own settings come after it.</summary>
internal sealed class OptionsFromConfiguration(string broker, IServiceProvider provider) : IConfigureNamedOptions<ExactlyOnceOptions>
{
    public void Configure(ExactlyOnceOptions options) => Configure(Options.DefaultName, options);

    public void Configure(string? name, ExactlyOnceOptions options)
    {
        if (name != broker || provider.GetService<IConfiguration>() is not { } configuration)
            return;
        options.ConnectionString = configuration[SectionNames.ConnectionStringOf(broker)];
        var section = SectionNames.Of(configuration, broker);
        Settings.Broker.Apply(section, options, options.Mistakes);
        var registration = provider.GetRequiredKeyedService<BrokerRegistration>(broker);
        var pipelines = registration.Pipelines.Where(pipeline => pipeline.TakesSettings).Select(pipeline => pipeline.Name);
        Check(section.GetSection(SectionNames.Topics), "topic", registration.Topics.Keys, Settings.Topics, options);
        Check(section.GetSection(SectionNames.Pipelines), "pipeline", pipelines, Settings.Pipelines, options);
        CheckBrokers(configuration, registration, options);
    }

    // A topic or pipeline that nobody has registered is a slip of the pen, whose settings would silently have no effect. The others are applied where the topic
    // or pipeline is made; what they cannot mean is told here, with all the rest.
    private static void Check<TOptions>(
        IConfigurationSection section, string kind, IEnumerable<string> known, SettingTable<TOptions> table, ExactlyOnceOptions options) where TOptions : new()
    {
        foreach (var child in section.GetChildren())
            if (known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
                table.Apply(child, new TOptions(), options.Mistakes);
            else
                options.Mistakes.Add($"{child.Path} names a {kind} that takes no settings; those that do are {Listed(known)}.");
    }

    // As with topics and pipelines. All brokers read it, the first one tells.
    private static void CheckBrokers(IConfiguration configuration, BrokerRegistration registration, ExactlyOnceOptions options)
    {
        var known = registration.All.Select(each => each.Name).ToList();
        if (registration.Name != known[0])
            return;
        foreach (var child in SectionNames.Of(configuration, Options.DefaultName).GetSection(SectionNames.Brokers).GetChildren())
            if (child.Key.Length == 0 || !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
                options.Mistakes.Add($"{child.Path} names a broker that is not registered; those that are: {Listed(known.Where(name => name.Length > 0))}.");
    }

    private static string Listed(IEnumerable<string> names) => string.Join(", ", names) is { Length: > 0 } list ? list : "none";
}

/// <summary>Second step: the connection string, wherever it came from.</summary>
internal sealed class ConnectionStringStep(string broker) : IPostConfigureOptions<ExactlyOnceOptions>
{
    public void PostConfigure(string? name, ExactlyOnceOptions options)
    {
        if (name != broker || options.ConnectionString is not { } connectionString)
            return;
        try
        {
            options.Broker.UseConnectionString(connectionString);
        }
        catch (ArgumentException exception)
        {
            options.Mistakes.Add(exception.Message);
        }
    }
}

/// <summary>Last step: whether a broker can be opened so.</summary>
internal sealed class OptionsValidation(BrokerRegistration registration) : IValidateOptions<ExactlyOnceOptions>
{
    // A timer can take no more.
    private static readonly TimeSpan s_drainMax = TimeSpan.FromMilliseconds(int.MaxValue);

    public ValidateOptionsResult Validate(string? name, ExactlyOnceOptions options)
    {
        if (name != registration.Name)
            return ValidateOptionsResult.Skip;
        var mistakes = options.Mistakes.ToList();
        if (options.ConnectionString is null && options.Broker.Directory is null && registration.Given is null)
            mistakes.Add(
                "Nothing says where the broker keeps its records. Call UseMemory(), UseDirectory(\"data/shop\") or UseConnectionString(\"mode=durable;path=data/shop\"), or set " +
                $"{SectionNames.ConnectionStringOf(registration.Name)} in the configuration.");
        if (options.DrainTimeout <= TimeSpan.Zero || options.DrainTimeout > s_drainMax)
            mistakes.Add($"{nameof(ExactlyOnceOptions.DrainTimeout)} is {options.DrainTimeout}; it must be above zero and at most {s_drainMax}: the host does not wait for ever either.");
        if (options.StuckTransactionAfter <= TimeSpan.Zero)
            mistakes.Add($"{nameof(ExactlyOnceOptions.StuckTransactionAfter)} is {options.StuckTransactionAfter}; it must be above zero.");
        AddBrokerMistake(options.Broker, mistakes);
        return mistakes.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(mistakes);
    }

    private static void AddBrokerMistake(BrokerOptions options, List<string> mistakes)
    {
        try
        {
            options.Validate();
        }
        catch (InvalidRequestException exception)
        {
            mistakes.Add(exception.Message);
        }
    }
}
