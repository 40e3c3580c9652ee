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

    public bool IsOlderThan(FencedSession other) => ProducerAnswer.IsOlder(answer, other.Answer);

    public override string ToString() => answer is null ? $"session {session} of {id}" : $"session {session} of {id} (producer {answer.ProducerId} epoch {answer.Epoch})";
}
