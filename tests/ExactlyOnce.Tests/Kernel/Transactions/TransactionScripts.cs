using System.Globalization;
using System.Text;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Tests.Golden;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>
/// The golden scripts of the transaction coordinator. Verbs: rules init enrol group verify end complete prepare resolve prepared abort timeouts expire reload
/// restart outcome state pid open append plant. <c>v1</c> and <c>v2</c> make the caller a network client of that generation; <c>by</c> names it; <c>hold</c>
/// stays in the Prepare state.
/// </summary>
public sealed class TransactionScripts
{
    private const string Folder = "Kernel/Transactions/Scripts";

    public static TheoryData<string> Scripts => GoldenScript.Scripts(Folder);

    [Theory]
    [MemberData(nameof(Scripts))]
    public void The_coordinator_answers_as_the_script_says(string script)
    {
        var interpreter = new Interpreter();
        GoldenScript.Run(GoldenScript.PathOf(Folder, script), interpreter.Execute);
    }

    private sealed class Interpreter
    {
        private LiveCoordinator _live = new();

        private TransactionCoordinatorState State => _live.State;

        public string Execute(GoldenCommand command)
        {
            var id = command.Text("id");
            var now = command.Long("now");
            switch (command.Verb)
            {
                case "rules":
                    _live = new LiveCoordinator(new TransactionRules
                    {
                        StrictKafka = command.Has("strict"),
                        TwoPhaseCommit = !command.Has("no-two-phase"),
                        PartitionsPerTransactionMax = command.Int("partitions", 10_000),
                        GroupsPerTransactionMax = command.Int("groups", 1_000),
                    });
                    return "ok";
                case "init":
                    return Do(command, State.DecideInitProducer(new InitProducerCommand(id, Client(command))
                    {
                        Expected = Identity(command, "expect"),
                        TimeoutMs = command.Int("timeout", 60_000),
                        TwoPhase = command.Has("two-phase"),
                        KeepPrepared = command.Has("keep"),
                    }, now));
                case "enrol":
                    return Do(command, State.DecideEnrol(id, Identity(command, "as"), Partitions(command), Client(command), now));
                case "group":
                    return Do(command, State.DecideEnrolGroup(id, Identity(command, "as"), command.Text("group"), Client(command), now));
                case "verify":
                    return Do(command, State.DecideVerify(id, Identity(command, "as"), Partitions(command)[0], Client(command)));
                case "end":
                    return Do(command, State.DecideEnd(id, Identity(command, "as"), command.Has("commit"), Client(command), now));
                case "complete":
                    return Do(command, State.DecideComplete(id, now));
                case "prepare":
                    return Do(command, State.DecidePrepare(id, Identity(command, "as"), Client(command), now));
                case "resolve":
                    return Do(command, State.DecideResolve(command.Text("token"), command.Has("commit"), Client(command), now));
                case "prepared":
                    return Lines(State.ListPrepared().Select(entry => $"{entry.Token} since {entry.PreparedMs} in {string.Join(' ', entry.Partitions)}"));
                case "abort":
                    return Do(command, State.DecideAbort(id, Enum.Parse<AbortReason>(command.Text("reason")), command.Text("by", "broker"), now));
                case "timeouts":
                    return Lines(State.DecideTimeouts(now));
                case "expire":
                    return Do(command, State.DecideExpiry(now, command.Text("live").Split(',').ToHashSet()));
                case "reload":
                    _live.Reload();
                    return "ok";
                case "restart":
                    _live.Reload();
                    return Lines(State.DecideAfterRestart(now).Select(decision => Do(command, decision)));
                case "outcome":
                    var outcome = State.Outcome(id, Identity(command, "of"));
                    return $"{outcome.Outcome} at {outcome.AtMs} by {outcome.By}: {outcome.Why}";
                case "state":
                    return Describe(State.TryGet(id));
                case "pid":
                    return Do(command, State.AllocateProducerId());
                case "open":
                    return Do(command, State.DecideOpenNamed(command.Text("name"), command.Text("by", "A"), now), sequence: true);
                case "append":
                    return Do(command, State.DecideNamedAppend(command.Text("name"), Identity(command, "as"), command.Long("last")), sequence: true);
                case "plant":
                    return _live.Plant(id, command.Short("epoch"), Client(command)).ToString();
                default:
                    throw new InvalidDataException($"Unknown verb {command.Verb}.");
            }
        }

