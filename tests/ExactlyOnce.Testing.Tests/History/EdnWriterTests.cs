using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Tests.History;

public sealed class EdnWriterTests
{
    [Fact]
    public void Sends_and_polls_are_written_as_Jepsen_writes_them() =>
        Edn("""
            s1 write 10 p0 -> @0
            s2 write 11 p1 -> fail
            s2 write 12 p1 -> ?
            c1 poll -> p0 0..1: 10@0 | p1 0..0:
            c2 poll ru -> p0 0..1: 10@0
            """).Should().Be("""
            {:index 0, :time 0, :type :invoke, :process 0, :f :send, :value [[:send 0 10]]}
            {:index 1, :time 1000000, :type :ok, :process 0, :f :send, :value [[:send 0 [0 10]]]}
            {:index 2, :time 11000000, :type :invoke, :process 1, :f :send, :value [[:send 1 11]]}
            {:index 3, :time 12000000, :type :fail, :process 1, :f :send, :value [[:send 1 11]]}
            {:index 4, :time 22000000, :type :invoke, :process 1, :f :send, :value [[:send 1 12]]}
            {:index 5, :time 23000000, :type :info, :process 1, :f :send, :value [[:send 1 12]]}
            {:index 6, :time 33000000, :type :invoke, :process 2, :f :poll, :value [[:poll]]}
            {:index 7, :time 34000000, :type :ok, :process 2, :f :poll, :value [[:poll {0 [[0 10]]}]]}

            """);

    [Fact]
    public void A_transaction_is_one_operation_that_stands_where_it_began() =>
        Edn("""
            s1 begin 1 -> ok
            s1 write 1 p0 tx 1 -> @0
            s2 write 2 p0 -> @1
            c1 poll tx 1 -> p0 0..2: 2@1
            s1 write 3 p1 tx 1 -> fail
            s1 commit 1 -> ok
            s1 begin 2 -> ok
            s1 write 4 p0 tx 2 -> ?
            fact aborted 2
            s1 begin 3 -> ok
            s1 write 5 p0 tx 3 -> @5
            s1 commit 3
            """).Split('\n').Select(line => line.Split(", :type ")[^1]).Should().Equal(
            ":invoke, :process 0, :f :txn, :value [[:send 0 1] [:poll]]}",
            ":invoke, :process 1, :f :send, :value [[:send 0 2]]}",
            ":ok, :process 1, :f :send, :value [[:send 0 [1 2]]]}",
            ":ok, :process 0, :f :txn, :value [[:send 0 [0 1]] [:poll {0 [[1 2]]}]]}",
            ":invoke, :process 0, :f :txn, :value [[:send 0 4]]}",
            ":fail, :process 0, :f :txn, :value [[:send 0 4]]}",
            ":invoke, :process 0, :f :txn, :value [[:send 0 5]]}",
            "");

    [Fact]
    public void A_process_does_one_thing_at_a_time_and_none_after_an_unknown_outcome() =>
        Edn("""
            s1 write 1 p0 #a
            s1 write 2 p0 #b
            #b -> ?
            #a -> @0
            s1 write 3 p0 -> @2
            s1 write 4 p0
            s1 write 5 p0
            """).Split('\n').Where(line => line.Contains(":invoke", StringComparison.Ordinal)).Select(line => line.Split(":process ")[^1].Split(',')[0])
            .Should().Equal("0", "1", "0", "0", "2");

    [Fact]
    public void A_scan_is_an_assignment_from_the_beginning_and_a_poll() =>
        Edn("a1 scan p0,p1 -> p0 0..1: 9@0 | p1 0..0:").Split('\n').Select(line => line.Split(", :type ")[^1]).Should().Equal(
            ":invoke, :process 0, :f :assign, :value [0 1], :seek-to-beginning? true}",
            ":ok, :process 0, :f :assign, :value [0 1], :seek-to-beginning? true}",
            ":invoke, :process 0, :f :poll, :value [[:poll]]}",
            ":ok, :process 0, :f :poll, :value [[:poll {0 [[0 9]]}]]}",
            "");

    private static string Edn(string script)
    {
        var output = new StringWriter { NewLine = "\n" };
        using (var writer = new EdnWriter(output))
        {
            foreach (var next in HistoryScript.Parse(script.Split('\n')))
                writer.Add(next);
        }
        return output.ToString();
    }
}
