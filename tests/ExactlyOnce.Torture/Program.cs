using ExactlyOnce.Torture;

// One line a torture: its name on the command line, and what makes it.
(string Name, Func<ITorture> Create)[] tortures =
[
    ("simulate", () => new Simulate()),
];

return TortureCommand.Run(args, tortures);
