using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>The README's table of APIs, made from the registry.</summary>
internal static class ApiTable
{
    public static string ToMarkdown()
    {
        var table = new StringBuilder("| key | API | versions |\n|---|---|---|\n");
        foreach (var api in ApiRegistry.All)
        {
            var advertised = api.AdvertisedMin == api.Min ? "" : $" (advertised from {api.AdvertisedMin})";
            table.Append($"| {api.Key} | {api.Name} | {(api.Min == api.Max ? $"{api.Min}" : $"{api.Min}–{api.Max}")}{advertised} |\n");
        }
        return table.ToString();
    }
}
