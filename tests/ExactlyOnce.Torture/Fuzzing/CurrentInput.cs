using System.IO.MemoryMappedFiles;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// The input that is being executed, in a file mapped into memory: when the child dies of it, the parent finds it there. Position 0 holds the length, i32, and
/// position 4 the number of the execution, i32, by which a watchdog sees that one does not end.
/// </summary>
internal sealed unsafe class CurrentInput : IDisposable
{
    private const int HeaderBytes = 8;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _bytes;
    private readonly int _capacity;

    public CurrentInput(string path, int capacity)
    {
        _capacity = capacity;
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, capacity + HeaderBytes);
        _view = _file.CreateViewAccessor();
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes);
    }

    public int Execution => Volatile.Read(ref *(int*)(_bytes + 4));

    public void Set(ReadOnlySpan<byte> input)
    {
        *(int*)_bytes = Math.Min(input.Length, _capacity);
        input[..Math.Min(input.Length, _capacity)].CopyTo(new Span<byte>(_bytes + HeaderBytes, _capacity));
        Volatile.Write(ref *(int*)(_bytes + 4), *(int*)(_bytes + 4) + 1);
    }

    /// <summary>What a child that is dead was executing.</summary>
    public static byte[] Read(string path)
    {
        var bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        return bytes.Length < HeaderBytes ? [] : bytes.AsSpan(HeaderBytes, Math.Clamp(BitConverter.ToInt32(bytes), 0, bytes.Length - HeaderBytes)).ToArray();
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
