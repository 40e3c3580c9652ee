using System.Runtime.InteropServices;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

/// <summary>The append of one partition's batch: validated to its last byte, handed to the log as it came, and what became of it put into the answer.</summary>
internal sealed class ProduceAppend : AppendOperation
{
    private const int FirstWithZstd = 7;
    private const int FirstAbortable = 11;

    /// <summary>From here on a transactional batch adds its partition to the transaction.</summary>
    private const int FirstAdding = 12;

    private readonly ServedPartition _partition;
    private readonly ProduceResponse.Partition _answer;
    private readonly ProduceWait _wait;
    private readonly short _version;

    private ProduceAppend(ServedPartition partition, ProduceResponse.Partition answer, ProduceWait wait, short version)
    {
        _partition = partition;
        _answer = answer;
        _wait = wait;
        _version = version;
        Partition = partition.Partition;
    }

    /// <summary>The answer, whose outcome is set now or before <paramref name="wait"/> ends.</summary>
    public static ProduceResponse.Partition Run(ProduceRequest request, ProduceRequest.Partition data, ServedPartition partition, ProduceWait wait, Call call)
    {
        var answer = new ProduceResponse.Partition { Index = data.Index };
        if (!IsAcceptable(request, data, partition, answer, call, out var header))
            return answer;
        var append = new ProduceAppend(partition, answer, wait, call.Version);
        append.Sign(header, data.Records.First, data.Records.Rest);
        wait.Begin();
        if (append.Begin(request.TransactionalId, call) == AppendStatus.Completed)
            append.OnCompleted();
        return answer;
    }

    public override void OnCompleted()
    {
        if (Outcome.Error == ErrorCode.None)
        {
            _answer.BaseOffset = Outcome.BaseOffset;
            _answer.LogAppendTimeMs = Outcome.LogAppendTimeMs;
            _answer.LogStartOffset = _partition.Partition.ReadableFrom;
        }
        else
        {
            _answer.ErrorCode = ToKafka(Outcome.Error);
            _answer.ErrorMessage = Outcome.Exception?.Message;
        }
        _wait.End();
    }

    private AppendStatus Begin(string? transactionalId, Call call)
    {
        if (!Header.IsTransactional)
            return _partition.Partition.Append(this);
        var generation = _version >= FirstAdding ? WireGeneration.V2 : WireGeneration.V1;
        return call.Wire.AppendTransactional(_partition.Partition, this, new TransactionCaller(transactionalId!, Header.Producer, generation, call.ClientName));
    }

    private static bool IsAcceptable(
        ProduceRequest request, ProduceRequest.Partition data, ServedPartition partition, ProduceResponse.Partition answer, Call call, out BatchHeader header)
    {
        header = default;
        if (data.Records.IsNull || data.Records.Length == 0 || HasOtherMagic(data.Records.First.Span))
            return Refuse(answer, KafkaError.InvalidRecord, "A partition takes exactly one batch of format 2.");
        if (!IsValid(data.Records, partition.Rules, answer, call))
            return false;
        // Read after the validation, which may have corrected it.
        header = BatchHeader.Read(data.Records.First.Span);
        if (header.Compression == CompressionType.Zstd && call.Version < FirstWithZstd)
            return Refuse(answer, KafkaError.UnsupportedCompressionType, "Zstandard came with version 7 of Produce.");
        if (header.IsTransactional && request.TransactionalId is null)
            return Refuse(answer, KafkaError.TransactionalIdAuthorizationFailed, "A transactional batch without a transactional id.");
        return true;
    }

    private static bool IsValid(in RecordBytes batch, BatchRules rules, ProduceResponse.Partition answer, Call call)
    {
        var decompressor = call.Server.RentDecompressor(batch.Length, rules.MaxBatchBytes);
        try
        {
            var validity = BatchValidation.Decide(batch.Batch, rules, call.Server.NowMs, decompressor);
            if (!validity.IsAccepted)
                return Refuse(answer, validity);
            // Some clients are careless with it, and retention trusts it.
            if (validity.RecordsMaxTimestamp is { } largest && largest != BatchHeader.Read(batch.First.Span).MaxTimestamp)
                BatchTimestamps.CorrectMaxTimestamp(MemoryMarshal.AsMemory(batch.First).Span, largest, batch.Rest);
            return true;
        }
        finally
        {
            call.Server.Return(decompressor);
        }
    }

    private static bool Refuse(ProduceResponse.Partition answer, in BatchValidity validity)
    {
        var error = validity.Verdict == BatchVerdict.UnsupportedCompression ? KafkaError.UnsupportedCompressionType : validity.Error.ToKafka();
        if (validity.RecordIndex >= 0)
            answer.RecordErrors = [new ProduceResponse.RecordError { BatchIndex = validity.RecordIndex, BatchIndexErrorMessage = $"{validity.Verdict}" }];
        return Refuse(answer, error, $"The batch was refused: {validity.Verdict}.");
    }

    private static bool Refuse(ProduceResponse.Partition answer, KafkaError error, string message)
    {
        (answer.ErrorCode, answer.ErrorMessage) = (error, message);
        return false;
    }

    private static bool HasOtherMagic(ReadOnlySpan<byte> batch) => batch.Length > BatchHeader.MagicAt && batch[BatchHeader.MagicAt] != BatchHeader.Magic;

    /// <summary>A zombie is told that its epoch is old, in every version.</summary>
    private KafkaError ToKafka(ErrorCode code)
    {
        if (code == ErrorCode.ProducerFenced)
            return KafkaError.InvalidProducerEpoch;
        return (_version < FirstAbortable ? WireErrors.BeforeTransactionAbortable(code) : code).ToKafka();
    }
}
