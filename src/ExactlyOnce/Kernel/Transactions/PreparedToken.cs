using System.Globalization;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Names a prepared transaction towards the outer decision maker: "transactionalId:producerId:epoch". The id may itself contain colons.</summary>
internal static class PreparedToken
{
    public static string Format(string transactionalId, ProducerIdentity transaction) =>
        string.Create(CultureInfo.InvariantCulture, $"{transactionalId}:{transaction.Id}:{transaction.Epoch}");

    public static bool TryParse(string token, out string transactionalId, out ProducerIdentity transaction)
    {
        transactionalId = "";
        transaction = ProducerIdentity.None;
        var epochAt = token.LastIndexOf(':');
        var idAt = epochAt < 1 ? -1 : token.LastIndexOf(':', epochAt - 1);
        if (idAt < 1)
            return false;
        if (!long.TryParse(token.AsSpan(idAt + 1, epochAt - idAt - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ||
            !short.TryParse(token.AsSpan(epochAt + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch))
            return false;
        transactionalId = token[..idAt];
        transaction = new ProducerIdentity(id, epoch);
        return true;
    }
}
