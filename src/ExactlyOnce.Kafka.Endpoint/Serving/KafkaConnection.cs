using System.Buffers;
using System.Net;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// One connection: reads frames, has them answered one after the other, writes the answers in the same order. A request begins when the one before it has been
/// answered; only an <see cref="IDeferredAnswer"/> is waited for behind the next request's back, so that what a producer pipelines shares its syncs. Answers
/// are flushed when no further request is at hand, or before somebody has to wait.
/// <para>
/// Exceptions: what a client sends wrongly is a <see cref="ProtocolException"/> and ends the connection, as does a failure of ours, which is logged. Refusals
/// of the broker never get here; the APIs put them into their answers.
/// </para>
/// </summary>
internal sealed class KafkaConnection : IAsyncDisposable
{
    /// <summary>Answers that wait at a time; more requests are not begun.</summary>
    private const int DeferredMax = 64;

    private readonly KafkaServer _server;
    private readonly ConnectionContext _transport;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenRegistration _whenClosed;
    private readonly CancellationTokenRegistration _whenAskedToClose;
    private readonly FrameInput _input;
    private readonly FrameOutput _output;
    private readonly WireReader _reader = new();
    private readonly Call _call;
    private readonly Deadline _sending;
    private int _knownGeneration;
    private Task _deferred = Task.CompletedTask;
    private int _deferredCount;

    public KafkaConnection(KafkaServer server, ConnectionContext transport)
    {
        _server = server;
        _transport = transport;
        Receiving = new Deadline(server.Connections);
        _sending = new Deadline(server.Connections);
        _input = new FrameInput(transport.Transport.Input, server, this);
        _output = new FrameOutput(transport.Transport.Output, server.Options.TransferTimeout, _sending);
        _call = new Call(server, this);
        Partitions = new PartitionCache(server.Backend);
        Identity = new Identity(server, transport);
        LoginUntilMs = server.Connections.NowMs + (long)server.Options.LoginTimeout.TotalMilliseconds;
        Stopping = _stopping.Token;
        _whenClosed = transport.ConnectionClosed.UnsafeRegister(static state => ((KafkaConnection)state!).Stop(), this);
        if (transport.Features.Get<IConnectionLifetimeNotificationFeature>() is { } lifetime)
            _whenAskedToClose = lifetime.ConnectionClosedRequested.UnsafeRegister(static state => ((KafkaConnection)state!).Stop(), this);
    }

    /// <summary>Cancelled when the connection is closed, or is to be closed after the request that is being answered.</summary>
    public CancellationToken Stopping { get; }

    /// <summary>By when the client must have sent something.</summary>
    public Deadline Receiving { get; }

    /// <summary>A request has been answered.</summary>
    public bool HasServed { get; private set; }

