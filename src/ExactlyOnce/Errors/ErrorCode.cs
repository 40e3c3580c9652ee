namespace ExactlyOnce;

/// <summary>Names the error; the numbers are those of Kafka's protocol where one exists.</summary>
public enum ErrorCode
{
    /// <summary>No code of its own; see the message.</summary>
    Unknown = -1,
    /// <summary>No error.</summary>
    None = 0,
    /// <summary>The offset lies outside the partition's log.</summary>
    OffsetOutOfRange = 1,
    /// <summary>Bytes that do not have the checksum they carry.</summary>
    CorruptMessage = 2,
    /// <summary>No such topic or partition.</summary>
    UnknownTopicOrPartition = 3,
    /// <summary>The record batch is larger than the topic allows.</summary>
    MessageTooLarge = 10,
    /// <summary>The metadata beside a committed offset is too long.</summary>
    OffsetMetadataTooLarge = 12,
    /// <summary>The coordinator is still loading.</summary>
    CoordinatorLoadInProgress = 14,
    /// <summary>The coordinator cannot answer now.</summary>
    CoordinatorNotAvailable = 15,
    /// <summary>Not a valid topic name.</summary>
    InvalidTopic = 17,
    /// <summary>The generation is not the group's current one.</summary>
    IllegalGeneration = 22,
    /// <summary>No assignor that all members support.</summary>
    InconsistentGroupProtocol = 23,
    /// <summary>Not a valid group id.</summary>
    InvalidGroupId = 24,
    /// <summary>The group does not know this member.</summary>
    UnknownMemberId = 25,
    /// <summary>The session timeout is outside what the broker allows.</summary>
    InvalidSessionTimeout = 26,
    /// <summary>The group is rebalancing.</summary>
    RebalanceInProgress = 27,
    /// <summary>A record's timestamp is outside what the topic allows.</summary>
    InvalidTimestamp = 32,
    /// <summary>The broker does not support this.</summary>
    UnsupportedVersion = 35,
    /// <summary>A topic of that name exists.</summary>
    TopicAlreadyExists = 36,
    /// <summary>Not a valid number of partitions.</summary>
    InvalidPartitions = 37,
    /// <summary>Not a valid configuration.</summary>
    InvalidConfig = 40,
    /// <summary>The request makes no sense.</summary>
    InvalidRequest = 42,
    /// <summary>The topic's policy forbids it.</summary>
    PolicyViolation = 44,
    /// <summary>A batch does not follow the last one of its producer.</summary>
    OutOfOrderSequence = 45,
    /// <summary>A sequence below the remembered ones.</summary>
    DuplicateSequence = 46,
    /// <summary>The producer's epoch is not the current one.</summary>
    InvalidProducerEpoch = 47,
    /// <summary>The transaction is not in a state that allows this.</summary>
    InvalidTransactionState = 48,
    /// <summary>The transactional id does not belong to this producer id.</summary>
    InvalidProducerIdMapping = 49,
    /// <summary>Not a valid transaction timeout.</summary>
    InvalidTransactionTimeout = 50,
    /// <summary>Another change of this transaction is under way.</summary>
    ConcurrentTransactions = 51,
    /// <summary>A marker of an older coordinator.</summary>
    TransactionCoordinatorFenced = 52,
    /// <summary>The transactional id may not be used.</summary>
    TransactionalIdAuthorizationFailed = 53,
    /// <summary>Not tried, because another part of the request failed.</summary>
    OperationNotAttempted = 55,
    /// <summary>The disk failed.</summary>
    StorageFailure = 56,
    /// <summary>The producer id is unknown.</summary>
    UnknownProducerId = 59,
    /// <summary>The group still has members.</summary>
    NonEmptyGroup = 68,
    /// <summary>No such group.</summary>
    GroupIdNotFound = 69,
    /// <summary>The first join of a member: come back with the id handed out.</summary>
    MemberIdRequired = 79,
    /// <summary>The group has as many members as it may have.</summary>
    GroupMaxSizeReached = 81,
    /// <summary>Another member took over this group instance id.</summary>
    FencedInstanceId = 82,
    /// <summary>A member of the group still reads the topic.</summary>
    GroupSubscribedToTopic = 86,
    /// <summary>A record of the batch is not valid.</summary>
    InvalidRecord = 87,
    /// <summary>An open transaction holds an offset for this partition.</summary>
    UnstableOffsetCommit = 88,
    /// <summary>A newer producer with the same transactional id or name took over.</summary>
    ProducerFenced = 90,
    /// <summary>No such transactional id.</summary>
    TransactionalIdNotFound = 105,
    /// <summary>The member's epoch is not the current one.</summary>
    FencedMemberEpoch = 110,
    /// <summary>Another member still holds this group instance id.</summary>
    UnreleasedInstanceId = 111,
    /// <summary>The assignor is not known.</summary>
    UnsupportedAssignor = 112,
    /// <summary>The member's epoch is behind the group's.</summary>
    StaleMemberEpoch = 113,
    /// <summary>The transaction must be aborted; the producer can go on afterwards.</summary>
    TransactionAbortable = 120,
    /// <summary>Not a regular expression that the broker understands.</summary>
    InvalidRegularExpression = 128,

    /// <summary>The broker aborted the transaction because it was open for longer than its timeout.</summary>
    TransactionTimedOut = 10_001,
    /// <summary>The connection to the outcome was lost; it can be asked for.</summary>
    OutcomeUnknown = 10_002,
    /// <summary>Another process uses the directory.</summary>
    DirectoryInUse = 10_003,
    /// <summary>Damaged bytes on disk in front of valid ones.</summary>
    DamagedStorage = 10_004,
    /// <summary>The disk is full.</summary>
    DiskFull = 10_005,
    /// <summary>The broker is closed or closing.</summary>
    BrokerClosed = 10_006,
    /// <summary>A handler failed on a record more often than it may.</summary>
    HandlerFailed = 10_007,
}