        private string Do(GoldenCommand command, TransactionDecision decision, bool sequence = false)
        {
            _live.Do(decision, command.Long("now"), command.Has("hold"));
            var text = new StringBuilder(decision.Verdict.ToString());
            if (!decision.Identity.IsNone)
                text.Append(' ').Append(decision.Identity);
            if (sequence)
                text.Append(" last ").Append(decision.LastSourceSequence);
            if (decision.PreparedToken is { } token)
                text.Append(" token ").Append(token);
            if (decision.Refusal is { } refusal)
                text.Append("\n  ").Append(refusal.Describe());
            foreach (var record in decision.Records)
                Append(text, record);
            if (decision.Sealed.Length > 0)
                text.Append("\n  sealed ").Append(decision.Identity).Append(" in [").AppendJoin(' ', decision.Sealed).Append(']');
            if (decision.Markers is { } markers)
                text.Append("\n  markers ").Append(markers.Commit ? "COMMIT " : "ABORT ").Append(markers.Identity)
                    .Append(" in [").AppendJoin(' ', markers.Partitions).Append(']').Append(markers.Groups.Length == 0 ? "" : " groups ").AppendJoin(' ', markers.Groups);
            return text.ToString();
        }

        private static void Append(StringBuilder text, TransactionRecord record) => text.Append("\n  record ").Append(record switch
        {
            EntryRecord entry => $"{entry.State} {entry.Identity}",
            EnrolmentRecord enrolment => $"enrol {string.Join(' ', enrolment.Partitions.Select(partition => partition.ToString()).Concat(enrolment.Groups))}",
            OutcomeRecord outcome => $"outcome {outcome.Outcome.Identity} {outcome.Outcome.Outcome}",
            EntryRemovedRecord removed => $"removed {removed.TransactionalId} {removed.Tombstone}",
            NamedProducerRecord named => $"named {named.Name} {named.Identity} {named.LastSourceSequence}",
            ProducerIdBlockRecord block => $"block {block.First}+{block.Count}",
            _ => throw new InvalidDataException(record.ToString()),
        });

        private static string Describe(TransactionEntry? entry) => entry is null
            ? "unknown"
            : $"{entry.State} {entry.Identity} last={entry.Current.LastEpoch} previous={entry.Current.PreviousId} next={entry.Current.NextId} " +
              $"start={entry.Current.StartMs} partitions=[{string.Join(' ', entry.Partitions)}] groups=[{string.Join(' ', entry.Groups)}] owner={entry.Current.Owner}";

        private static string Lines(IEnumerable<string> lines)
        {
            var text = string.Join('\n', lines);
            return text.Length == 0 ? "nothing" : text;
        }

        private static TransactionClient Client(GoldenCommand command)
        {
            if (command.Has("v1"))
                return TransactionClient.Network(TransactionGeneration.V1, command.Text("by", "kafka-1"));
            return command.Has("v2")
                ? TransactionClient.Network(TransactionGeneration.V2, command.Text("by", "kafka-2"))
                : TransactionClient.InProcess(command.Text("by", "A"));
        }

        private static ProducerIdentity Identity(GoldenCommand command, string name)
        {
            var text = command.Text(name);
            if (text.Length == 0)
                return ProducerIdentity.None;
            var parts = text.Split('@');
            return new ProducerIdentity(long.Parse(parts[0], CultureInfo.InvariantCulture), short.Parse(parts[1], CultureInfo.InvariantCulture));
        }

        private static PartitionKey[] Partitions(GoldenCommand command) => command.Text("in").Split(',').Select(text =>
        {
            var parts = text.Split('/');
            return new PartitionKey(int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
        }).ToArray();
    }
}
