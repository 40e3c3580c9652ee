using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Fuzzing;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Tests.Fuzzing;

/// <summary>What the fuzzer holds a damaged directory against: it notices a record that was not there, and knows where the question makes no sense.</summary>
public sealed class DirectoryOriginalsTests
{
    private static readonly FuzzTarget s_target = FuzzTargets.Create("directory");
    private static readonly byte[][] s_directories = [.. SampleParts.SmallDirectories()];
    private static readonly DirectoryOriginals s_originals = new(s_directories);

    [Fact]
    public void A_directory_as_it_was_written_shows_what_was_there()
    {
        foreach (var image in s_directories.Select(Decode))
        {
            s_originals.IsForged(image).Should().BeFalse();
            Open(image, contents =>
            {
                contents.Records(IsolationLevel.ReadCommitted).Should().BePositive();
                s_originals.Invoking(originals => originals.RequireNothingElse(contents)).Should().NotThrow();
            });
        }
    }

    [Fact]
    public void A_record_that_was_not_there_is_found_out() =>
        Open(SampleDirectory.Make(SampleEnd.DiedIdle, bulkBytes: 0, bulkRecords: 1), contents =>
            s_originals.Invoking(originals => originals.RequireNothingElse(contents)).Should().Throw<FuzzFailure>().WithMessage("*only what was there*"));

    [Fact]
    public void Damage_is_compared_unless_its_checksums_were_made_right_afterwards()
    {
        foreach (var (path, at) in new[] { (Manifest.FileName, 20), (Directories.CheckpointSuffix, 30), (JournalFormat.FileSuffix, JournalFormat.GroupHeaderBytes + 10) })
        {
            var input = (byte[])s_directories[0].Clone();
            var place = DirectoryImage.Locate(input).First(file => file.Path.EndsWith(path, StringComparison.Ordinal));
            input[place.Content.Start.Value + at] ^= 0x10;
            s_originals.IsForged(Decode(input)).Should().BeFalse($"a {path} whose checksum is wrong is what a broker has to notice");

            s_target.FixUp!(input);
            s_originals.IsForged(Decode(input)).Should().BeTrue($"a {path} with another content and a right checksum is what somebody else wrote");
        }
    }

    [Fact]
    public void A_journal_that_lost_its_end_shows_less_and_nothing_else()
    {
        var image = Decode(s_directories[0]);
        var (path, journal) = image.Files.Last(file => file.Path.EndsWith(JournalFormat.FileSuffix, StringComparison.Ordinal));
        var (shown, refused) = (new HashSet<long>(), 0);
        for (var end = 0; end <= journal.Length; end += JournalFormat.BlockBytes)
        {
            var cut = image.With(path, [.. journal[..end], .. new byte[journal.Length - end]]);
            s_originals.IsForged(cut).Should().BeFalse();
            try
            {
                Open(cut, contents =>
                {
                    s_originals.RequireNothingElse(contents);
                    shown.Add(contents.Records(IsolationLevel.ReadUncommitted));
                });
            }
            catch (DamagedStorageException)
            {
                refused++;
            }
        }
        shown.Count.Should().BeGreaterThan(1, $"the end can be lost like a torn write; {refused} cuts were refused");
    }

    private static DirectoryImage Decode(byte[] directory) => DirectoryImage.Decode(SampleDirectory.Root, directory);

    private static void Open(DirectoryImage image, Action<BrokerContents> look)
    {
        var engine = BrokerEngine.Open(new SteppedEnvironment(new ImageDisk(image)), SampleDirectory.Options);
        using (engine.Meter)
            look(BrokerContents.Of(engine));
    }
}
