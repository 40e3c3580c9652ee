using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using static ExactlyOnce.Kernel.Transactions.TransactionState;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>Every cell of the tables A6.2 (legal predecessors), A8.1 (EndTxn of V1) and A8.2 (EndTxn of V2), written out and compared one by one.</summary>
public sealed class TransactionTableTests
{
    private static readonly TransactionState[] s_recorded = [Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Prepared];

    private static readonly Dictionary<TransactionState, TransactionState[]> s_predecessors = new()
    {
        [Empty] = [Empty, CompleteCommit, CompleteAbort],
        [Ongoing] = [Ongoing, Empty, CompleteCommit, CompleteAbort],
        [PrepareCommit] = [Ongoing, Prepared],
        [PrepareAbort] = [Ongoing, Prepared, PrepareEpochFence, Empty, CompleteCommit, CompleteAbort],
        [CompleteCommit] = [PrepareCommit],
        [CompleteAbort] = [PrepareAbort],
        [Dead] = [Empty, CompleteCommit, CompleteAbort],
        [PrepareEpochFence] = [Ongoing],
        [Prepared] = [Prepared, Ongoing, Empty, CompleteCommit, CompleteAbort],
    };

    public static TheoryData<string, string> Transitions()
    {
        var data = new TheoryData<string, string>();
        foreach (var from in Enum.GetNames<TransactionState>())
            foreach (var to in Enum.GetNames<TransactionState>())
                data.Add(from, to);
        return data;
    }

    [Theory]
    [MemberData(nameof(Transitions))]
    public void A_state_follows_only_its_legal_predecessors(string fromName, string toName)
    {
        var (from, to) = (Enum.Parse<TransactionState>(fromName), Enum.Parse<TransactionState>(toName));
        to.MayFollow(from).Should().Be(s_predecessors[to].Contains(from));
    }

    public static TheoryData<string, string> RecordedTransitions()
    {
        var data = new TheoryData<string, string>();
        foreach (var from in s_recorded)
            foreach (var to in Enum.GetNames<TransactionState>())
                data.Add(from.ToString(), to);
        return data;
    }

    [Theory]
    [MemberData(nameof(RecordedTransitions))]
    public void A_record_is_applied_exactly_when_its_transition_is_legal(string fromName, string toName)
    {
        var (from, to) = (Enum.Parse<TransactionState>(fromName), Enum.Parse<TransactionState>(toName));
        var live = new LiveCoordinator();
        Stand(live, from);
        var current = live.State.TryGet("a")!.Current;
        var target = Target(current, to);

        var apply = () => live.State.Apply(target);

        if (to.IsRecorded() && s_predecessors[to].Contains(from))
        {
            apply.Should().NotThrow();
            live.State.TryGet("a")!.State.Should().Be(to);
            live.State.AssertInvariants();
        }
        else
        {
            apply.Should().Throw<InvalidOperationException>();
            live.State.TryGet("a")!.Current.Should().Be(current, "a refused record changes nothing");
        }
    }

    // The rows of A8.1; "current" is the only epoch that gets as far as the state.
    [Theory]
    [InlineData("Ongoing", "PrepareCommit", "PrepareAbort")]
    [InlineData("Prepared", "PrepareCommit", "PrepareAbort")]
    [InlineData("PrepareCommit", "CT", "ITS")]
    [InlineData("PrepareAbort", "ITS", "CT")]
    [InlineData("CompleteCommit", "NONE", "ITS")]
    [InlineData("CompleteAbort", "ITS", "NONE")]
    [InlineData("Empty", "ITS", "ITS")]
    public void EndTxn_of_V1_answers_as_Kafka_table(string stateName, string commit, string abort)
    {
        var state = Enum.Parse<TransactionState>(stateName);
        foreach (var generation in new[] { TransactionGeneration.V1, TransactionGeneration.V2 })
        {
            Answer(state, generation, TransactionGeneration.V1, true, 0).Should().Be(commit);
            Answer(state, generation, TransactionGeneration.V1, false, 0).Should().Be(abort);
            foreach (var otherEpoch in new[] { -2, -1, 1 })
            {
                Answer(state, generation, TransactionGeneration.V1, true, otherEpoch).Should().Be("PF");
                Answer(state, generation, TransactionGeneration.V1, false, otherEpoch).Should().Be("PF");
            }
        }
    }

