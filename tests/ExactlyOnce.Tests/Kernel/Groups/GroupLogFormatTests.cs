using System.Buffers;
using System.Text;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups;

public class GroupLogFormatTests
{
    [Fact]
    public void An_offset_key_has_the_bytes_of_Kafkas_version_1()
    {
        var bytes = Written(buffer => GroupLogFormat.WriteOffsetKey("grp", "topic", 7, buffer));
        Convert.ToHexString(bytes).Should().Be("0001" + "0003" + "677270" + "0005" + "746F706963" + "00000007");
        GroupLogFormat.ReadKey(bytes).Should().Be(new GroupLogKey("grp", "topic", 7));
    }

    [Fact]
    public void An_offset_value_has_the_bytes_of_Kafkas_version_3()
    {
        var value = new OffsetValue(new PartitionKey(1, 7), 42, -1, "m");
        var bytes = Written(buffer => GroupLogFormat.WriteOffsetValue(value, 0x0102030405060708, buffer));
        Convert.ToHexString(bytes).Should().Be("0003" + "000000000000002A" + "FFFFFFFF" + "0001" + "6D" + "0102030405060708");
        GroupLogFormat.ReadOffsetValue(bytes).Should().Be(new GroupLogOffset(42, -1, "m", 0x0102030405060708));
    }

    [Fact]
    public void A_group_key_has_the_bytes_of_Kafkas_version_2()
    {
        var bytes = Written(buffer => GroupLogFormat.WriteGroupKey("grp", buffer));
        Convert.ToHexString(bytes).Should().Be("0002" + "0003" + "677270");
        GroupLogFormat.ReadKey(bytes).Should().Be(new GroupLogKey("grp", null, -1));
    }

    [Fact]
    public void A_group_value_has_the_bytes_of_Kafkas_version_3()
    {
        var bytes = Written(buffer => GroupLogFormat.WriteGroupValue(Group(), buffer));
        Convert.ToHexString(bytes).Should().Be(
            "0003" + "0008" + "636F6E73756D6572" + "00000005" + "0005" + "72616E6765" + "0001" + "61" + "0000000000000009" + "00000001"
            + "0001" + "61" + "FFFF" + "0001" + "63" + "0002" + "2F68" + "00001770" + "00002710" + "00000001" + "01" + "00000002" + "0203");
    }

    [Fact]
    public void A_group_value_reads_back_with_the_chosen_protocol()
    {
        var group = GroupLogFormat.ReadGroupValue(Written(buffer => GroupLogFormat.WriteGroupValue(Group(), buffer)));
        group.Should().BeEquivalentTo(new { ProtocolType = "consumer", Generation = 5, Protocol = "range", LeaderId = "a", StateSinceMs = 9, State = GroupState.Stable });
        group.Members.Should().ContainSingle();
        group.Members[0].Should().BeEquivalentTo(new { Id = "a", InstanceId = (string?)null, ClientId = "c", ClientHost = "/h", RebalanceTimeoutMs = 6_000, SessionTimeoutMs = 10_000 });
        group.Members[0].MetadataOf("range").ToArray().Should().Equal(1);
        group.Members[0].Assignment.ToArray().Should().Equal(2, 3);
    }

    [Fact]
    public void An_empty_group_has_neither_protocol_nor_leader()
    {
        var bytes = Written(buffer => GroupLogFormat.WriteGroupValue(ClassicGroup.None with { ProtocolType = "consumer", Generation = 6 }, buffer));
        Convert.ToHexString(bytes).Should().Be("0003" + "0008" + "636F6E73756D6572" + "00000006" + "FFFF" + "FFFF" + "0000000000000000" + "00000000");
        GroupLogFormat.ReadGroupValue(bytes).State.Should().Be(GroupState.Empty);
    }

    [Fact]
    public void Bytes_of_another_version_or_length_are_refused()
    {
        var key = Written(buffer => GroupLogFormat.WriteOffsetKey("g", "t", 0, buffer));
        var value = Written(buffer => GroupLogFormat.WriteOffsetValue(new OffsetValue(default, 1), 2, buffer));
        var group = Written(buffer => GroupLogFormat.WriteGroupValue(Group(), buffer));
        foreach (var (bytes, read) in new (byte[], Action<byte[]>)[]
        {
            (key, bytes => GroupLogFormat.ReadKey(bytes)),
            (value, bytes => GroupLogFormat.ReadOffsetValue(bytes)),
            (group, bytes => GroupLogFormat.ReadGroupValue(bytes)),
        })
        {
            FluentActions.Invoking(() => read(bytes[..^1])).Should().Throw<InvalidDataException>();
            FluentActions.Invoking(() => read([.. bytes, 0])).Should().Throw<InvalidDataException>();
            FluentActions.Invoking(() => read([0, 99, .. bytes[2..]])).Should().Throw<InvalidDataException>();
        }
    }

    private static ClassicGroup Group() => new()
    {
        State = GroupState.Stable,
        ProtocolType = "consumer",
        Generation = 5,
        Protocol = "range",
        LeaderId = "a",
        StateSinceMs = 9,
        Members =
        [
            new ClassicMember
            {
                Id = "a",
                ClientId = "c",
                ClientHost = "/h",
                RebalanceTimeoutMs = 6_000,
                SessionTimeoutMs = 10_000,
                Protocols = [new ClassicProtocol("sticky", Encoding.UTF8.GetBytes("no")), new ClassicProtocol("range", new byte[] { 1 })],
                Assignment = new byte[] { 2, 3 },
            },
        ],
    };

    private static byte[] Written(Action<ArrayBufferWriter<byte>> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        write(buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
