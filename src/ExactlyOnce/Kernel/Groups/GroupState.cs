namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// Where a group stands. Preparing and completing belong to classic groups, reconciling to consumer groups; a group that does not exist is dead.
/// </summary>
internal enum GroupState : byte
{
    Empty = 0,
    PreparingRebalance = 1,
    CompletingRebalance = 2,
    Stable = 3,
    Reconciling = 4,
    Dead = 5,
}
