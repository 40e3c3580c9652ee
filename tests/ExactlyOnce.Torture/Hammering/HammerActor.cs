using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>
/// A client that works until it is told to stop, beside all the others. It expects to be fenced, overtaken and refused, where its own class says so; anything
/// else that it is told is a complaint.
/// </summary>
internal abstract class HammerActor(HammeredBroker broker, Random random)
{
    protected HammeredBroker Hammered => broker;

    protected Broker Broker => broker.Broker;

    protected HammerHistory History => broker.History;

    protected Random Random => random;

    protected int Process { get; } = broker.History.NewNumber();

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
                await TurnAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            History.Complain($"{GetType().Name} was told: {exception}");
        }
        try
        {
            await EndAsync();
        }
        catch (Exception exception)
        {
            History.Complain($"{GetType().Name} was told at its end: {exception}");
        }
    }

    /// <summary>One thing after the other, until this returns; then it is asked again.</summary>
    protected abstract Task TurnAsync(CancellationToken stop);

    /// <summary>Leaves.</summary>
    protected virtual ValueTask EndAsync() => default;

    protected long Invoke(Call call) => History.Invoke(Process, call);

    protected void Complete(long operation, Answer? answer = null) => History.Complete(Process, operation, answer: answer);

    protected void Fail(long operation, BrokerException exception) =>
        History.Complete(Process, operation, HammerHistory.OutcomeOf(exception), error: exception.Code.ToString());

    /// <summary>A record with a new value, and the call that writes it.</summary>
    protected (Write Call, ProducerRecord<string, byte[]> Record) NewRecord(
        Topic<string, byte[]> topic, int session, long? transaction = null, string? key = null, Random? random = null)
    {
        random ??= Random;
        var (value, partition) = (History.NewNumber(), random.Next(HammerTopics.Partitions));
        key ??= HammerTopics.KeyOf(random.Next(30));
        var record = new ProducerRecord<string, byte[]>(key, StampedValue.Encode(value, key, random.Next(80))) { Partition = partition };
        // Only compaction goes by keys, and who looks whether an import is whole.
        var isKeyed = topic == HammerTopics.Keyed || topic == HammerTopics.Imported;
        return (new Write(new TopicPartition(topic.Name, partition), value, session, transaction, isKeyed ? key : null), record);
    }

    protected T Pick<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];
}
