namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>The code under test did something it must never do.</summary>
internal sealed class FuzzFailure(string message, Exception? innerException = null) : Exception(message, innerException);
