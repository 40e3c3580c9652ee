using System.Text;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Tests.Clients.Producing;

public class Murmur2Tests
{
    [Theory]
    [InlineData("21", -973932308)]
    [InlineData("foobar", -790332482)]
    [InlineData("a-little-bit-long-string", -985981536)]
    [InlineData("a-little-bit-longer-string", -1486304829)]
    [InlineData("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)]
    [InlineData("abc", 479470107)]
    [InlineData("", 275646681)]
    public void The_hash_is_that_of_Kafkas_partitioner(string key, int expected) =>
        Murmur2.Hash(Encoding.UTF8.GetBytes(key)).Should().Be(expected);

    [Theory]
    [InlineData("foobar", 10)]
    [InlineData("21", 3)]
    public void A_negative_hash_is_masked_and_not_negated(string key, int partitions)
    {
        var hash = Murmur2.Hash(Encoding.UTF8.GetBytes(key));

        var partition = Murmur2.PartitionFor(Encoding.UTF8.GetBytes(key), partitions);

        partition.Should().Be((int)((uint)hash & 0x7FFFFFFF) % partitions);
        partition.Should().NotBe(Math.Abs(hash) % partitions, "else this example would show nothing");
    }

    [Fact]
    public void Every_partition_is_in_range_and_used()
    {
        var used = new HashSet<int>();
        for (var i = 0; i < 1000; i++)
            used.Add(Murmur2.PartitionFor(Encoding.UTF8.GetBytes($"key-{i}"), 12));

        used.Should().BeEquivalentTo(Enumerable.Range(0, 12));
    }
}
