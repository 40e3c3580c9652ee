namespace ExactlyOnce.Testing.Brokers;

/// <summary>What happened to somebody who passed a point of the fault plan.</summary>
/// <param name="Action">The fault that struck; null for none. Crashes, fences and timeouts have happened by now.</param>
/// <param name="Failure">What the caller is to be told instead of its answer; null for nothing.</param>
internal readonly record struct Passing(FaultAction? Action, BrokerException? Failure);
