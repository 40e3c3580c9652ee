using System.Net;
using System.Net.Sockets;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// What wrong passwords cost the address they come from. A few may be typing errors. Behind them every login from there waits for its turn before anybody looks
/// at it, whether its password is right or wrong, and over however many connections it is tried: whoever hangs up while he waits has guessed nothing. Each
/// failure doubles the time between two turns, to sixteen times the delay; a minute without one, and all is forgotten.
/// </summary>
/// <param name="delay">What a failure costs by itself; zero: nothing ever waits.</param>
/// <param name="patience">A turn that is further away is no turn.</param>
/// <param name="time">The clock.</param>
internal sealed class FailedLogins(TimeSpan delay, TimeSpan patience, TimeProvider time)
{
    private const int Free = 3;
    private const int DoublingsMax = 4;
    private const int AddressesMax = 10_000;

    /// <summary>Of an address of the sixth version: what somebody is given, and may fill as he likes.</summary>
    private const int NetworkBytes = 8;

    private static readonly TimeSpan s_memory = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, Guesses> _guesses = [];

    /// <summary>How long a login that comes now waits before it is looked at; null when it is sent away.</summary>
    public TimeSpan? Enter(IPAddress address)
    {
        lock (_lock)
        {
            var (network, now) = (NetworkOf(address), Now);
            if (!_guesses.TryGetValue(network, out var guesses) || guesses.Failures < Free || now - guesses.Last > s_memory)
                return TimeSpan.Zero;
            var turn = guesses.Next > now ? guesses.Next : now;
            if (turn - now > patience)
                return null;
            _guesses[network] = guesses with { Next = turn + IntervalOf(guesses.Failures) };
            return turn - now;
        }
    }

    public void Add(IPAddress address)
    {
        lock (_lock)
        {
            var (network, now) = (NetworkOf(address), Now);
            var before = _guesses.TryGetValue(network, out var known) && now - known.Last <= s_memory ? known : default;
            var failures = before.Failures + 1;
            var next = failures < Free ? now : now + IntervalOf(failures);
            _guesses[network] = new Guesses(failures, before.Next > next ? before.Next : next, now);
            if (_guesses.Count > AddressesMax)
                Forget(now);
        }
    }

    private TimeSpan Now => time.GetElapsedTime(0);

    private TimeSpan IntervalOf(int failures) => delay * (1 << Math.Min(failures - Free, DoublingsMax));

    /// <summary>Those who have stopped; if there are none, whoever failed longest ago.</summary>
    private void Forget(TimeSpan now)
    {
        foreach (var (network, guesses) in _guesses)
            if (now - guesses.Last > s_memory)
                _guesses.Remove(network);
        if (_guesses.Count > AddressesMax)
            _guesses.Remove(_guesses.MinBy(guesses => guesses.Value.Last).Key);
    }

    private static IPAddress NetworkOf(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return new IPAddress(bytes);
    }

    /// <param name="Failures">In a row.</param>
    /// <param name="Next">When the next turn is.</param>
    /// <param name="Last">When the last one failed.</param>
    private readonly record struct Guesses(int Failures, TimeSpan Next, TimeSpan Last);
}
