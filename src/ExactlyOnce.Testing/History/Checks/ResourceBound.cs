namespace ExactlyOnce.Testing.History.Checks;

/// <summary>I23, resource bound: memory, handles and disk stay within stated functions of the configuration, whenever they are measured.</summary>
internal sealed class ResourceBound(Report report) : IFactCheck
{
    public void Observed(Fact fact)
    {
        if (fact is ResourceMeasured measured && measured.Amount > measured.Bound)
            report.Add(Invariant.ResourceBound, $"{measured.Resource} is {measured.Amount}, beyond its bound {measured.Bound}");
    }
}
