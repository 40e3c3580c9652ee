namespace ExactlyOnce.Clients.Producing;

/// <summary>How far one call got: what it is, what stood in its way the last time it was tried, and the memory it holds meanwhile.</summary>
internal struct SendAttempt
{
    /// <summary>The caller waits for the acknowledgement, not only for room.</summary>
    public required bool IsAwaited { get; init; }

    /// <summary>The transaction the record belongs to.</summary>
    public object? Scope { get; init; }

    /// <summary>Bytes of buffer memory held for the record; given back by the caller unless the record was accepted.</summary>
    public int ReservedBytes { get; set; }

    /// <summary>Bytes that were missing; zero when memory was not what stood in the way.</summary>
    public int MissingBytes { get; set; }

    /// <summary>The partition that had no room; null when that was not what stood in the way.</summary>
    public BackendPartition? Congested { get; set; }

    /// <summary>The record's partition when its source sequence is not new.</summary>
    public BackendPartition? DuplicateAt { get; set; }

    /// <summary>The acknowledgement is there already.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>The acknowledgement, once <see cref="IsAnswered"/>.</summary>
    public RecordMetadata Answer { get; private set; }

    public SendOperation? Send { get; set; }

    public void SetAnswer(in RecordMetadata answer)
    {
        Answer = answer;
        IsAnswered = true;
    }
}
