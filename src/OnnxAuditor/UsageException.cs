namespace OnnxAuditor;

/// <summary>The user asked for something that cannot be had; the message is one line and says what can. Exit code 2.</summary>
sealed class UsageException(string message) : Exception(message);
