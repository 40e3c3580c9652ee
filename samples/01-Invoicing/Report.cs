using System.Globalization;
using System.Text;

namespace Invoicing;

/// <summary>What a read_committed reader finds: the same for every run over a file, however often it was killed.</summary>
internal sealed record Report(
    int Lines, int Invoices, int CancellationLines, long Units, decimal Money, int Customers, IReadOnlyList<(string Country, decimal Money)> LargestCountries,
    int Duplicates, int Lost)
{
    /// <summary>
    /// Lines, cancellations and customers are counted in the topic of lines; invoices, units, money and countries in the topic of invoices. A line found twice
    /// in either is a duplicate, one not found in either is lost.
    /// </summary>
    public static Report From(IReadOnlyCollection<OrderLine> lines, IReadOnlyCollection<Invoice> invoices, int expectedLines)
    {
        var distinctLines = lines.Select(line => line.LineNumber).Distinct().Count();
        var invoicedLines = invoices.Sum(invoice => invoice.Lines);
        return new Report(
            lines.Count,
            invoices.Count,
            lines.Count(line => line.IsCancellation),
            invoices.Sum(invoice => (long)invoice.Units),
            invoices.Sum(invoice => invoice.Money),
            lines.Select(line => line.Customer).Where(customer => customer.Length > 0).Distinct().Count(),
            [.. invoices
                .GroupBy(invoice => invoice.Country)
                .Select(country => (country.Key, country.Sum(invoice => invoice.Money)))
                .OrderByDescending(country => country.Item2)
                .Take(3)],
            Duplicates: lines.Count - distinctLines + Math.Max(0, invoicedLines - distinctLines),
            Lost: expectedLines - distinctLines + Math.Max(0, distinctLines - invoicedLines));
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        Row("lines", Number(Lines));
        Row("invoices", Number(Invoices));
        Row("cancellation lines", Number(CancellationLines));
        Row("units", Number(Units));
        Row("money", Amount(Money));
        Row("customers", Number(Customers));
        Row("largest countries", string.Join(", ", LargestCountries.Select(country => $"{country.Country} {Amount(country.Money)}")));
        Row("duplicates", Number(Duplicates));
        Row("lost", Number(Lost));
        return text.ToString();

        void Row(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"  {name,-18} {value}\n");
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Amount(decimal value) => value.ToString("N2", CultureInfo.InvariantCulture);
}
