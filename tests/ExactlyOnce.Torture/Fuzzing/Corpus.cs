using System.Security.Cryptography;
using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// The inputs a target's mutations begin with: what is in the repository, or, when it has none, what the product makes now; and whatever reached something new
/// since. An input that was found later is chosen more often: it is where the frontier is.
/// </summary>
internal sealed class Corpus
{
    private const int InputsMax = 4096;

    private readonly List<byte[]> _inputs = [];

    /// <param name="target">Whose inputs.</param>
    /// <param name="foundFolder">Where earlier turns have put what they found.</param>
    public Corpus(FuzzTarget target, string foundFolder)
    {
        foreach (var input in In(Path.Combine(Folder, target.Name)).Concat(In(Path.Combine(foundFolder, target.Name))))
            Add(input);
        if (_inputs.Count == 0)
            foreach (var input in target.Seeds())
                Add(input);
        if (_inputs.Count == 0)
            Add([]);
    }

    /// <summary>The corpus of the repository, copied beside the program.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "Fuzzing", "Corpus");

    public IReadOnlyList<byte[]> Inputs => _inputs;

    public void Add(ReadOnlySpan<byte> input)
    {
        if (_inputs.Count < InputsMax)
            _inputs.Add(input.ToArray());
    }

    public byte[] Choose(Mutator mutator) =>
        _inputs[mutator.Below(2) == 0 ? mutator.Below(_inputs.Count) : _inputs.Count - 1 - mutator.Below(Math.Min(_inputs.Count, 64))];

    private static IEnumerable<byte[]> In(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(File.ReadAllBytes) : [];

    /// <summary>Writes an input under a name that its content gives.</summary>
    public static string Save(string folder, string target, ReadOnlySpan<byte> input)
    {
        var directory = Directory.CreateDirectory(Path.Combine(folder, target)).FullName;
        var path = Path.Combine(directory, Convert.ToHexStringLower(SHA256.HashData(input))[..16]);
        File.WriteAllBytes(path, input.ToArray());
        return path;
    }
}
