using ExactlyOnce.Torture;

// One line a torture: its name on the command line, and what makes it.
(string Name, Func<ITorture> Create)[] tortures =
[
    ("history", () => new HistoryTorture()),
];

return TortureCommand.Run(args, tortures);
