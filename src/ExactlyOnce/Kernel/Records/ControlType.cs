namespace ExactlyOnce.Kernel.Records;

/// <summary>What a control record says. Types not named here exist or will; a reader skips them.</summary>
internal enum ControlType : short
{
    Abort = 0,
    Commit = 1,
    LeaderChange = 2,
    SnapshotHeader = 3,
    SnapshotFooter = 4,
    KRaftVersion = 5,
    KRaftVoters = 6,
}
