using System.Text;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Hammering;

/// <summary>One batch, signed once, that may be sent any number of times, by several threads at once.</summary>
internal sealed class SignedBatch
{
    private readonly HammeredBroker _broker;
    private readonly ProducerSession _producer;
    private readonly TopicPartition _partition;
    private readonly int _process;
    private readonly long[] _operations;
    private readonly byte[] _bytes;
    private readonly BatchHeader _header;

    private SignedBatch(HammeredBroker broker, int process, ProducerSession producer, TopicPartition partition, long[] operations, byte[] bytes, BatchHeader header)
    {
        (_broker, _process, _producer, _partition) = (broker, process, producer, partition);
        (_operations, _bytes, _header) = (operations, bytes, header);
    }

    public int Count => _operations.Length;

    public bool IsAcknowledged { get; private set; }

    /// <summary>Why it was refused.</summary>
    public ErrorCode Error { get; private set; }

    /// <summary>Signs a batch and notes its records as asked for.</summary>
    public static SignedBatch Sign(HammeredBroker broker, int process, ProducerSession producer, TopicPartition partition, int sequence, Write[] writes)
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
        var attributes = writes[0].Transaction is null ? BatchAttributes.None : BatchAttributes.Transactional;
        var header = writer.Seal(producer.Identity, sequence, attributes, null);
        return new SignedBatch(broker, process, producer, partition, operations, writer.Bytes.ToArray(), header);
    }

    /// <summary>Sends it and notes the answer. The first time it is the write itself, every other time a retry.</summary>
    public async Task SendAsync(bool isRetry)
    {
        var history = _broker.History;
        var operations = isRetry ? Array.ConvertAll(_operations, original => history.Invoke(_process, new RetryWrite(original))) : _operations;
        var delivery = new Delivery { Session = _producer };
        delivery.Sign(_header, _bytes);
        if (_broker.Partition(_partition).Append(delivery) != AppendStatus.Completed)
            await delivery.Completed;
        var outcome = delivery.Outcome;
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

    private sealed class Delivery : AppendOperation
    {
        private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Completed => _completed.Task;

        public override void OnCompleted() => _completed.SetResult();
    }
}
