namespace ExactlyOnce;

/// <summary>What has happened to a record before it is acknowledged and before any reader sees it. A property of the whole broker.</summary>
public enum Durability
{
    /// <summary>Nothing touches a disk; everything is gone with the process.</summary>
    Memory = 0,

    /// <summary>Written to the operating system: survives a crash or kill of the process, not a power cut.</summary>
    Written = 1,

    /// <summary>Synced to the device: survives a power cut. The default for a broker with a directory.</summary>
    Flushed = 2,
}
