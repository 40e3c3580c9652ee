namespace ExactlyOnce.Kernel.Groups;

/// <summary>The kernel's answer to a group call. Names and numbers are those of Kafka's protocol, so that the edge translates by number.</summary>
internal enum GroupVerdict
{
    None = 0,
    OffsetMetadataTooLarge = 12,
    IllegalGeneration = 22,
    InconsistentGroupProtocol = 23,
    InvalidGroupId = 24,
    UnknownMemberId = 25,
    InvalidSessionTimeout = 26,
    RebalanceInProgress = 27,
    InvalidRequest = 42,
    /// <summary>More offsets than one commit or one transaction may carry.</summary>
    PolicyViolation = 44,
    NonEmptyGroup = 68,
    GroupIdNotFound = 69,
    MemberIdRequired = 79,
    GroupMaxSizeReached = 81,
    FencedInstanceId = 82,
    GroupSubscribedToTopic = 86,
    FencedMemberEpoch = 110,
    UnreleasedInstanceId = 111,
    UnsupportedAssignor = 112,
    StaleMemberEpoch = 113,
}
