using ExactlyOnce.Torture;
using ExactlyOnce.Torture.Disks;
using ExactlyOnce.Torture.Fuzzing;
using ExactlyOnce.Torture.Hammering;
using ExactlyOnce.Torture.Kills;
using ExactlyOnce.Torture.Planted;
using ExactlyOnce.Torture.Wire;

// What a torture starts in a process of its own is not for people.
if (args is [FuzzChild.Command, ..])
    return FuzzChild.Run(args.AsSpan(1));
if (args is [KillChild.Name, ..])
    return await KillChild.RunAsync(args);
if (args is [CopyChild.Name, ..])
    return await CopyChild.RunAsync(args);
if (args is [WireServerChild.Name, ..])
    return await WireServerChild.RunAsync(args);
if (args is [WireIdleChild.Name, ..])
    return await WireIdleChild.RunAsync(args);
if (args is [WireCopyChild.Name, ..])
    return WireCopyChild.Run(args);

// One line a torture: its name on the command line, and what makes it.
(string Name, Func<ITorture> Create)[] tortures =
[
    ("simulate", static () => new Simulate()),
    ("exhaustive", static () => new ExhaustiveTorture()),
    ("io", static () => new FaultTorture()),
    ("history", () => new HistoryTorture()),
    ("fuzz", () => new FuzzTorture()),
    ("bitflips", () => new BitFlipTorture()),
    ("kill", () => new KillTorture()),
    ("copy", () => new CopyTorture()),
    ("wire-kill", () => new WireKillTorture()),
    ("wire-fuzz", () => new WireFuzzTorture()),
    ("hammer", () => new HammerTorture()),
    ("planted", () => new PlantedTorture()),
];

return TortureCommand.Run(args, tortures);
