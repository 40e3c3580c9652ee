using System.Collections.Concurrent;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.References;

/// <summary>
/// The objects that the batches of one partition in memory refer to. A page comes in before its batch is appended, so that whoever can read the batch finds it,
/// and goes when the last reader of the batch's bytes has let go of them after retention, a deletion or a smaller log took them, when its transaction is
/// aborted, or when the batch is refused. Thread-safe; gone with its partition. A partition that holds no references costs an empty object.
/// </summary>
internal sealed class ReferenceTable
{
    private ConcurrentDictionary<long, ReferencePage>? _pages;
    private ConcurrentDictionary<long, ConcurrentQueue<ReferencePage>>? _transactions;

    /// <summary>Whether there has ever been a reference here.</summary>
    public bool IsUsed => Volatile.Read(ref _pages) is not null;

    /// <summary>How many batches have their objects here.</summary>
    public int Count => Volatile.Read(ref _pages)?.Count ?? 0;

    public void Add(ReferencePage page)
    {
        LazyInitializer.EnsureInitialized(ref _pages, static () => new ConcurrentDictionary<long, ReferencePage>())[page.Id] = page;
        if (page.Transaction is { } producer)
            LazyInitializer.EnsureInitialized(ref _transactions, static () => new ConcurrentDictionary<long, ConcurrentQueue<ReferencePage>>())
                .GetOrAdd(producer, static _ => new ConcurrentQueue<ReferencePage>()).Enqueue(page);
    }

    public void Remove(ReferencePage page) => Volatile.Read(ref _pages)?.TryRemove(page.Id, out _);

    /// <summary>The object that a record's value stands for; null when it is gone.</summary>
    public object? Find(ReadOnlySpan<byte> value) =>
        ReferencePage.TryReadValue(value, out var page, out var place) && Volatile.Read(ref _pages) is { } pages && pages.TryGetValue(page, out var found)
            ? found.Find(place)
            : null;

    /// <summary>A producer's transaction has ended here: what it wrote stays, or goes.</summary>
    public void EndTransaction(long producer, bool isCommit)
    {
        if (Volatile.Read(ref _transactions) is not { } transactions || !transactions.TryRemove(producer, out var pages) || isCommit)
            return;
        foreach (var page in pages)
            Remove(page);
    }

    /// <summary>These batches are in the log no longer, and nobody reads them.</summary>
    public void Release(ReadOnlySpan<byte> batches)
    {
        if (Volatile.Read(ref _pages) is not { } pages)
            return;
        var sequence = new BatchSequence(batches);
        while (sequence.MoveNext())
            if (!sequence.Current.IsControl && sequence.Current.Compression == CompressionType.None && FindPage(sequence.Batch, pages) is { } page)
                pages.TryRemove(page, out _);
    }

    // A batch has one page: its first value names it, unless somebody writes bytes to the same topic in the same transaction.
    private static long? FindPage(ReadOnlySpan<byte> batch, ConcurrentDictionary<long, ReferencePage> pages)
    {
        var reader = BatchReader.Open(batch);
        while (reader.MoveNext())
            if (reader.HasValue && ReferencePage.TryReadValue(reader.Value, out var page, out _) && pages.ContainsKey(page))
                return page;
        return null;
    }
}
