namespace ExactlyOnce.Benchmarks.Growing;

/// <summary>Something that grows, and what a piece of work costs at each size of it.</summary>
/// <param name="Grows">What there is more and more of.</param>
/// <param name="Work">What is measured beside it.</param>
/// <param name="IsTouched">True where the work itself has to do with all of it, so that it may well cost more.</param>
/// <param name="Sizes">From the least to the most.</param>
/// <param name="MeasureAsync">Answers the nanoseconds of one piece of work at a size.</param>
internal sealed record Dimension(string Grows, string Work, bool IsTouched, IReadOnlyList<int> Sizes, Func<int, Task<double>> MeasureAsync);
