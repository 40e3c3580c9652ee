namespace ExactlyOnce.Testing.History.Checks;

/// <summary>I17, derived state: producer table, indexes and group table rebuilt from the log equal those that were loaded.</summary>
internal sealed class DerivedState(Report report) : IFactCheck
{
    public void Observed(Fact fact)
    {
        if (fact is DerivedStateCompared { IsEqual: false } compared)
            report.Add(Invariant.DerivedState,
                $"{compared.Structure} rebuilt from the log is not the one that was loaded: {compared.Difference ?? "no difference given"}");
    }
}
