using System.Buffers;

namespace ExactlyOnce.Tests.Serialization;

/// <summary>What every serde promises; inherited once per serde.</summary>
public abstract class SerdeConformance<T>
{
    protected abstract ISerde<T> Serde { get; }

    /// <summary>Values with their bytes in hex, or null where the bytes are not fixed.</summary>
    protected abstract IEnumerable<(T Value, string? Hex)> Examples { get; }

    /// <summary>Bytes in hex that are no value.</summary>
    protected virtual IEnumerable<string> Malformed => [];

    protected virtual bool AreEqual(T left, T right) => EqualityComparer<T>.Default.Equals(left, right);

    [Fact]
    public void Every_value_comes_back()
    {
        foreach (var (value, _) in Examples)
            AreEqual(Serde.Deserialize(Write(value)), value).Should().BeTrue($"{value} must come back");
    }

    [Fact]
    public void The_bytes_are_the_documented_ones()
    {
        foreach (var (value, hex) in Examples)
            if (hex is not null)
                Convert.ToHexString(Write(value)).Should().Be(hex, $"of {value}");
        Examples.Should().Contain(example => example.Hex != null);
    }

    [Fact]
    public void Writing_continues_behind_what_is_there()
    {
        foreach (var (value, _) in Examples)
        {
            var destination = new ArrayBufferWriter<byte>();
            destination.Write("before"u8);
            Serde.Serialize(value, destination);
            destination.WrittenSpan[..6].SequenceEqual("before"u8).Should().BeTrue();
            destination.WrittenSpan[6..].ToArray().Should().Equal(Write(value));
        }
    }

    [Fact]
    public void No_destination_is_refused()
    {
        foreach (var (value, _) in Examples)
            Serde.Invoking(serde => serde.Serialize(value, null!)).Should().Throw<ArgumentNullException>().WithParameterName("destination");
    }

    [Fact]
    public void A_destination_that_gives_no_more_than_asked_for_is_enough()
    {
        foreach (var (value, _) in Examples)
        {
            var destination = new TightWriter();
            Serde.Serialize(value, destination);
            destination.Written.Should().Equal(Write(value));
        }
    }

    [Fact]
    public void A_value_read_does_not_change_with_the_memory_it_was_read_from()
    {
        foreach (var (value, _) in Examples)
        {
            var bytes = Write(value);
            var read = Serde.Deserialize(bytes);
            Array.Clear(bytes);
            AreEqual(read, value).Should().BeTrue();
        }
    }

    [Fact]
    public void Malformed_bytes_are_refused()
    {
        foreach (var hex in Malformed)
            Serde.Invoking(serde => serde.Deserialize(Convert.FromHexString(hex))).Should().Throw<Exception>($"{hex} is no value")
                .Which.Should().Match<Exception>(e => e is FormatException || e is System.Text.Json.JsonException);
    }

    [Fact]
    public void Threads_do_not_disturb_each_other()
    {
        var examples = Examples.ToArray();
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            var value = examples[i % examples.Length].Value;
            if (!AreEqual(Serde.Deserialize(Write(value)), value))
                throw new InvalidOperationException($"{value} did not come back.");
        });
    }

    protected byte[] Write(T value)
    {
        var destination = new ArrayBufferWriter<byte>();
        Serde.Serialize(value, destination);
        return destination.WrittenSpan.ToArray();
    }

    /// <summary>Gives spans of exactly the size asked for, each on its own array.</summary>
    private sealed class TightWriter : IBufferWriter<byte>
    {
        private byte[] _current = [];

        public List<byte> Written { get; } = [];

        public void Advance(int count)
        {
            Written.AddRange(_current.AsSpan(0, count).ToArray());
            _current = _current[count..];
        }

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (_current.Length < Math.Max(sizeHint, 1))
                _current = new byte[Math.Max(sizeHint, 1)];
            return _current;
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
