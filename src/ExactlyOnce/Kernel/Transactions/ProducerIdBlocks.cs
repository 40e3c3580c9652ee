namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// Hands out producer ids from blocks. Only <see cref="NextBlockFirst"/> is state: it is recorded, replayed and snapshotted. The place inside the block is
/// not: what a block still had when the process ended is lost (gaps are normal), so an id handed out without a record of its own can never be handed out again.
/// </summary>
internal sealed class ProducerIdBlocks
{
    public const int BlockSize = 1000;

    private long _next;
    private long _end;

    public ProducerIdBlocks(long nextBlockFirst = 0) => NextBlockFirst = nextBlockFirst;

    /// <summary>Every id below it belongs to a recorded block.</summary>
    public long NextBlockFirst { get; private set; }

    /// <summary>
    /// Takes the next id. <paramref name="block"/> must be applied and written before the id is used; null when its block is already recorded.
    /// </summary>
    public long Take(out ProducerIdBlockRecord? block)
    {
        if (_next == _end)
        {
            _next = Math.Max(_end, NextBlockFirst);
            _end = _next + BlockSize;
        }
        block = _end > NextBlockFirst ? new ProducerIdBlockRecord(_end - BlockSize, BlockSize) : null;
        return _next++;
    }

    /// <summary>A block may be recorded twice when two decisions were taken before the first was applied.</summary>
    public void Apply(ProducerIdBlockRecord block) => NextBlockFirst = Math.Max(NextBlockFirst, block.First + block.Count);
}
