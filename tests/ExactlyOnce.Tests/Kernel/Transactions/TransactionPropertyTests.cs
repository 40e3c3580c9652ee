using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Tests.Kernel.Transactions;

/// <summary>
/// Random sequences of calls by producers that win, lose, forget answers and come back as zombies. <see cref="LiveCoordinator"/> compares live and replayed
/// state after every step.
/// </summary>
public sealed class TransactionPropertyTests
{
    private static readonly Gen<int[]> s_commands = Gen.Int[0, int.MaxValue].Array[1, 150];

    [Fact]
    public void Replay_gives_the_live_state_no_zombie_succeeds_and_every_transaction_ends_once() =>
        s_commands.Sample(commands => new Run(TransactionRules.Default).Execute(commands), iter: 120);

    [Fact]
    public void Also_in_strict_mode() =>
        s_commands.Sample(commands => new Run(new TransactionRules { StrictKafka = true }).Execute(commands), iter: 60);

    /// <summary>A producer as it believes itself to be. Of those of one id only the newest may still write.</summary>
    private sealed class Holder(string id, TransactionClient client, ProducerIdentity identity)
    {
        public string Id => id;

        public TransactionClient Client => client;

        public ProducerIdentity Identity { get; set; } = identity;
    }

    private sealed class Run(TransactionRules rules)
    {
        private static readonly string[] s_ids = ["a", "b", "c"];

        private readonly LiveCoordinator _live = new(rules);
        private readonly List<Holder> _holders = [];
        private readonly Dictionary<string, Holder?> _newest = [];
        private readonly HashSet<string> _open = [];
        private readonly List<string> _tokens = [];
        private readonly Dictionary<long, short> _highestEpochs = [];
        private long _now;

        public void Execute(int[] commands)
        {
            _live.Plant("c", 32_763, LiveCoordinator.V2); // so that producer ids rotate, too
            foreach (var command in commands)
            {
                _now += command % 37;
                Step(command / 37 % 24, command / 1_000);
                AssertEpochsGrow();
            }
        }

        private void Step(int verb, int chance)
        {
            var id = s_ids[chance % s_ids.Length];
            var holder = _holders.Count == 0 ? null : _holders[^(1 + chance / 7 % Math.Min(_holders.Count, 6))];
            switch (verb)
            {
                case 0 or 1:
                    New(id, Client(chance), keep: verb == 1 && !rules.StrictKafka);
                    break;
                case 2 when holder is not null:
                    Reinit(holder, forgets: chance % 3 == 0);
                    break;
                case <= 9 when holder is not null:
                    Judge(holder, _live.State.DecideEnrol(holder.Id, holder.Identity, [new PartitionKey(1, chance % 4)], holder.Client, _now));
                    break;
                case 10 when holder is not null:
                    Judge(holder, _live.State.DecideEnrolGroup(holder.Id, holder.Identity, "g" + chance % 2, holder.Client, _now));
                    break;
                case <= 16 when holder is not null:
                    End(holder, commit: chance % 3 != 0, forgets: chance % 5 == 0, hold: chance % 11 == 0);
                    break;
                case 17 when holder is not null:
                    var prepared = Judge(holder, _live.State.DecidePrepare(holder.Id, holder.Identity, holder.Client, _now));
                    if (prepared.PreparedToken is { } token)
                        _tokens.Add(token);
                    break;
                case 18 when _tokens.Count > 0:
                    Resolve(_tokens[chance % _tokens.Count], commit: chance % 2 == 0);
                    break;
                case 19:
                    Fence(id, chance % 2 == 0 ? AbortReason.Fenced : AbortReason.Operator);
                    break;
                case 20:
                    _now += 40;
                    foreach (var old in _live.State.DecideTimeouts(_now))
                        Do(_live.State.DecideAbort(old, AbortReason.TimedOut, RememberedOutcome.Broker, _now)).Verdict.Should().Be(TransactionVerdict.None);
                    break;
                case 21:
                    _live.Reload();
                    foreach (var decision in _live.State.DecideAfterRestart(_now))
                        Do(decision);
                    break;
                case 22:
                    _now += chance % 4 == 0 ? rules.ExpiryMs : 0;
                    Do(_live.State.DecideExpiry(_now, new HashSet<string> { id }));
                    break;
                default:
                    var ending = _live.State.Entries.Values.FirstOrDefault(entry => entry.State.IsEnding());
                    if (ending is not null)
                        _live.Complete(ending.TransactionalId, _now);
                    break;
            }
        }

