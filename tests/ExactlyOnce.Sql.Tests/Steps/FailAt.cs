using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Steps;

/// <summary>Loses the connection at steps that a test chooses: each rule is asked in turn, and may throw.</summary>
internal sealed class FailAt : ISteps
{
    private readonly List<string> _steps = [];
    private Func<string, bool>? _fails;

    public IReadOnlyList<string> Steps
    {
        get
        {
            lock (_steps)
                return [.. _steps];
        }
    }

    public Func<DbTransaction, Task>? Commit { get; set; }

    /// <summary>From now on: the steps of which this is true fail, the name being "before commit", "after commit", "before update", …</summary>
    public void When(Func<string, bool>? fails) => _fails = fails;

    /// <summary>The next step of this name fails, once.</summary>
    public void Once(string name)
    {
        var isOver = false;
        _fails = step => !isOver && (isOver = step == name);
    }

    public void Before(string step) => Tell($"before {step}");

    public void After(string step) => Tell($"after {step}");

    public Task CommitAsync(DbTransaction transaction) => Commit is null ? transaction.CommitAsync() : Commit(transaction);

    private void Tell(string step)
    {
        lock (_steps)
        {
            _steps.Add(step);
            if (_fails?.Invoke(step) == true)
                throw new LostConnectionException();
        }
    }
}
