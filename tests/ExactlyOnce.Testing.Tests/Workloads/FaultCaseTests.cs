using ExactlyOnce.Testing.Workloads;
using Xunit.Abstractions;

namespace ExactlyOnce.Testing.Tests.Workloads;

/// <summary>A fault at the n-th disk operation. Here each eleventh position of every scenario; all of them are the torture command <c>io</c>.</summary>
public sealed class FaultCaseTests(ITestOutputHelper output)
{
    private const int Stride = 11;

    [Theory]
    [MemberData(nameof(Sorts))]
    public void A_disk_fault_stops_the_broker_or_is_survived_and_no_promise_is_broken(string name, bool forEver)
    {
        var sort = FaultSort.All.Single(sort => sort.Name == name);
        var (faults, stops) = (0, 0);
        foreach (var (scenario, workload) in FaultScenarios.All)
        {
            for (var position = 1L + scenario.Length % Stride; ; position += Stride)
            {
                var fault = new FaultCase(workload, sort, position, forEver);
                try
                {
                    fault.Run();
                }
                catch (Exception exception)
                {
                    throw new InvalidOperationException($"{scenario}: {fault}\n{string.Join('\n', fault.Trace.TakeLast(40))}", exception);
                }
                if (!fault.HasStruck)
                    break;
                faults++;
                stops += fault.HasStopped ? 1 : 0;
            }
        }
        faults.Should().BePositive();
        output.WriteLine($"{faults} faults, {stops} of them stopped the broker");
    }

    [Fact]
    public void There_are_at_least_sixty_scenarios_and_no_two_are_the_same()
    {
        FaultScenarios.All.Length.Should().BeGreaterThanOrEqualTo(60);
        FaultScenarios.All.Select(scenario => scenario.Workload.ToString()).Should().OnlyHaveUniqueItems();
        FaultScenarios.All.Select(scenario => scenario.Name).Should().OnlyHaveUniqueItems();
    }

    public static TheoryData<string, bool> Sorts()
    {
        var sorts = new TheoryData<string, bool>();
        foreach (var sort in FaultSort.All)
        {
            sorts.Add(sort.Name, false);
            sorts.Add(sort.Name, true);
        }
        return sorts;
    }
}
