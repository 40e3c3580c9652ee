using System.Security.Cryptography;
using System.Text;
using ExactlyOnce.Kafka.Endpoint.Security;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

public sealed class ScramTests : IAsyncLifetime
{
    private const string ClientNonce = "rOprNGfwEbeRWgbNEkqO";
    private const string ServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    private readonly Broker _broker = Broker.CreateInMemory();
    private Credentials _credentials = null!;

    public async Task InitializeAsync()
    {
        var store = SecurityStore.Of(_broker);
        var salt = Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ==");
        await store.SetAsync("user", new Dictionary<sbyte, ScramCredential?> { [1] = ScramCredential.OfPassword(ScramMechanism.Sha256, "pencil", salt, 4096) });
        await store.SetAsync("a,b=c", new Dictionary<sbyte, ScramCredential?> { [2] = ScramCredential.OfPassword(ScramMechanism.Sha512, "pencil", salt, 4096) });
        _credentials = new Credentials(new KafkaEndpointOptions { Sasl = SaslMechanisms.ScramSha256 | SaslMechanisms.ScramSha512, Users = { ["code"] = "secret" } }, store);
    }

    public async Task DisposeAsync() => await _broker.DisposeAsync();

    [Fact]
    public void The_example_of_RFC_7677_is_spoken_to_the_letter()
    {
        var exchange = new ScramExchange(ScramMechanism.Sha256, _credentials, ServerNonce);

        Say(exchange, $"n,,n=user,r={ClientNonce}").Should().Be((SaslOutcome.Continues, $"r={ClientNonce}{ServerNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        Say(exchange, $"c=biws,r={ClientNonce}{ServerNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
            .Should().Be((SaslOutcome.Done, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    [Theory]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")]
    [InlineData("")]
    public void A_wrong_proof_nonce_or_channel_fails(string final)
    {
        var exchange = new ScramExchange(ScramMechanism.Sha256, _credentials, ServerNonce);
        Say(exchange, $"n,,n=user,r={ClientNonce}");

        Say(exchange, final).Outcome.Should().Be(SaslOutcome.Failed);
    }

    [Theory]
    [InlineData(ClientNonce, true), InlineData("", true), InlineData("x", false), InlineData(ClientNonce + ClientNonce, false)]
    public void A_client_that_says_its_own_nonce_once_too_often_may_and_nothing_else_may_stand_there(string inFront, bool isAllowed)
    {
        var exchange = new ScramExchange(ScramMechanism.Sha256, _credentials, ServerNonce);
        var answer = Say(exchange, $"n,,n=user,r={ClientNonce}").Token;

        var final = FinalOf(ScramMechanism.Sha256, "user", "pencil", answer, nonceInFront: inFront);

        Say(exchange, final).Outcome.Should().Be(isAllowed ? SaslOutcome.Done : SaslOutcome.Failed);
    }

    [Theory]
    [InlineData("p=tls-unique,,n=user,r=x"), InlineData("n,a=admin,n=user,r=x"), InlineData("n,,n=user,r="), InlineData("n,,n=,r=x"), InlineData("n,,m=x,n=user,r=x")]
    [InlineData("n,,n=us=er,r=x"), InlineData("n,,n=user,r=x,tokenauth=true"), InlineData("n,,n=user"), InlineData(""), InlineData("n")]
    public void A_first_message_that_binds_impersonates_extends_or_is_none_fails(string first) =>
        Say(new ScramExchange(ScramMechanism.Sha256, _credentials), first).Outcome.Should().Be(SaslOutcome.Failed);

    [Fact]
    public void Replaying_a_login_fails_because_the_nonce_is_another()
    {
        var (first, second) = (new ScramExchange(ScramMechanism.Sha256, _credentials), new ScramExchange(ScramMechanism.Sha256, _credentials));
        var final = FinalOf(ScramMechanism.Sha256, "user", "pencil", Say(first, $"n,,n=user,r={ClientNonce}").Token);
        Say(first, final).Outcome.Should().Be(SaslOutcome.Done);
        Say(second, $"n,,n=user,r={ClientNonce}");

        Say(second, final).Outcome.Should().Be(SaslOutcome.Failed);
    }

    [Fact]
    public void Commas_and_equal_signs_in_a_name_come_escaped_and_an_own_authorization_id_is_no_other()
    {
        var exchange = new ScramExchange(ScramMechanism.Sha512, _credentials);
        var first = Say(exchange, $"n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r={ClientNonce}");

        Say(exchange, FinalOf(ScramMechanism.Sha512, "a=2Cb=3Dc", "pencil", first.Token, "n,a=a=2Cb=3Dc,")).Outcome.Should().Be(SaslOutcome.Done);
    }

    [Fact]
    public void Somebody_who_is_not_known_is_asked_like_everybody_and_fails_at_the_end()
    {
        static string SaltOf((SaslOutcome, string Token) first) => first.Token.Split(',')[1];
        string Ask(string user) => SaltOf(Say(new ScramExchange(ScramMechanism.Sha256, _credentials), $"n,,n={user},r=x"));
        var exchange = new ScramExchange(ScramMechanism.Sha256, _credentials);
        var first = Say(exchange, $"n,,n=nobody,r={ClientNonce}");

        Ask("nobody").Should().Be(Ask("nobody"), "a salt that changed would tell that there is nobody").And.NotBe(Ask("noone"));
        first.Token.Split(',')[2].Should().Be(Say(new ScramExchange(ScramMechanism.Sha256, _credentials), "n,,n=code,r=x").Token.Split(',')[2]);
        SaltOf(first).Should().HaveLength(Ask("code").Length);
        Say(exchange, FinalOf(ScramMechanism.Sha256, "nobody", "", first.Token)).Outcome.Should().Be(SaslOutcome.Failed);
    }

    [Fact]
    public void Iterations_and_names_of_the_two_hashes_do_not_mix()
    {
        var exchange = new ScramExchange(ScramMechanism.Sha512, _credentials);
        var first = Say(exchange, $"n,,n=user,r={ClientNonce}");

        Say(exchange, FinalOf(ScramMechanism.Sha512, "user", "pencil", first.Token)).Outcome.Should().Be(SaslOutcome.Failed, "the user has a password for SHA-256 only");
    }

    [Fact]
    public void Plain_does_not_let_anybody_act_for_another()
    {
        SaslOutcome Plain(string token) => new PlainExchange(_credentials).Next(Encoding.UTF8.GetBytes(token)).Outcome;

        Plain("\0code\0secret").Should().Be(SaslOutcome.Done);
        Plain("code\0code\0secret").Should().Be(SaslOutcome.Done);
        Plain("admin\0code\0secret").Should().Be(SaslOutcome.Failed);
        Plain("\0code\0wrong").Should().Be(SaslOutcome.Failed);
        Plain("\0nobody\0").Should().Be(SaslOutcome.Failed);
        Plain("\0code\0secret\0").Should().Be(SaslOutcome.Failed);
        Plain("code").Should().Be(SaslOutcome.Failed);
        Plain("").Should().Be(SaslOutcome.Failed);
    }

    private static (SaslOutcome Outcome, string Token) Say(ScramExchange exchange, string message)
    {
        var step = exchange.Next(Encoding.UTF8.GetBytes(message));
        return (step.Outcome, Encoding.UTF8.GetString(step.Token));
    }

    /// <summary>What a client answers, computed from the RFC once more.</summary>
    private static string FinalOf(ScramMechanism mechanism, string user, string password, string serverFirst, string gs2 = "n,,", string nonceInFront = "")
    {
        var parts = serverFirst.Split(',');
        var without = $"c={Convert.ToBase64String(Encoding.UTF8.GetBytes(gs2))},r={nonceInFront}{parts[0][2..]}";
        var salted = Rfc2898DeriveBytes.Pbkdf2(password, Convert.FromBase64String(parts[1][2..]), int.Parse(parts[2][2..]), mechanism.HashName, mechanism.HashBytes);
        var clientKey = mechanism.Hmac(salted, "Client Key"u8);
        var signature = mechanism.Hmac(mechanism.Hash(clientKey), Encoding.UTF8.GetBytes($"n={user},r={ClientNonce},{serverFirst},{without}"));
        return $"{without},p={Convert.ToBase64String([.. clientKey.Zip(signature, (left, right) => (byte)(left ^ right))])}";
    }
}
