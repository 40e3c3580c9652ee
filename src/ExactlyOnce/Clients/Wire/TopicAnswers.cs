namespace ExactlyOnce.Clients.Wire;

/// <summary>The answer to a call about a topic.</summary>
/// <param name="Error">What forbids it.</param>
/// <param name="Topic">The topic as it stands then; null when there is none.</param>
/// <param name="Message">What was wrong, in words; null when nothing was.</param>
internal sealed record TopicAnswer(ErrorCode Error, TopicDescription? Topic = null, string? Message = null);

/// <summary>The answer to DeleteRecords.</summary>
/// <param name="Error">None, UnknownTopicOrPartition, OffsetOutOfRange, PolicyViolation.</param>
/// <param name="LogStart">Where the log begins now; −1 on an error.</param>
internal readonly record struct LogStartAnswer(ErrorCode Error, long LogStart);
