namespace ExactlyOnce.Kernel.Groups;

/// <summary>Which protocol runs a group. An empty group changes its kind with the first member of another kind; its generation goes on counting.</summary>
internal enum GroupKind : byte
{
    /// <summary>Offsets only, never had members.</summary>
    Simple = 0,
    /// <summary>Join, sync, heartbeat: the members' leader assigns.</summary>
    Classic = 1,
    /// <summary>The group computes a target and every member reconciles towards it (KIP-848).</summary>
    Consumer = 2,
}
