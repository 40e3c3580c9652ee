namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>Every parser of bytes that come from disk or from a client. The name is the target's folder in the corpus.</summary>
internal static class FuzzTargets
{
    /// <summary>New ones every time: a target may keep buffers.</summary>
    public static IReadOnlyList<FuzzTarget> Create() => [.. RecordTargets.Create(), .. StateTargets.Create(), .. LogTargets.Create(), .. StorageTargets.Create()];

    public static FuzzTarget Create(string name) =>
        Create().FirstOrDefault(target => target.Name == name)
        ?? throw new ArgumentException($"There is no fuzz target '{name}'. There are: {string.Join(", ", Create().Select(target => target.Name))}.", nameof(name));

    /// <summary>Fails the execution unless <paramref name="holds"/>.</summary>
    public static void Require(bool holds, string what)
    {
        if (!holds)
            throw new FuzzFailure(what);
    }
}
