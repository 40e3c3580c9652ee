namespace ExactlyOnce.Confluent;

using global::Confluent.Kafka;

/// <summary>What every client of the real library has, and what of it makes no sense without a network.</summary>
internal abstract class InProcessClient(string name) : IClient
{
    public string Name => name;

    public Handle Handle => throw new NotSupportedException(
        "A client in process has no librdkafka handle. Build every client from its own builder over the same broker instead of a DependentProducerBuilder or DependentAdminClientBuilder.");

    public int AddBrokers(string brokers) => throw new NotSupportedException("A client in process belongs to the one broker that its builder was given: leave AddBrokers out.");

    public void SetSaslCredentials(string username, string password) =>
        throw new NotSupportedException("Nobody logs in in process: test logins with the real client against ExactlyOnce.Kafka.Endpoint.");

    public abstract void Dispose();

    /// <summary>Waits for an answer of the broker, for as long as the interface says.</summary>
    protected static T Wait<T>(ValueTask<T> answer, TimeSpan timeout)
    {
        if (answer.IsCompleted)
            return answer.GetAwaiter().GetResult();
        var task = answer.AsTask();
        try
        {
            if (!task.Wait(timeout < TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout))
                throw new KafkaRetriableException(new Error(ErrorCode.Local_TimedOut, "The broker has not answered in time.", isFatal: false));
        }
        catch (AggregateException)
        {
            // Thrown below, as what it is.
        }
        return task.GetAwaiter().GetResult();
    }

    protected static void Wait(ValueTask answer, TimeSpan timeout) => Wait(AsValue(answer), timeout);

    private static async ValueTask<bool> AsValue(ValueTask answer)
    {
        await answer.ConfigureAwait(false);
        return true;
    }
}
