namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// Tarjan's strongly connected components, with a stack of its own in place of recursion: a chain of dependencies may be as long as the history.
/// </summary>
internal sealed class StrongComponents
{
    private readonly Func<int, int> _edgeCount;
    private readonly Func<int, int, int> _edge;
    private readonly int[] _order;
    private readonly int[] _low;
    private readonly bool[] _isOpen;
    private readonly Stack<int> _open = new();
    private readonly Stack<(int Node, int NextEdge)> _path = new();
    private readonly List<List<int>> _components = [];
    private int _visited;

    private StrongComponents(int count, Func<int, int> edgeCount, Func<int, int, int> edge) =>
        (_edgeCount, _edge, _order, _low, _isOpen) = (edgeCount, edge, new int[count], new int[count], new bool[count]);

    /// <param name="count">Nodes are numbered from 0.</param>
    /// <param name="edgeCount">How many edges leave a node.</param>
    /// <param name="edge">Where the n-th edge of a node leads.</param>
    public static List<List<int>> Find(int count, Func<int, int> edgeCount, Func<int, int, int> edge)
    {
        var search = new StrongComponents(count, edgeCount, edge);
        for (var node = 0; node < count; node++)
        {
            if (search._order[node] == 0)
                search.Walk(node);
        }
        return search._components;
    }

    private void Walk(int root)
    {
        Enter(root);
        while (_path.TryPop(out var step))
        {
            if (step.NextEdge < _edgeCount(step.Node))
            {
                _path.Push((step.Node, step.NextEdge + 1));
                Follow(step.Node, _edge(step.Node, step.NextEdge));
                continue;
            }
            if (_low[step.Node] == _order[step.Node])
                Close(step.Node);
            if (_path.TryPeek(out var parent))
                _low[parent.Node] = Math.Min(_low[parent.Node], _low[step.Node]);
        }
    }

    private void Enter(int node)
    {
        _order[node] = _low[node] = ++_visited;
        _isOpen[node] = true;
        _open.Push(node);
        _path.Push((node, 0));
    }

    private void Follow(int from, int to)
    {
        if (_order[to] == 0)
            Enter(to);
        else if (_isOpen[to])
            _low[from] = Math.Min(_low[from], _order[to]);
    }

    private void Close(int root)
    {
        var component = new List<int>();
        int node;
        do
        {
            node = _open.Pop();
            _isOpen[node] = false;
            component.Add(node);
        }
        while (node != root);
        _components.Add(component);
    }
}
