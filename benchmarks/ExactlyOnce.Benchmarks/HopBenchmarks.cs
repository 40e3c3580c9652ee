using BenchmarkDotNet.Attributes;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Benchmarks;

/// <summary>
/// The pure hops on the way of one record: encode, seal, decide and apply, read. A batch of <see cref="Records"/> records of 100 bytes an operation.
/// </summary>
[MemoryDiagnoser]
[InProcess]
public class HopBenchmarks
{
    private static readonly byte[] s_key = new byte[8];
    private static readonly byte[] s_value = new byte[Payload.Bytes];

    private readonly BatchWriter _writer = new();
    private readonly PartitionState _state = new(PartitionRules.Default);
    private byte[] _sealed = [];
    private BatchHeader _header;
    private int _sequence;
    private long _lsn;

    [Params(1, 16, 256)]
    public int Records { get; set; }

    [GlobalSetup]
    public void Seal()
    {
        _header = EncodeAndSeal();
        _sealed = _writer.Bytes.ToArray();
    }

    [Benchmark]
    public int EncodeAndSealBatch() => EncodeAndSeal().SizeInBytes;

    [Benchmark]
    public uint Checksum() => BatchHeader.ComputeCrc(_sealed);

    [Benchmark]
    public long DecideAndApply()
    {
        var header = _header with { BaseSequence = _sequence };
        var decision = _state.Decide(header, AppendOrigin.Client);
        _state.Apply(header, decision, _state.LogEndOffset, nowMs: 0, ++_lsn);
        _sequence = Sequence.Add(_sequence, Records);
        return _state.LogEndOffset;
    }

    [Benchmark]
    public long ReadBatch()
    {
        var bytes = 0L;
        var reader = BatchReader.Open(_sealed);
        while (reader.MoveNext())
            bytes += reader.Value.Length;
        return bytes;
    }

    private BatchHeader EncodeAndSeal()
    {
        _writer.Reset();
        for (var i = 0; i < Records; i++)
            _writer.TryAppend(1_700_000_000_000, s_key, true, s_value, true, null, int.MaxValue);
        return _writer.Seal(new ProducerIdentity(1, 0), 0, BatchAttributes.None, null);
    }
}
