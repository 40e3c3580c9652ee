using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>Durable commits: each is on the disk before its committer goes on.</summary>
internal static class CommitterRows
{
    private const int Many = 64;
    private const string Appends = "single appends";

    public static Row One { get; } = new("commit-1",
        "Durable (`Flushed`), one committer, an awaited `SendAsync` a commit; the raw file is 4 KiB and `fdatasync` into a pre-zeroed file")
    {
        OpenAsync = OpenOneAsync,
        Bars = [Bar.TimeOf(Quantity.Latency, 1.3, RawFile.Name), Bar.Times(Quantity.Commits, 1.2, SqlitePeer.Name)],
    };

    public static Row SixtyFour { get; } = new("commit-64", "Durable, 64 concurrent committers, one commit a message")
    {
        OpenAsync = OpenManyAsync,
        Bars =
        [
            Bar.Times(Quantity.Commits, 20, SqlitePeer.Name),
            Bar.Times(Quantity.Commits, 2.5, RocksDbPeer.Name),
            Bar.Times(Quantity.Commits, 2, FasterLogPeer.Name),
        ],
    };

    public static Row Transactions { get; } = new(
        "transactions-64",
        "Durable transactions over 8 partitions with consumer offsets, 64 concurrent, against our own durable appends to one partition by 64 committers")
    {
        OpenAsync = OpenTransactionsAsync,
        Bars = [Bar.Times(Quantity.Commits, 0.8, Appends)],
        Note = "A transaction is 8 records, 8 markers and an offset; an append is one record",
    };

    private static async Task<Contest> OpenOneAsync(Scale scale)
    {
        var duration = scale.Duration(fullSeconds: 2, quickSeconds: 0.5);
        var (ours, raw, sqlite) = (await DurableCommitters.OpenAsync(1), new RawFile(), new SqlitePeer(1));
        return new Contest(ours.Committing(duration), raw.Committing(duration), sqlite.Committing(duration)).Holding(ours, raw, sqlite);
    }

    private static async Task<Contest> OpenManyAsync(Scale scale)
    {
        var duration = scale.Duration(fullSeconds: 2, quickSeconds: 0.5);
        var ours = await DurableCommitters.OpenAsync(Many);
        var (sqlite, rocks, faster) = (new SqlitePeer(Many), new RocksDbPeer(Many), new FasterLogCommits(Many));
        return new Contest(ours.Committing(duration), sqlite.Committing(duration), rocks.Committing(duration), faster.Committing(duration))
            .Holding(ours, sqlite, rocks, faster);
    }

    private static async Task<Contest> OpenTransactionsAsync(Scale scale)
    {
        var duration = scale.Duration(fullSeconds: 2, quickSeconds: 0.5);
        var (transactions, appends) = (await DurableTransactions.OpenAsync(Many), await DurableCommitters.OpenAsync(Many));
        return new Contest(transactions.Committing("transactions", duration), appends.Committing(duration, Appends)).Holding(transactions, appends);
    }
}
