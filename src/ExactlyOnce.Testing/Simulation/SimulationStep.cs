using System.Globalization;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>What one step of a run does. The letter is its name in a written list of steps.</summary>
internal enum StepKind
{
    /// <summary>A client does its next thing.</summary>
    Turn = 'c',

    /// <summary>An item of the scheduler's queue runs.</summary>
    Work = 'w',

    /// <summary>The journal makes one step or several: gather, write, sync, publish.</summary>
    Journal = 'j',

    /// <summary>Time passes.</summary>
    Advance = 't',

    /// <summary>The machine's clock is set, forward or back.</summary>
    Jump = 'z',

    /// <summary>The broker's housekeeping has a round.</summary>
    Housekeep = 'h',

    Checkpoint = 'k',

    Retain = 'r',

    Compact = 'p',

    /// <summary>Idle producers, ids and offsets are forgotten.</summary>
    Expire = 'e',

    /// <summary>A disk operation soon to come fails.</summary>
    Fault = 'f',

    /// <summary>The broker's life ends, in peace, by a kill or by a power cut, and the next one begins, which may be cut short at any disk operation.</summary>
    Life = 'L',
}

/// <summary>
/// One step of a run. A run is its list of steps and nothing else: each carries its own chance, so that any of them can be left out without changing what the
/// others draw.
/// </summary>
/// <param name="Kind">What.</param>
/// <param name="Argument">Which client, how many steps, how many milliseconds, how many disk operations ahead.</param>
/// <param name="Chance">The seed of every choice this step makes.</param>
internal readonly record struct SimulationStep(StepKind Kind, int Argument, uint Chance)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(char)Kind}{Argument}:{Chance:x}");

    public static SimulationStep Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var kind = (StepKind)text[0];
        if (colon < 0 || !Enum.IsDefined(kind))
            throw new FormatException($"'{text}' is not a step of a simulation.");
        return new SimulationStep(
            kind, int.Parse(text.AsSpan(1, colon - 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture),
            uint.Parse(text.AsSpan(colon + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }

    public static IReadOnlyList<SimulationStep> ParseAll(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
}
