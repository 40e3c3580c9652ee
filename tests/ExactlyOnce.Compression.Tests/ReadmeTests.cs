namespace ExactlyOnce.Compression.Tests;

/// <summary>What the package's README shows.</summary>
public sealed class ReadmeTests
{
    [Theory]
    [InlineData(CompressionType.Zstd)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Snappy)]
    public async Task The_line_of_the_README_lets_a_producer_compress(CompressionType type)
    {
        // snippet: Compression
        await using var broker = Broker.CreateInMemory(options => options.AddCompression());
        // end
        var lines = Topic.Create("lines", Serdes.Utf8);
        await using (var producer = broker.CreateProducer(lines).WithCompression(type).Build())
            await producer.SendAsync(new string('x', 5000));

        await using var consumer = broker.CreateConsumer(lines).StartFrom(StartFrom.Earliest).Build();
        (await consumer.ReadToEndAsync().SingleAsync()).Value.Should().Be(new string('x', 5000));
    }
}