        private void New(string id, TransactionClient client, bool keep)
        {
            var decision = Do(_live.State.DecideInitProducer(new InitProducerCommand(id, client) { TimeoutMs = 50, KeepPrepared = keep }, _now));
            if (decision.IsRefused)
                return;
            decision.Identity.Epoch.Should().BeLessThanOrEqualTo(ProducerIdentity.LastClientEpoch);
            var holder = new Holder(id, client, decision.Identity);
            _holders.Where(other => other.Id == id).Should().NotContain(other => other.Identity == decision.Identity, "no identity is given to two instances");
            _holders.Add(holder);
            _newest[id] = holder;
        }

        private void Reinit(Holder holder, bool forgets)
        {
            var decision = Do(_live.State.DecideInitProducer(new InitProducerCommand(holder.Id, holder.Client) { TimeoutMs = 50, Expected = holder.Identity }, _now));
            if (decision.IsRefused)
                return;
            AssertNewest(holder, "a zombie is given no new epoch");
            if (!forgets)
                holder.Identity = decision.Identity;
        }

        private void End(Holder holder, bool commit, bool forgets, bool hold)
        {
            var decision = Do(_live.State.DecideEnd(holder.Id, holder.Identity, commit, holder.Client, _now), hold);
            if (decision.IsRefused)
                return;
            AssertNewest(holder, "a zombie ends nothing, and is not handed the newer instance's identity by a retry");
            decision.Identity.Epoch.Should().BeLessThanOrEqualTo(ProducerIdentity.LastClientEpoch);
            if (!forgets)
                holder.Identity = decision.Identity;
        }

        private void Resolve(string token, bool commit)
        {
            var decision = Do(_live.State.DecideResolve(token, commit, LiveCoordinator.Local, _now));
            if (decision.IsRefused)
                return;
            PreparedToken.TryParse(token, out var id, out var transaction);
            _live.State.Outcome(id, transaction).IsCommit.Should().Be(commit, "a token says what was asked, or is refused");
        }

        private void Fence(string id, AbortReason reason)
        {
            if (!Do(_live.State.DecideAbort(id, reason, "operator", _now)).IsRefused)
                _newest[id] = null;
        }

        private TransactionDecision Judge(Holder holder, TransactionDecision decision)
        {
            Do(decision);
            if (!decision.IsRefused)
                AssertNewest(holder, "a zombie writes nothing");
            return decision;
        }

        private void AssertNewest(Holder holder, string because) => _newest.GetValueOrDefault(holder.Id).Should().BeSameAs(holder, because);

        /// <summary>A transaction is opened by a first enrolment or an empty prepare or end, and ended by exactly one decision with markers.</summary>
        private TransactionDecision Do(TransactionDecision decision, bool hold = false)
        {
            foreach (var record in decision.Records)
                if (record is EnrolmentRecord enrolment && _live.State.TryGet(enrolment.TransactionalId)!.State.IsIdle())
                    _open.Add(enrolment.TransactionalId).Should().BeTrue("one transaction at a time is open");
                else if (record is EntryRecord { State: TransactionState.Prepared } held && _live.State.TryGet(held.TransactionalId)!.State.IsIdle())
                    _open.Add(held.TransactionalId).Should().BeTrue("one transaction at a time is open");
            foreach (var outcome in decision.Records.OfType<OutcomeRecord>())
            {
                var entry = _live.State.TryGet(outcome.TransactionalId)!;
                _open.Remove(outcome.TransactionalId).Should().Be(!entry.State.IsIdle(), "what is ended was open, or is an empty abort");
                decision.Markers!.Partitions.Should().Equal(entry.Partitions);
                decision.Markers.Groups.Should().Equal(entry.Groups);
            }
            return _live.Do(decision, _now, hold);
        }

        private void AssertEpochsGrow()
        {
            foreach (var entry in _live.State.Entries.Values)
            {
                entry.Identity.Epoch.Should().BeGreaterThanOrEqualTo(_highestEpochs.GetValueOrDefault(entry.Identity.Id));
                _highestEpochs[entry.Identity.Id] = entry.Identity.Epoch;
            }
        }

        private static TransactionClient Client(int chance) => (chance / 3 % 4) switch
        {
            0 => LiveCoordinator.V1,
            1 => LiveCoordinator.V2,
            _ => LiveCoordinator.Local,
        };
    }
}
