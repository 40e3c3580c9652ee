using CsCheck;
using static ExactlyOnce.Tests.Engine.Semantics.TestBroker;

namespace ExactlyOnce.Tests.Engine.Semantics;

public sealed class LogModelTests
{
    // 0: plain. 1 to 3: a record of transaction 1 to 3. 4 to 6: its commit. 7 to 9: its abort.
    private static readonly Gen<int[]> s_steps = Gen.Int[0, 9].Array[0, 30];

    [Fact]
    public async Task Interleaved_transactions_have_the_stable_end_and_the_records_of_the_obvious_list() => await s_steps.SampleAsync(
        async steps =>
        {
            await using var broker = await OpenAsync();
            var model = new ListedLog();
            var plain = await SignedProducer.OpenAsync(broker);
            var producers = new List<SignedProducer>();
            for (var i = 0; i < 3; i++)
                producers.Add(await SignedProducer.OpenAsync(broker, $"t{i}"));
            var sequences = new int[4];
            foreach (var step in steps)
            {
                var owner = step == 0 ? 0 : ((step - 1) % 3) + 1;
                if (step < 4)
                {
                    var offset = await (owner == 0 ? plain : producers[owner - 1]).WriteAsync(First, sequences[owner]++, $"{model.End}");
                    offset.Should().Be(model.End);
                    model.Add(owner);
                }
                else
                {
                    await producers[owner - 1].EndAsync(commit: step < 7);
                    model.Mark(owner, commit: step < 7);
                    sequences[owner] = 0;
                }
                broker.Offsets(First).LastStable.Should().Be(model.LastStable);
                broker.Offsets(First).HighWatermark.Should().Be(model.End);
            }
            (await broker.ReadAsync()).Should().Equal(model.Committed().Select(offset => $"{offset}"));
            await using var consumer = broker.Broker.CreateConsumer(Orders).Build();
            (await consumer.GetLagAsync()).Should().Be(model.Committed().Count());
        },
        iter: 15,
        threads: 1);

    /// <summary>A log as the list of its owners; markers are owners below zero.</summary>
    private sealed class ListedLog
    {
        private readonly List<(int Owner, bool? Committed)> _entries = [];

        public long End => _entries.Count;

        public long LastStable => _entries.FindIndex(entry => entry.Committed is null) is var open and >= 0 ? open : End;

        public void Add(int owner) => _entries.Add((owner, owner == 0 ? true : null));

        public void Mark(int owner, bool commit)
        {
            var wrote = false;
            for (var i = 0; i < _entries.Count; i++)
                if (_entries[i] == (owner, null))
                {
                    _entries[i] = (owner, commit);
                    wrote = true;
                }
            if (wrote)
                _entries.Add((-owner, true));
        }

        public IEnumerable<int> Committed()
        {
            for (var i = 0; i < LastStable; i++)
                if (_entries[i] is { Owner: >= 0, Committed: true })
                    yield return i;
        }
    }
}