    // The rows of A8.2: commit with the retry epoch, commit with the current one, abort with the retry epoch, abort with the current one. The commit of what
    // the broker has aborted is answered as Kafka does since KAFKA-20785.
    [Theory]
    [InlineData("Ongoing", "PF", "PrepareCommit", "PF", "PrepareAbort")]
    [InlineData("Prepared", "PF", "PrepareCommit", "PF", "PrepareAbort")]
    [InlineData("PrepareCommit", "CT", "PF", "ITS", "PF")]
    [InlineData("PrepareAbort", "ITS", "PF", "CT", "PF")]
    [InlineData("CompleteCommit", "NONE", "ITS", "ITS", "PrepareAbort")]
    [InlineData("CompleteAbort", "PF", "ITS", "NONE", "PrepareAbort")]
    [InlineData("Empty", "PF", "ITS", "PF", "PrepareAbort")]
    public void EndTxn_of_V2_answers_as_Kafka_table(string stateName, string commitRetry, string commitCurrent, string abortRetry, string abortCurrent)
    {
        var state = Enum.Parse<TransactionState>(stateName);
        Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, true, -1).Should().Be(commitRetry);
        Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, true, 0).Should().Be(commitCurrent);
        Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, false, -1).Should().Be(abortRetry);
        Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, false, 0).Should().Be(abortCurrent);
        foreach (var otherEpoch in new[] { -2, 1 })
        {
            Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, true, otherEpoch).Should().Be("PF");
            Answer(state, TransactionGeneration.V2, TransactionGeneration.V2, false, otherEpoch).Should().Be("PF");
        }
    }

    [Theory]
    [InlineData("PrepareCommit")]
    [InlineData("PrepareAbort")]
    [InlineData("CompleteCommit")]
    [InlineData("CompleteAbort")]
    public void After_an_end_of_V1_no_epoch_below_is_taken_for_a_retry_of_V2(string stateName)
    {
        var state = Enum.Parse<TransactionState>(stateName);
        Answer(state, TransactionGeneration.V1, TransactionGeneration.V2, true, -1).Should().Be("PF");
        Answer(state, TransactionGeneration.V1, TransactionGeneration.V2, false, -1).Should().Be("PF");
    }

    [Theory]
    [InlineData("Ongoing")]
    [InlineData("PrepareAbort")]
    [InlineData("CompleteCommit")]
    [InlineData("Empty")]
    public void Another_producer_id_is_refused_before_its_epoch_is_looked_at(string stateName)
    {
        var live = new LiveCoordinator();
        Stand(live, Enum.Parse<TransactionState>(stateName));
        var other = live.State.TryGet("a")!.Identity with { Id = 77 };
        foreach (var client in new[] { LiveCoordinator.V1, LiveCoordinator.V2 })
            live.End("a", other, true, client).Verdict.Should().Be(TransactionVerdict.InvalidProducerIdMapping);
    }

    private static string Answer(TransactionState state, TransactionGeneration stood, TransactionGeneration called, bool commit, int epochAway)
    {
        var live = new LiveCoordinator();
        Stand(live, state, stood);
        var current = live.State.TryGet("a")!.Identity;
        var identity = current with { Epoch = (short)(current.Epoch + epochAway) };
        var decision = live.End("a", identity, commit, TransactionClient.Network(called, "kafka"), hold: true);
        return decision.Verdict switch
        {
            TransactionVerdict.ConcurrentTransactions => "CT",
            TransactionVerdict.InvalidTransactionState => "ITS",
            TransactionVerdict.ProducerFenced => "PF",
            TransactionVerdict.None when decision.Records.Length > 0 => live.State.TryGet("a")!.State.ToString(),
            TransactionVerdict.None when decision.Identity == current => "NONE",
            _ => decision.Verdict.ToString(),
        };
    }

    /// <summary>Brings the id to a state at an epoch with room below it, by the calls a client makes.</summary>
    private static void Stand(LiveCoordinator live, TransactionState state, TransactionGeneration generation = TransactionGeneration.V2)
    {
        var client = TransactionClient.Network(generation, "kafka");
        var identity = ProducerIdentity.None;
        for (var i = 0; i < 5; i++)
            identity = live.Init("a", client).Identity;
        if (state == Empty)
            return;
        live.Enrol("a", identity, client).Verdict.Should().Be(TransactionVerdict.None);
        if (state == Prepared)
            live.Do(live.State.DecidePrepare("a", identity, client, 0), 0);
        else if (state != Ongoing)
            live.End("a", identity, commit: state is PrepareCommit or CompleteCommit, client, hold: state.IsEnding());
        live.State.TryGet("a")!.State.Should().Be(state);
    }

    /// <summary>A record that breaks no rule but, perhaps, that of the predecessors.</summary>
    private static EntryRecord Target(EntryRecord current, TransactionState to)
    {
        var idle = current with { State = to, PreparedIdentity = ProducerIdentity.None, PreparedMs = EntryRecord.NoTime };
        var start = current.StartMs == EntryRecord.NoTime ? 0 : current.StartMs;
        return to switch
        {
            Empty => idle with { StartMs = EntryRecord.NoTime },
            Prepared => idle with { StartMs = start, PreparedIdentity = current.Identity, PreparedMs = 0 },
            PrepareCommit or PrepareAbort => idle with
            {
                StartMs = start,
                Identity = current.Identity with { Epoch = (short)(current.Identity.Epoch + 1) },
                LastEpoch = current.Identity.Epoch,
            },
            _ => idle with { StartMs = start },
        };
    }
}
