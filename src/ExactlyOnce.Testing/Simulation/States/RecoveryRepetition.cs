using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// Recovery is a function (I16): what one opening makes of a device, another makes of a copy of it too, also when it was cut somewhere on the way, or at its
/// end, and had to begin again on what it had left. Made of the device as it is before the opening; told to the history after it.
/// </summary>
internal sealed class RecoveryRepetition
{
    private const int CutMax = 60;

    private readonly SimulatedBroker _broker;
    private readonly SimulatedDisk _found;
    private readonly SimulationRandom _random;

    public RecoveryRepetition(SimulatedBroker broker, SimulationRandom random)
    {
        _broker = broker;
        _random = random;
        _found = broker.Device.Fork();
    }

    /// <summary>The broker stands: does the copy come to the same?</summary>
    public void Compare()
    {
        var directory = $"of life {_broker.Life}";
        var state = LogicalState.Of(_broker.Engine);
        _broker.Observe(new RecoveredState(directory, state.Hash));
        var again = RecoverTwice();
        if (again.Hash != state.Hash)
            foreach (var (structure, difference) in state.CompareTo(again))
                if (difference is not null)
                    _broker.Note($"recovered differently, {structure}: {difference}");
        _broker.Observe(new RecoveredState(directory, again.Hash));
    }

    /// <summary>The journal has grown since it was begun.</summary>
    private bool HasDecided() => Manifest.Read(_broker.Device, SimulationPlan.Root)!.CheckpointLsn != _broker.Engine.Journal.AppendedLsn;

    private LogicalState RecoverTwice()
    {
        // What was never synced is recovered too, and is synced by no opening before its checkpoint: a power cut may take it still.
        var profile = _found.HasUnsynced ? CrashProfile.AllSurvive : _random.Pick([CrashProfile.Prefix, CrashProfile.Torn, CrashProfile.MetadataFirst, CrashProfile.Adversarial]);
        // What an opening decides, as that a transaction is aborted, has the time of the opening; what it recovers has not.
        var later = HasDecided() ? TimeSpan.Zero : TimeSpan.FromSeconds(_random.LogBetween(1, 3600));
        _found.CrashAt(_found.Operations + _random.LogBetween(1, CutMax));
        try
        {
            using var first = new TwinBroker(_broker, _found, later);
        }
        catch (Exception) when (_found.HasCrashed)
        {
            // As it was to be, and whatever became of the process that met it.
        }
        using var second = new TwinBroker(_broker, _found.Crash(new PowerLoss(profile, _random.Below(int.MaxValue))), later);
        return LogicalState.Of(second.Engine);
    }
}
