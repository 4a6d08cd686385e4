using OnnxAuditor.Reporting;
using OnnxAuditor.Reports;

namespace OnnxAuditor.Commands;

/// <summary>JSON reports that an earlier run wrote.</summary>
static class ReportFiles
{
    /// <summary>Reads a JSON report.</summary>
    /// <exception cref="UsageException">The file cannot be read, or is none.</exception>
    public static AuditReport Read(string path)
    {
        try
        {
            return ReadJsonReport.Read(File.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"the report '{path}' cannot be read: {e.Message}");
        }
        catch (FormatException e)
        {
            throw new UsageException($"'{path}' is no report: {e.Message}.");
        }
    }
}
