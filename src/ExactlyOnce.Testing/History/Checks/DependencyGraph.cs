using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// Transactions and what each has to come after. Beside them stand ticks of the clock, so that "committed before the other began" costs two edges a
/// transaction and not a square.
/// </summary>
internal sealed class DependencyGraph
{
    private readonly List<TransactionRow> _transactions;
    private readonly Dictionary<int, int> _nodeOfTransaction = [];
    private readonly List<List<(int To, string Why)>> _edges = [];

    public DependencyGraph(List<TransactionRow> transactions)
    {
        _transactions = transactions;
        foreach (var transaction in transactions)
        {
            _nodeOfTransaction.Add(transaction.Index, _edges.Count);
            _edges.Add([]);
        }
    }

    /// <summary>Transactions that are not in the graph have no dependencies.</summary>
    public void Add(TransactionRow from, TransactionRow to, string why)
    {
        if (from != to && _nodeOfTransaction.TryGetValue(from.Index, out var first) && _nodeOfTransaction.TryGetValue(to.Index, out var second))
            _edges[first].Add((second, why));
    }

    /// <summary>A chain of ticks, one for each commit: a transaction leads to its commit's tick, and the last tick before its begin leads to it.</summary>
    public void AddClock()
    {
        var commits = _transactions.Where(transaction => transaction.IsCommitted).OrderBy(transaction => transaction.CommittedAt).ToList();
        var firstTick = _edges.Count;
        for (var index = 0; index < commits.Count; index++)
        {
            _edges.Add([]);
            _edges[_nodeOfTransaction[commits[index].Index]].Add((firstTick + index, "was committed before the begin of"));
            if (index > 0)
                _edges[firstTick + index - 1].Add((firstTick + index, ""));
        }
        var next = 0;
        foreach (var transaction in _transactions.Where(transaction => transaction.BeganAt >= 0).OrderBy(transaction => transaction.BeganAt))
        {
            while (next < commits.Count && commits[next].CommittedAt < transaction.BeganAt)
                next++;
            if (next > 0)
                _edges[firstTick + next - 1].Add((_nodeOfTransaction[transaction.Index], ""));
        }
    }

    /// <summary>One cycle of each strongly connected component that has more than one node.</summary>
    public IEnumerable<DependencyCycle> Cycles()
    {
        foreach (var component in StrongComponents.Find(_edges.Count, node => _edges[node].Count, (node, index) => _edges[node][index].To))
        {
            if (component.Count > 1)
                yield return Describe(ShortestCycle(component));
        }
    }

    /// <summary>Breadth first from a transaction of the component back to itself.</summary>
    private List<(int Node, string Why)> ShortestCycle(List<int> component)
    {
        var members = component.ToHashSet();
        var start = component.Min();
        var cameFrom = new Dictionary<int, (int Node, string Why)>();
        var queue = new Queue<int>([start]);
        while (!cameFrom.ContainsKey(start))
        {
            var node = queue.Dequeue();
            foreach (var (to, why) in _edges[node])
            {
                if (members.Contains(to) && cameFrom.TryAdd(to, (node, why)))
                    queue.Enqueue(to);
            }
        }
        var path = new List<(int Node, string Why)>();
        for (var node = start; path.Count == 0 || node != start; node = path[^1].Node)
            path.Add(cameFrom[node]);
        path.Reverse();
        return path;
    }

    private DependencyCycle Describe(List<(int Node, string Why)> path)
    {
        var transactions = path.Where(step => step.Node < _transactions.Count).Select(step => (Row: _transactions[step.Node], step.Why)).ToList();
        var sentence = string.Join(", ", transactions.Select((step, index) => $"{step.Row} {step.Why} {transactions[(index + 1) % transactions.Count].Row}"));
        return new DependencyCycle([.. transactions.Select(step => step.Row)], sentence);
    }
}

/// <summary>Transactions that each come after the one before, and the first after the last.</summary>
internal sealed record DependencyCycle(IReadOnlyList<TransactionRow> Transactions, string Description);
