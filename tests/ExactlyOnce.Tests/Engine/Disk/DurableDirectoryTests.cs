using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Testing.Disks;

namespace ExactlyOnce.Tests.Engine.Disk;

/// <summary>
/// Found by the fault scenario 'one of each': a partition's folder whose name a failed sync had given up was filled, listed, and lost with the next power cut.
/// </summary>
public sealed class DurableDirectoryTests
{
    [Fact]
    public void A_folder_whose_name_could_not_be_synced_is_made_anew_by_the_next_attempt()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var disk = new SimulatedDisk();
            for (var operation = 0; operation < seed; operation++)
                disk.SyncDirectory("/");
            disk.Plan(new PlannedFault(DiskOperations.SyncDirectory, 1, FaultKind.IoError));
            disk.Invoking(failing => DurableDirectory.Create(failing, "/folder")).Should().Throw<StorageException>();
            DurableDirectory.Create(disk, "/folder");

            disk.Crash(CrashProfile.LostSectors, seed).DirectoryExists("/folder").Should().BeTrue();
        }
    }

    [Fact]
    public void A_folder_with_something_in_it_is_left_as_it_is()
    {
        var disk = new SimulatedDisk();
        DurableDirectory.Create(disk, "/folder");
        disk.Open("/folder/a", FileOpening.CreateNew).Dispose();
        DurableDirectory.Create(disk, "/folder");
        disk.FileExists("/folder/a").Should().BeTrue();
    }
}
