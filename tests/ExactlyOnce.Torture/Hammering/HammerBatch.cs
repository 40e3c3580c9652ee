using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>One batch that may be sent any number of times, by several threads at once, and what the history knows of it.</summary>
internal sealed class HammerBatch
{
    private readonly HammeredBroker _broker;
    private readonly ProducerSession _producer;
    private readonly TopicPartition _partition;
    private readonly int _process;
    private readonly long[] _operations;
    private readonly SignedBatch _signed;

    private HammerBatch(HammeredBroker broker, int process, ProducerSession producer, TopicPartition partition, long[] operations, SignedBatch signed)
    {
        (_broker, _process, _producer, _partition) = (broker, process, producer, partition);
        (_operations, _signed) = (operations, signed);
    }

    public int Count => _operations.Length;

    public bool IsAcknowledged { get; private set; }

    /// <summary>Why it was refused.</summary>
    public ErrorCode Error { get; private set; }

    /// <summary>Signs a batch and notes its records as asked for.</summary>
    public static HammerBatch Sign(HammeredBroker broker, int process, ProducerSession producer, TopicPartition partition, int sequence, Write[] writes)
    {
        var writer = new BatchWriter();
        var operations = new long[writes.Length];
        for (var i = 0; i < writes.Length; i++)
        {
            var key = writes[i].Key ?? "";
            writer.TryAppend(
                broker.Backend.Engine.NowMs,
                Encoding.UTF8.GetBytes(key), hasKey: true,
                StampedValue.Encode(writes[i].Value, key, padding: (int)(writes[i].Value % 60)), hasValue: true, null, int.MaxValue);
            operations[i] = broker.History.Invoke(process, writes[i]);
        }
        var signed = SignedBatch.Seal(writer, producer.Identity, sequence, isTransactional: writes[0].Transaction is not null);
        return new HammerBatch(broker, process, producer, partition, operations, signed);
    }

    /// <summary>Sends it and notes the answer. The first time it is the write itself, every other time a retry.</summary>
    public async Task SendAsync(bool isRetry)
    {
        var history = _broker.History;
        var operations = isRetry ? Array.ConvertAll(_operations, original => history.Invoke(_process, new RetryWrite(original))) : _operations;
        var outcome = await _signed.SendAsync(_broker.Partition(_partition), _producer, TaskCreationOptions.RunContinuationsAsynchronously);
        for (var i = 0; i < operations.Length; i++)
        {
            if (outcome.Error == ErrorCode.None)
                history.Complete(_process, operations[i], answer: new WriteAnswer(outcome.BaseOffset + i, outcome.IsDuplicate));
            else
                history.Complete(_process, operations[i], HammerHistory.OutcomeOf(outcome.Exception!), error: outcome.Error.ToString());
        }
        if (!isRetry)
            (IsAcknowledged, Error) = (outcome.Error == ErrorCode.None, outcome.Error);
    }

    /// <summary>There is nowhere to send it to.</summary>
    public void Refuse(BrokerException exception)
    {
        foreach (var operation in _operations)
            _broker.History.Complete(_process, operation, HammerHistory.OutcomeOf(exception), error: exception.Code.ToString());
    }
}
