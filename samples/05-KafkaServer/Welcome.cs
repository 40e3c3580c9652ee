namespace KafkaServer;

/// <summary>What a newcomer types next.</summary>
internal static class Welcome
{
    public static string To(string servers, string folder) => $"""
        A Kafka server on {servers}, its data in {folder}.
        Ctrl-C stops it; the next start goes on with the same data.

        Try it from another terminal; a topic is created when it is first written to:

          # write three records
          printf 'one\ntwo\nthree\n' | kcat -b {servers} -P -t greetings
          # read them all, then end
          kcat -b {servers} -C -t greetings -o beginning -e
          # read as a group, which remembers how far it came, and wait for more
          kcat -b {servers} -G readers -X auto.offset.reset=earliest greetings
          # what there is
          kcat -b {servers} -L

        Any other client: bootstrap.servers={servers}, no TLS, no login.

        """;
}
