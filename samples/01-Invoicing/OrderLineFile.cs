using System.Globalization;
using System.Security.Cryptography;
using CsvHelper;
using CsvHelper.Configuration;

namespace Invoicing;

/// <summary>A CSV file of order lines: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country.</summary>
internal sealed class OrderLineFile(string path)
{
    public string Path { get; } = path;

    /// <summary>Names the contents, so that two files never share a broker directory and a changed file starts afresh.</summary>
    public string Fingerprint()
    {
        using var stream = File.OpenRead(Path);
        return Convert.ToHexStringLower(SHA256.HashData(stream))[..12];
    }

    public int CountLines() => Read().Count();

    public IEnumerable<OrderLine> Read()
    {
        using var text = new StreamReader(Path);
        using var csv = new CsvReader(text, new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.None });
        csv.Read();
        csv.ReadHeader();
        for (var lineNumber = 0; csv.Read(); lineNumber++)
            yield return new OrderLine(
                lineNumber,
                csv.GetField("InvoiceNo")!,
                csv.GetField("StockCode")!,
                csv.GetField<int>("Quantity"),
                csv.GetField<decimal>("UnitPrice"),
                csv.GetField("CustomerID") ?? "",
                csv.GetField("Country") ?? "");
    }
}
