using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Fuzzing;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Tests.Fuzzing;

/// <summary>A slice of what <c>ExactlyOnce.Torture -- bitflips</c> does with every bit (S27, S28).</summary>
public sealed class BitFlipTests
{
    /// <summary>A step that shares no factor with a record's, an index entry's or a block's size, so that every kind of field is met.</summary>
    private const int Step = 1_997;

    [Fact]
    public void A_flipped_bit_of_a_directory_whose_broker_died_is_never_silent() => TryEvery(Step, new BitFlips(SampleDirectory.Make(SampleEnd.DiedIdle)));

    [Fact]
    public void A_flipped_bit_of_a_directory_that_was_closed_is_never_silent() => TryEvery(Step, new BitFlips(SampleDirectory.Make(SampleEnd.Closed)));

    [Fact]
    public void Before_the_journal_was_idle_a_flipped_bit_costs_at_most_the_last_group_and_never_half_of_it()
    {
        var image = SampleDirectory.Make(SampleEnd.DiedBusy, bulkBytes: 0, bulkRecords: 0);
        var (path, group) = BitFlips.FindLastGroup(image);
        var flips = new BitFlips(image, (path, group));
        var first = FirstBitOf(image, path) + (8L * group.Start.Value);

        var outcomes = Enumerable.Range(0, 8 * (group.End.Value - group.Start.Value)).Select(bit => flips.Try(first + bit)).ToHashSet();

        outcomes.Should().Equal([FlipOutcome.TornTail], "nothing else tells this flip from a write that a crash has torn, and every bit of the group counts");
    }

    [Fact]
    public void A_loss_that_nothing_announces_is_found_out()
    {
        var image = SampleDirectory.Make(SampleEnd.DiedBusy, bulkBytes: 0, bulkRecords: 0);
        var (path, group) = BitFlips.FindLastGroup(image);
        var strict = new BitFlips(image);

        strict.Invoking(flips => flips.Try(FirstBitOf(image, path) + (8L * (group.End.Value - 1)))).Should().Throw<FuzzFailure>().WithMessage("the state differs*");
    }

    /// <summary>
    /// A batch's checksum does not cover its offset: a wrong one must show all the same, also where compaction has left holes, and also to whoever seeks.
    /// </summary>
    [Fact]
    public void A_batch_whose_offset_is_wrong_on_disk_is_delivered_to_nobody()
    {
        var image = SampleDirectory.Make(SampleEnd.Closed);
        var flips = new BitFlips(image);
        foreach (var (path, content) in image.Files.Where(file => file.Path.EndsWith(".log", StringComparison.Ordinal)))
            for (var at = 0; at < content.Length; at += BatchHeader.Read(content.AsSpan(at)).SizeInBytes)
                foreach (var bit in new[] { 56, 57, 58, 60, 62, 48, 0 })
                    flips.Try(FirstBitOf(image, path) + (8L * at) + (7 - (bit % 8)) + (8 * (bit / 8)))
                        .Should().Be(FlipOutcome.ReaderRefused, $"the batch at byte {at} of '{path}' is not where it says");
    }

    [Fact]
    public void An_opening_that_is_refused_removes_nothing_that_no_checkpoint_names()
    {
        var image = SampleDirectory.Make(SampleEnd.DiedIdle);
        var folder = Path.GetDirectoryName(image.Files.First(file => file.Path.EndsWith(".log", StringComparison.Ordinal)).Path)!;
        var journal = image.Files.Last(file => file.Path.EndsWith(".journal", StringComparison.Ordinal));
        var damaged = (byte[])journal.Content.Clone();
        damaged[100] ^= 1;
        var disk = new ImageDisk(DirectoryImage.Of(image.Root,
            [.. image.With(journal.Path, damaged).Files, (folder + "/00000000000000099999.log", [1, 2, 3]), (image.Root + "/00000000000000000099.checkpoint", [4])]));

        var open = () => BrokerEngine.Open(new SteppedEnvironment(disk), SampleDirectory.Options);

        open.Should().Throw<DamagedStorageException>().Which.FilePath.Should().Be(journal.Path);
        disk.Changed.Should().BeEmpty();
    }

    private static void TryEvery(int step, BitFlips flips)
    {
        var outcomes = new HashSet<FlipOutcome>();
        for (var bit = 0L; bit < flips.Bits; bit += step)
            outcomes.Add(flips.Try(bit));
        outcomes.Should().BeEquivalentTo([FlipOutcome.Whole, FlipOutcome.Refused, FlipOutcome.ReaderRefused], "a slice that met only one of them would prove nothing");
    }

    private static long FirstBitOf(DirectoryImage image, string path) => 8 * image.Files.TakeWhile(file => file.Path != path).Sum(file => (long)file.Content.Length);
}
