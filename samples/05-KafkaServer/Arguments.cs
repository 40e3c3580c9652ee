namespace KafkaServer;

/// <summary>The command line.</summary>
internal sealed record Arguments(string Path, int Port)
{
    public const string Usage = """
        Usage: KafkaServer [--path FOLDER] [--port PORT]

          --path   where the broker keeps its files (default: ./kafka-data)
          --port   where Kafka clients connect, on this machine only (default: 9092; 0 picks a free one)
        """;

    public static Arguments? Parse(string[] args, out string error)
    {
        var parsed = new Arguments("kafka-data", 9092);
        error = "";
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--path" when i + 1 < args.Length:
                    parsed = parsed with { Path = args[++i] };
                    break;
                case "--port" when i + 1 < args.Length && int.TryParse(args[i + 1], out var port) && port is >= 0 and <= 65_535:
                    parsed = parsed with { Port = port };
                    i++;
                    break;
                default:
                    error = $"'{args[i]}' is not understood here.";
                    return null;
            }
        }
        return parsed;
    }
}