    public IPAddress RemoteAddress => (_transport.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;

    /// <summary>Where the client has connected to.</summary>
    public IPEndPoint? LocalEndPoint => _transport.LocalEndPoint as IPEndPoint;

    /// <summary>Who the client is, and how it proves it.</summary>
    public Identity Identity { get; }

    /// <summary>The client has proved who it is, or need not.</summary>
    public bool IsLoggedIn => Identity.Principal is not null;

    /// <summary>By when it must have.</summary>
    public long LoginUntilMs { get; }

    /// <summary>Nothing more is read once the request that is being answered has been.</summary>
    public bool IsEnding { get; set; }

    /// <summary>The partitions that this connection has used.</summary>
    public PartitionCache Partitions { get; }

    /// <summary>Where its fetches stand; null before the first.</summary>
    public FetchReaders? FetchReaders { get; set; }

    public async Task RunAsync()
    {
        Receiving.SetAt(LoginUntilMs);
        if (Identity.IsRefused)
            return;
        try
        {
            while (!IsEnding && await NextFrameAsync().ConfigureAwait(false) is { } frame)
            {
                await HandleAsync(frame).ConfigureAwait(false);
                _input.Release();
                HasServed = true;
            }
            await _deferred.ConfigureAwait(false);
            await _output.FlushAsync().ConfigureAwait(false);
        }
        catch (ProtocolException exception)
        {
            await EndAnswersAsync().ConfigureAwait(false);
            EndpointLog.ProtocolViolated(_server.Logger, _transport.ConnectionId, $"{_transport.RemoteEndPoint}", exception.Message);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ConnectionAbortedException or BrokerClosedException)
        {
            // The client is gone, or the endpoint stops, or the broker was closed in front of it.
            await EndAnswersAsync().ConfigureAwait(false);
        }
        EndpointLog.ConnectionEnded(_server.Logger, _transport.ConnectionId, $"{_transport.RemoteEndPoint}");
    }

    public bool IsOverdue(long nowMs) => Receiving.IsOver(nowMs) || _sending.IsOver(nowMs);

    /// <summary>Ends the connection at once.</summary>
    public void Abort() => _transport.Abort(new ConnectionAbortedException("The client's time is up."));

    public async ValueTask DisposeAsync()
    {
        await _whenClosed.DisposeAsync().ConfigureAwait(false);
        await _whenAskedToClose.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
        _input.Release();
        FetchReaders?.Dispose();
    }

    private void Stop()
    {
        try
        {
            _stopping.Cancel();
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private async ValueTask<ReadOnlySequence<byte>?> NextFrameAsync()
    {
        if (_input.TryTake(out var frame))
            return frame;
        if (_deferredCount == 0)
            await _output.FlushAsync().ConfigureAwait(false);
        if (HasServed)
            SetDeadline();
        return await _input.TakeAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// While a request was answered the client had all the time there is. A request that has begun with the last bytes of that one has only its own; silence,
    /// which has more, is told from it where bytes are looked at.
    /// </summary>
    private void SetDeadline()
    {
        if (IsLoggedIn)
            Receiving.Set(_server.Options.TransferTimeout);
        else
            Receiving.SetAt(LoginUntilMs);
    }

    private async ValueTask HandleAsync(ReadOnlySequence<byte> frame)
    {
        CheckStillKnown();
        if (Identity.Login is { IsExchanging: true, IsRaw: true })
        {
            await TakeRawTokenAsync(frame.ToArray()).ConfigureAwait(false);
            return;
        }
        _reader.Open(frame);
        var header = _reader.ReadHeader();
        var api = ApiRegistry.Find(header.ApiKey);
        if (api is null || !api.Serves(header.Version))
        {
            await AnswerUnknownAsync(api, header).ConfigureAwait(false);
            return;
        }
        RequireAllowed(api);
        var request = api.NewRequest();
        _call.Begin(header.Version, _reader.ReadClientId(api.IsFlexible(header.Version)));
        _reader.ReadBody(request, header.Version, api.FlexibleFrom);
        _reader.Close();
        if (!api.IsPipelined || _deferredCount >= DeferredMax)
            await _deferred.ConfigureAwait(false);
        if (await AnswerAsync(api, request).ConfigureAwait(false) is { } answer)
            await SendAsync(api, header, answer).ConfigureAwait(false);
    }

    /// <summary>Before a login and behind a session's end a client may log in and ask for versions; while tokens go to and fro, nothing else.</summary>
    private void RequireAllowed(Api api)
    {
        if (Identity.Login is { IsExchanging: true } && api is not Apis.SaslAuthenticateApi)
            throw new ProtocolException($"{api.Name} in the middle of a login.");
        if (!api.IsAllowedBeforeLogin && !IsLoggedIn)
            throw new ProtocolException($"{api.Name} before the login.");
        if (!api.IsAllowedBeforeLogin && Identity.HasExpired)
            throw new ProtocolException("The session has ended, and the client has not logged in again.");
    }

    /// <summary>A token without the protocol's headers, as old clients send them; its failure is told by closing.</summary>
    private async ValueTask TakeRawTokenAsync(ReadOnlyMemory<byte> frame)
    {
        var step = await Identity.TakeTokenAsync(frame, Stopping).ConfigureAwait(false);
        if (step.Outcome == SaslOutcome.Failed)
            throw new ProtocolException("The login failed.");
        await _output.WriteRawAsync(step.Token).ConfigureAwait(false);
    }

    /// <summary>A user who was removed is one no longer, wherever he has logged in.</summary>
    private void CheckStillKnown()
    {
        var generation = _server.Authorizer.Generation;
        if (generation == _knownGeneration)
            return;
        _knownGeneration = generation;
        if (Identity.Login?.User is { } user && !_server.Credentials.Knows(user))
            throw new ProtocolException("The user was removed.");
    }

    private async ValueTask<IMessage?> AnswerAsync(Api api, IMessage request)
    {
        Receiving.Clear();
        try
        {
            var answering = api.HandleAsync(request, _call);
            // What was answered before does not wait for what is answered next.
            if (!answering.IsCompleted && _deferredCount == 0)
                await FlushBeforeWaitAsync().ConfigureAwait(false);
            return await answering.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not (ProtocolException or OperationCanceledException or IOException or BrokerClosedException))
        {
            EndpointLog.RequestFailed(_server.Logger, exception, _transport.ConnectionId, $"{_transport.RemoteEndPoint}", api.Name, _call.Version);
            throw new ProtocolException($"{api.Name} failed.");
        }
    }

    /// <summary>
    /// A client that takes nothing more is not waited for; but whoever answers it must have ended before the connection does, whose frame and readers he uses.
    /// </summary>
    private async ValueTask FlushBeforeWaitAsync()
    {
        try
        {
            await _output.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ConnectionAbortedException or InvalidOperationException)
        {
            Stop();
        }
    }

    private ValueTask SendAsync(Api api, RequestHeader header, IMessage answer)
    {
        var isDeferred = answer is IDeferredAnswer;
        if (!isDeferred && _deferredCount == 0)
            return _output.WriteAsync(api, header, answer);
        var ready = answer is IDeferredAnswer deferred ? deferred.ReadyAsync() : default;
        if (ready.IsCompletedSuccessfully && _deferredCount == 0)
            return _output.WriteAsync(api, header, answer);
        Interlocked.Increment(ref _deferredCount);
        _deferred = SendLaterAsync(_deferred, ready, api, header, answer);
        return default;
    }

    /// <summary>
    /// Each link of this chain waits for the one before it, so that one at a time writes, and the connection itself only when the chain has ended. The last one
    /// flushes.
    /// </summary>
    private async Task SendLaterAsync(Task before, ValueTask ready, Api api, RequestHeader header, IMessage answer)
    {
        await before.ConfigureAwait(false);
        await ready.ConfigureAwait(false);
        await _output.WriteAsync(api, header, answer).ConfigureAwait(false);
        if (Volatile.Read(ref _deferredCount) == 1)
            await _output.FlushAsync().ConfigureAwait(false);
        Interlocked.Decrement(ref _deferredCount);
    }

    /// <summary>A client that asks for a version of ApiVersions which is not known here is told which are, in the oldest form.</summary>
    private async ValueTask AnswerUnknownAsync(Api? api, RequestHeader header)
    {
        if (api is not Apis.ApiVersionsApi)
            throw new ProtocolException($"API {header.ApiKey} v{header.Version} is not served.");
        await _deferred.ConfigureAwait(false);
        await _output.WriteAsync(api, header with { Version = 0 }, Apis.ApiVersionsApi.Unsupported()).ConfigureAwait(false);
    }

    private async ValueTask EndAnswersAsync()
    {
        try
        {
            await _deferred.ConfigureAwait(false);
            await _output.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ConnectionAbortedException or InvalidOperationException)
        {
            // Nobody is there to take them.
        }
    }
}
