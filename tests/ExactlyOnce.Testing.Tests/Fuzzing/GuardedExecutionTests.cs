using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Testing.Tests.Fuzzing;

public sealed class GuardedExecutionTests
{
    private static readonly byte[] s_input = new byte[100];
    private static byte[]? s_sink;

    [Fact]
    public void The_one_exception_that_a_target_declares_is_let_pass() =>
        Run(_ => throw new InvalidDataException("broken"), typeof(InvalidDataException)).Should().BeNull();

    [Fact]
    public void Any_other_exception_is_a_failure() =>
        Run(_ => throw new IndexOutOfRangeException(), typeof(InvalidDataException)).Should().Contain(nameof(IndexOutOfRangeException));

    [Fact]
    public void A_target_without_an_exception_may_throw_none() =>
        Run(_ => throw new InvalidDataException("broken"), null).Should().Contain(nameof(InvalidDataException));

    [Fact]
    public void Memory_by_a_declared_size_is_a_failure() =>
        Run(_ => s_sink = new byte[1 << 20], null).Should().Contain("bytes allocated");

    [Fact]
    public void Memory_in_proportion_to_the_input_is_let_pass() =>
        Run(input => s_sink = new byte[input.Length], null).Should().BeNull();

    [Fact]
    public void Time_out_of_proportion_is_a_failure_when_it_happens_every_time() =>
        Run(_ => SpinFor(TimeSpan.FromMilliseconds(60)), null).Should().Contain("ms for");

    [Fact]
    public void Time_out_of_proportion_that_never_happens_again_was_the_machines_fault()
    {
        var executions = 0;
        Run(_ => SpinFor(executions++ == 0 ? TimeSpan.FromMilliseconds(60) : TimeSpan.Zero), null).Should().BeNull();
        executions.Should().BeGreaterThan(1);
    }

    private static string? Run(FuzzBody body, Type? refusal) => new GuardedExecution(new FuzzTarget("test", body) { Refusal = refusal }).Run(s_input);

    private static void SpinFor(TimeSpan time)
    {
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        while (System.Diagnostics.Stopwatch.GetElapsedTime(started) < time)
        {
        }
    }
}
