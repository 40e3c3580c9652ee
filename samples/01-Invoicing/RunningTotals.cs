using ExactlyOnce;

namespace Invoicing;

/// <summary>
/// The pipeline's memory: the total of every invoice, as of an offset in every partition. A batch that does not begin where the memory ends means that the
/// last batch was not committed, or that another process has worked since: then the memory is thrown away and read again from what is committed.
/// </summary>
internal sealed class RunningTotals(Func<CancellationToken, Task<Dictionary<string, Invoice>>> loadCommitted)
{
    private readonly Dictionary<int, long> _nextOffsets = [];
    private Dictionary<string, Invoice>? _totals;

    /// <summary>The new totals of the invoices that the batch has lines of.</summary>
    public async Task<IReadOnlyCollection<Invoice>> AddAsync(ConsumerBatch<string, OrderLine> batch, CancellationToken cancellationToken)
    {
        if (_totals is null || (_nextOffsets.TryGetValue(batch.Partition, out var next) && next != batch.FirstOffset))
        {
            _totals = await loadCommitted(cancellationToken);
            _nextOffsets.Clear();
        }
        // Until the whole batch is in, the memory belongs to no offset: whoever fails in between reads it again.
        _nextOffsets[batch.Partition] = -1;
        var changed = new Dictionary<string, Invoice>();
        foreach (var record in batch)
        {
            var line = record.Value!;
            var total = (_totals.GetValueOrDefault(line.InvoiceNo) ?? Invoice.Empty(line)).Add(line);
            _totals[line.InvoiceNo] = changed[line.InvoiceNo] = total;
        }
        _nextOffsets[batch.Partition] = batch.NextOffset;
        return changed.Values;
    }
}
