using System.Globalization;
using CsCheck;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// Draws steps, lets real threads take them on a subject, and looks for an order of the same steps in which a sequential model gives the same answers and ends
/// in the same state. The order must keep what the clock says: a step that was answered before another one began stands in front of it. A failure names the
/// seed and the shortest steps that show it.
/// The environment variable EXACTLYONCE_STRESS_SECONDS makes every test this long.
/// </summary>
internal static class Linearizability
{
    private const int SequentialMax = 8;
    private const int ParallelMax = 6;
    private const int SamplesInMemory = 200;

    /// <summary>Fewer, because each of them waits for the journal's thread a dozen times.</summary>
    private const int SamplesOnDisk = 80;

    /// <summary>Threads a sample; more of them than processors meet by being interrupted.</summary>
    private const int Threads = 3;

    private static readonly int? s_seconds =
        int.TryParse(System.Environment.GetEnvironmentVariable("EXACTLYONCE_STRESS_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    public static void Check<TStep>(Durability durability, Gen<TStep> steps, Func<EngineShare, Subject<TStep>> subject, Func<SequentialModel<TStep>> model)
        where TStep : class
    {
        using var share = new EngineShare(durability);
        // Made anew for every order that is tried: a subject does nothing before its first step.
        Gen.Const(0).Select(_ => (subject(share), model())).SampleParallel(
            steps.Operation<Subject<TStep>, SequentialModel<TStep>>((actual, step) => actual.Take(step), (expected, step) => expected.Take(step)),
            equal: static (actual, expected) => actual.AgreesWith(expected),
            maxSequentialOperations: SequentialMax,
            maxParallelOperations: ParallelMax,
            iter: s_seconds is not null ? -1 : durability == Durability.Memory ? SamplesInMemory : SamplesOnDisk,
            time: s_seconds ?? -1,
            threads: Threads,
            printActual: static actual => actual.ToString(),
            printModel: static expected => expected.ToString());
    }
}
