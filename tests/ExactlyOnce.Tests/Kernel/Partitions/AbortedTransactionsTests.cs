using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>The aborted index as its readers see it.</summary>
public sealed class AbortedTransactionsTests
{
    [Fact]
    public void A_published_index_never_changes()
    {
        var index = new AbortedTransactions();
        var states = new List<(AbortedIndex Published, AbortedTransaction[] Then)>();
        for (var at = 0; at < 100; at++)
        {
            index.Add(Entry(at));
            if (at % 7 == 0)
                index.DropBelow(at * 10 / 2);
            states.Add((index.Published, index.Published.Entries.ToArray()));
        }
        foreach (var (published, then) in states)
            published.Entries.ToArray().Should().Equal(then);
    }

    [Fact]
    public void Dropping_keeps_the_entries_whose_marker_stands_at_the_offset_or_above()
    {
        var index = new AbortedTransactions();
        for (var at = 0; at < 5; at++)
            index.Add(Entry(at));
        index.DropBelow(0);
        index.Count.Should().Be(5);
        index.DropBelow(Entry(2).LastOffset);
        index.Published.Entries.ToArray().Should().Equal(Entry(2), Entry(3), Entry(4));
        index.DropBelow(Entry(2).LastOffset + 1);
        index.Published.Entries.ToArray().Should().Equal(Entry(3), Entry(4));
        index.DropBelow(long.MaxValue);
        index.Count.Should().Be(0);
        index.Add(Entry(5));
        index.IsAborted(5, Entry(5).FirstOffset).Should().BeTrue();
    }

    [Fact]
    public void A_search_says_whether_entries_of_a_later_part_could_matter()
    {
        var index = new AbortedTransactions();
        var found = new List<AbortedTransaction>();
        index.Collect(0, 10, found).Should().BeFalse();
        index.Add(new AbortedTransaction(1, 0, 5, 2));
        index.Collect(0, 10, found).Should().BeFalse();
        index.Collect(0, 2, found).Should().BeTrue();
        index.Add(new AbortedTransaction(2, 2, 9, 10));
        index.Collect(0, 10, found).Should().BeTrue();
        found.Should().HaveCount(4);
    }

    [Fact]
    public void A_lookup_tells_producers_apart()
    {
        var index = new AbortedTransactions();
        index.Add(new AbortedTransaction(1, 0, 5, 2));
        index.Add(new AbortedTransaction(2, 2, 9, 10));
        index.IsAborted(1, 3).Should().BeTrue();
        index.IsAborted(2, 3).Should().BeTrue();
        index.IsAborted(3, 3).Should().BeFalse();
        index.IsAborted(2, 1).Should().BeFalse();
        index.IsAborted(1, 6).Should().BeFalse();
    }

    [Fact]
    public void A_reader_without_a_lock_sees_only_whole_entries_in_order()
    {
        const int entries = 20_000;
        var index = new AbortedTransactions();
        string? failure = null;
        var reader = new Thread(() =>
        {
            while (failure is null && (index.Count == 0 || index.Published.Entries[^1].ProducerId < entries - 1))
                failure = Judge(index.Published.Entries);
        });
        reader.Start();
        for (var at = 0; at < entries; at++)
        {
            index.Add(Entry(at));
            if (at % 64 == 63)
                index.DropBelow(Entry(at - 10).LastOffset);
        }
        reader.Join();
        failure.Should().BeNull();
    }

    private static AbortedTransaction Entry(int at) => new(at, at * 10, at * 10 + 5, at * 10 + 6);

    private static string? Judge(ReadOnlySpan<AbortedTransaction> entries)
    {
        for (var at = 0; at < entries.Length; at++)
        {
            if (entries[at] != Entry((int)entries[at].ProducerId))
                return $"entry {at} is torn: {entries[at]}";
            if (at > 0 && entries[at].ProducerId != entries[at - 1].ProducerId + 1)
                return $"entry {at} does not follow the one before";
        }
        return null;
    }
}
