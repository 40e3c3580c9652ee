namespace ExactlyOnce.Testing.History.Checks;

/// <summary>A session that holds, or held, a transactional id.</summary>
internal sealed class FencedSession(string id, int session, ProducerAnswer? answer, int takenAt)
{
    public string Id => id;

    public int Session => session;

    public int TakenAt => takenAt;

    /// <summary>The order of an id's sessions.</summary>
    public double Rank { get; set; }

    public int FencedAt { get; set; } = int.MaxValue;

    public FencedSession? FencedBy { get; set; }

    private ProducerAnswer? Answer => answer;

    /// <summary>By epoch under one producer id; under two by the ids, which only grow, because two answers may be heard in another order than they were given; by time when nobody said.</summary>
    public bool IsOlderThan(FencedSession other) =>
        answer is null || other.Answer is null ||
        (answer.ProducerId == other.Answer.ProducerId ? answer.Epoch < other.Answer.Epoch : answer.ProducerId < other.Answer.ProducerId);

    public override string ToString() => answer is null ? $"session {session} of {id}" : $"session {session} of {id} (producer {answer.ProducerId} epoch {answer.Epoch})";
}
