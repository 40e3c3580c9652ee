using Microsoft.Extensions.DependencyInjection;

namespace ExactlyOnce;

/// <summary>What <c>services.AddExactlyOnce()</c> returns: one broker's registrations, to which extension methods add.</summary>
public interface IExactlyOnceBuilder
{
    /// <summary>The broker's name, which is its service key; empty for the broker without one.</summary>
    string Name { get; }

    /// <summary>The application's services.</summary>
    IServiceCollection Services { get; }
}
