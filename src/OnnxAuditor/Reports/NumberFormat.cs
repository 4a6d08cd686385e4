using System.Globalization;

namespace OnnxAuditor.Reports;

/// <summary>How every text that people read writes a number: four significant digits, the decimal point, never the machine's culture.</summary>
static class NumberFormat
{
    const int Digits = 4;

    /// <summary>Four significant digits: "0.01235", "1235", "1.235e7"; from 1e6 on and below 1e-4 with an exponent; "NaN", "+∞" and "−∞" for what is no number.</summary>
    public static string Value(double value)
    {
        if (double.IsNaN(value)) return "NaN";
        if (double.IsInfinity(value)) return value > 0 ? "+∞" : "−∞";
        if (value == 0) return "0";
        var scientific = value.ToString($"e{Digits - 1}", CultureInfo.InvariantCulture);
        var split = scientific.IndexOf('e', StringComparison.Ordinal);
        var exponent = int.Parse(scientific.AsSpan(split + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent is < -4 or >= 6) return $"{Trim(scientific[..split])}e{exponent.ToString(CultureInfo.InvariantCulture)}";
        // The digits come from the scientific form, so that both forms round alike.
        var rounded = decimal.Parse(scientific, NumberStyles.Float, CultureInfo.InvariantCulture);
        return Trim(rounded.ToString($"F{Math.Max(0, Digits - 1 - exponent).ToString(CultureInfo.InvariantCulture)}", CultureInfo.InvariantCulture));
    }

    /// <summary>A number with its unit: "12.35 ms"; the number alone where the unit is empty.</summary>
    public static string Value(double value, string unit) => unit.Length == 0 ? Value(value) : $"{Value(value)} {unit}";

    /// <summary>A share of one in per cent: "12.35 %". A share that is not exactly 0 or 1 never reads "0 %" or "100 %".</summary>
    public static string Percent(double share)
    {
        if (share is > 0.99995 and < 1) return "> 99.99 %";
        return share is > 0 and < 0.0001 ? "< 0.01 %" : $"{Value(share * 100)} %";
    }

    /// <summary>A whole number with a comma every three digits: "1,234,567".</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A whole number of things, in words: "1 node", "1,200 nodes".</summary>
    public static string Count(long count, string singular, string? plural = null) => $"{Count(count)} {(count == 1 ? singular : plural ?? $"{singular}s")}";

    /// <summary>Bytes in binary units: "512 bytes", "1.177 MiB".</summary>
    public static string Bytes(long bytes)
    {
        if (bytes < 1024) return Count(bytes, "byte");
        string[] units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        var unit = 0;
        var value = bytes / 1024.0;
        for (; value >= 1024 && unit < units.Length - 1; unit++) value /= 1024;
        return Value(value, units[unit]);
    }

    /// <summary>A large whole number with an SI prefix and four digits: "589.5 M", "1.235 G"; in full below 10,000.</summary>
    public static string Large(double count)
    {
        if (count < 10_000) return Value(count);
        string[] prefixes = ["k", "M", "G", "T", "P", "E"];
        var prefix = 0;
        var value = count / 1000;
        for (; value >= 999.95 && prefix < prefixes.Length - 1; prefix++) value /= 1000;
        return Value(value, prefixes[prefix]);
    }

    static string Trim(string digits) => digits.Contains('.', StringComparison.Ordinal) ? digits.TrimEnd('0').TrimEnd('.') : digits;
}
