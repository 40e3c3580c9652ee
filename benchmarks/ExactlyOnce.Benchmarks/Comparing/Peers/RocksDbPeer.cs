using System.Buffers.Binary;
using RocksDbSharp;

namespace ExactlyOnce.Benchmarks.Comparing.Peers;

/// <summary>RocksDB, every put synced to its write-ahead log; it groups the puts of its waiting threads itself.</summary>
internal sealed class RocksDbPeer : IDisposable
{
    public const string Name = "RocksDB";

    private const string Lacks = "no consumers, no dedupe, no offsets";

    private readonly TemporaryFolder _folder = new();
    private readonly RocksDb _database;
    private readonly WriteOptions _synced = new WriteOptions().SetSync(true);
    private readonly int _committers;
    private long _lastKey;

    public RocksDbPeer(int committers)
    {
        _committers = committers;
        _database = RocksDb.Open(new DbOptions().SetCreateIfMissing(true), _folder.Path);
    }

    public Contestant Committing(TimeSpan duration) => new(Name, share => Task.FromResult(Measure(duration * share)), Lacks);

    private Figure[] Measure(TimeSpan duration)
    {
        var before = CountKeys();
        var run = Committers.RunThreads(_committers, duration, _ => Commit());
        Verify.Equal(run.Count, CountKeys() - before, "keys are in RocksDB");
        return run.Figures(Quantity.Commits);
    }

    private void Commit()
    {
        Span<byte> key = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(key, Interlocked.Increment(ref _lastKey));
        _database.Put(key, Payload.Value, cf: null, _synced);
    }

    private long CountKeys()
    {
        using var iterator = _database.NewIterator();
        var count = 0L;
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next())
            count++;
        return count;
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }
}
