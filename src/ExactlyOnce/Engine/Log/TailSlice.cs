using System.Buffers;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The batches of a tail between two offsets, leased: captured under the partition's lock, read by a checkpoint without it. Both offsets lie between batches.
/// </summary>
internal sealed class TailSlice : IDisposable
{
    private readonly List<LogChunk> _chunks;
    private readonly int[] _lengths;
    private List<TailRun>? _runs;

    internal TailSlice(List<LogChunk> chunks, long from, long to)
    {
        _chunks = chunks;
        _lengths = new int[chunks.Count];
        // What is written later lies at or above the end of the slice.
        for (var i = 0; i < _lengths.Length; i++)
            _lengths[i] = chunks[i].Written;
        (From, To) = (from, to);
    }

    public long From { get; }

    public long To { get; }

    /// <summary>The bytes, in order, one run for each chunk.</summary>
    public IReadOnlyList<TailRun> Runs => _runs ??= FindRuns();

    public long SizeInBytes
    {
        get
        {
            var size = 0L;
            foreach (var run in Runs)
                size += run.Bytes.Length;
            return size;
        }
    }

    /// <summary>Copies all bytes: a tail so small that it goes into the partition's snapshot instead of a file.</summary>
    public void CopyTo(IBufferWriter<byte> destination)
    {
        foreach (var run in Runs)
            destination.Write(run.Bytes.Span);
    }

    public void Dispose()
    {
        foreach (var chunk in _chunks)
            chunk.Release();
        _chunks.Clear();
    }

    private List<TailRun> FindRuns()
    {
        var runs = new List<TailRun>(_chunks.Count);
        for (var i = 0; i < _chunks.Count; i++)
        {
            var bytes = _chunks[i].Buffer.AsMemory(0, _lengths[i]);
            var start = _chunks[i].BaseOffset >= From ? 0 : LogChunk.PositionOf(From, bytes.Span);
            // The chunk behind this one belongs to the slice, so this one does to its end.
            var end = i < _chunks.Count - 1 ? bytes.Length : LogChunk.PositionOf(To, bytes.Span);
            if (end > start)
                runs.Add(new TailRun(bytes[start..end], _chunks[i].LastAppendMs));
        }
        return runs;
    }
}

/// <summary>Contiguous whole batches of a chunk.</summary>
/// <param name="Bytes">The batches.</param>
/// <param name="LastAppendMs">When the last batch of the chunk was appended; at or after the time of each batch in here.</param>
internal readonly record struct TailRun(ReadOnlyMemory<byte> Bytes, long LastAppendMs);
