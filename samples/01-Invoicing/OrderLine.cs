using System.Text.Json.Serialization;

namespace Invoicing;

/// <summary>One line of an order, with the number of the line in its file: its identity.</summary>
public sealed record OrderLine(
    int LineNumber, string InvoiceNo, string StockCode, int Quantity, decimal UnitPrice, string Customer, string Country)
{
    public decimal Money => Quantity * UnitPrice;

    public bool IsCancellation => InvoiceNo.StartsWith('C');
}

/// <summary>What an invoice amounts to, over all of its lines so far.</summary>
public sealed record Invoice(string InvoiceNo, string Customer, string Country, int Lines, int Units, decimal Money)
{
    public Invoice Add(OrderLine line) =>
        this with { Lines = Lines + 1, Units = Units + line.Quantity, Money = Money + line.Money };

    public static Invoice Empty(OrderLine line) => new(line.InvoiceNo, line.Customer, line.Country, 0, 0, 0);
}

[JsonSerializable(typeof(OrderLine))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class ShopJson : JsonSerializerContext;
