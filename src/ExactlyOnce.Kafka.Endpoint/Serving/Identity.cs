using System.Net;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// Who is at the other end of a connection: whom a login has proved, or a client certificate, or nobody in particular where nobody is asked. Remembers what he
/// may do, which is asked for with every request.
/// </summary>
internal sealed class Identity
{
    private const int DecisionsMax = 10_000;
    private const string Anonymous = "User:ANONYMOUS";

    private readonly KafkaServer _server;
    private readonly Dictionary<(AclOperation Operation, AclResource Resource, string Name), bool> _decisions = [];
    private readonly string _host;
    private readonly string _remote;
    private readonly IPAddress _address;
    private int _generation;
    private long _untilMs = long.MaxValue;

    public Identity(KafkaServer server, ConnectionContext transport)
    {
        _server = server;
        var address = (transport.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        _host = (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
        _address = address;
        _remote = $"{transport.RemoteEndPoint}";
        if (server.Options.RequiresLogin)
        {
            var isPrivate = transport.Features.Get<ITlsHandshakeFeature>() is not null || IPAddress.IsLoopback(address);
            Login = new SaslLogin(isPrivate ? server.Options.Sasl : server.Options.Sasl & ~SaslMechanisms.Plain, server.Credentials);
        }
        else if (server.Options.RequiresCertificate)
        {
            var subject = transport.Features.Get<ITlsConnectionFeature>()?.ClientCertificate?.Subject;
            IsRefused = string.IsNullOrEmpty(subject);
            Principal = IsRefused ? null : $"User:{subject}";
        }
        else
        {
            Principal = Anonymous;
        }
    }

    /// <summary>As rules name him; null before the login.</summary>
    public string? Principal { get; private set; }

    /// <summary>Null where nobody logs in.</summary>
    public SaslLogin? Login { get; }

    /// <summary>There should be a certificate, and is none.</summary>
    public bool IsRefused { get; }

    /// <summary>Whoever was logged in is no longer, unless he logs in again.</summary>
    public bool HasExpired => _untilMs != long.MaxValue && _server.Connections.NowMs >= _untilMs;

    /// <summary>
    /// Takes a token of the login. A failure is told late, so that guessing takes its time; after some of them from one address nobody there is listened to
    /// before it is his turn.
    /// </summary>
    /// <exception cref="ProtocolException">It will not be his turn soon.</exception>
    public async ValueTask<SaslStep> TakeTokenAsync(ReadOnlyMemory<byte> token, CancellationToken cancelled)
    {
        if (Login!.IsAtItsFirstToken)
        {
            var wait = _server.FailedLogins.Enter(_address) ?? throw new ProtocolException("Too many logins from there have failed.");
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, _server.Backend.Time, cancelled).ConfigureAwait(false);
        }
        var step = Login.Next(token.Span);
        if (step.Outcome == SaslOutcome.Done)
        {
            Principal = $"User:{step.User}";
            if (_server.Options.SessionLifetime is { } lifetime)
                _untilMs = _server.Connections.NowMs + (long)lifetime.TotalMilliseconds;
        }
        if (step.Outcome != SaslOutcome.Failed)
            return step;
        _server.FailedLogins.Add(_address);
        EndpointLog.LoginFailed(_server.Logger, _remote);
        await Task.Delay(_server.Options.FailedLoginDelay, _server.Backend.Time, cancelled).ConfigureAwait(false);
        return step;
    }

    public bool Allows(AclOperation operation, AclResource resource, string name)
    {
        if (!_server.Authorizer.IsOn)
            return _server.Authorizer.Allows(Anonymous, _host, operation, resource, name);
        var generation = _server.Authorizer.Generation;
        if (generation != _generation || _decisions.Count >= DecisionsMax)
            _decisions.Clear();
        _generation = generation;
        if (!_decisions.TryGetValue((operation, resource, name), out var decision))
            _decisions[(operation, resource, name)] = decision = _server.Authorizer.Allows(Principal!, _host, operation, resource, name);
        return decision;
    }

    public bool AllowsSome(AclOperation operation, AclResource resource) => _server.Authorizer.AllowsSome(Principal!, _host, operation, resource);
}
