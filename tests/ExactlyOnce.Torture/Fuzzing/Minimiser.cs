namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>Makes an input smaller as long as it still fails: pieces are dropped, then bytes become zero.</summary>
internal static class Minimiser
{
    private const int TriesMax = 20_000;

    public static byte[] Minimise(byte[] input, Func<byte[], bool> fails)
    {
        var tries = 0;
        for (var piece = Math.Max(input.Length / 2, 1); piece >= 1 && tries < TriesMax; piece /= 2)
        {
            for (var at = 0; at + piece <= input.Length && tries < TriesMax; tries++)
            {
                byte[] shorter = [.. input.AsSpan(0, at), .. input.AsSpan(at + piece)];
                if (fails(shorter))
                    input = shorter;
                else
                    at += piece;
            }
        }
        for (var at = 0; at < input.Length && tries < TriesMax; at++, tries++)
        {
            if (input[at] == 0)
                continue;
            var simpler = (byte[])input.Clone();
            simpler[at] = 0;
            if (fails(simpler))
                input = simpler;
        }
        return input;
    }
}
