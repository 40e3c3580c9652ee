using System.Globalization;

namespace ExactlyOnce.Torture.Kills;

/// <summary>How often children have died at each named point.</summary>
internal sealed class ReachedPoints
{
    private readonly Dictionary<(string Operation, string Path), int> _deaths = KillPoint.All.ToDictionary(point => point, _ => 0);

    public void Add(KillPoint point) => _deaths[(point.Operation, point.Path)]++;

    /// <summary>Points that no child has died at say that something is not tried.</summary>
    public string Describe()
    {
        var missed = _deaths.Where(point => point.Value == 0).Select(point => $"{point.Key.Operation} {point.Key.Path}").ToList();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"named points reached: {_deaths.Count - missed.Count} of {_deaths.Count}, the rarest of them {_deaths.Values.Where(deaths => deaths > 0).DefaultIfEmpty(0).Min()} times{(missed.Count > 0 ? $"; never: {string.Join(", ", missed)}" : "")}");
    }
}
