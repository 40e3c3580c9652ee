using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Tests.Engine.Semantics;

/*
 The rules, each with the tests that hold the engine to it (class.method) and the kernel's golden scripts (script, under Kernel/<area>/Scripts).

  1 first sequence 0 or 7          DuplicateTests.The_first_batch_of_a_producer_the_partition_does_not_know_may_have_any_sequence
  2 gap                            DuplicateTests.A_gap_in_the_sequence_is_refused_and_nothing_of_it_is_stored
  3 duplicate of the last five     DuplicateTests.A_retry_of_each_of_the_last_five_batches_is_answered_with_its_original_offset
  4 duplicate of the sixth         the same
  5 partial overlap                DuplicateTests.A_batch_that_overlaps_a_stored_one_in_part_is_refused
  6 wrap of sequences              DuplicateTests.Sequences_go_on_at_zero_behind_the_largest_int_and_a_retry_across_the_wrap_is_recognised
  7 new epoch at zero              DuplicateTests.A_new_epoch_starts_at_sequence_zero
  8 old epoch                      FencingTests.A_zombie_is_refused_at_its_next_batch_with_the_words_of_who_fenced_it
  9 duplicate after the marker     DuplicateTests.A_retry_after_the_end_of_its_transaction_is_refused_and_stores_nothing
                                   (version 1: script A_retry_after_the_end_of_its_transaction_is_refused_under_version_2_and_answered_under_version_1)
 10 plain batch in transaction     DuplicateTests.A_batch_outside_transactions_is_refused_while_its_producer_has_one_open
 11 control bit from a client      DuplicateTests.A_control_batch_from_a_client_is_refused
 12 two producers in one request   of the network protocol only: an append here is one batch, which has one producer
 13 expiry of producers            DuplicateTests.An_idle_producer_is_forgotten_by_the_brokers_clock_but_never_inside_a_transaction
 14 restart knows all five         DuplicateTests.A_restart_recognises_retries_of_all_five_batches
 15 damaged snapshot               PartitionFilesTests.A_producer_snapshot_survives_its_file_and_every_flipped_bit_is_noticed,
                                   PartitionSnapshotTests.A_snapshot_with_any_flipped_byte_is_refused
 16 every cell of the tables       scripts prepare_states, init_requests, enrolment_refused, commit_and_abort_v1, commit_and_abort_v2
 17 end again                      FencingTests.Ending_a_transaction_again_is_answered_as_the_first_time
 18 delayed end                    FencingTests.A_delayed_end_of_a_transaction_cannot_end_the_next_one
 19 epochs run out                 script epoch_exhaustion
 20 opening; racing instances      FencingTests.A_newer_producer_fences_the_older_one_and_aborts_what_it_left_open,
                                   FencingTests.Of_instances_that_open_the_same_id_at_the_same_time_exactly_one_commits, script takeover
 21 opening again                  FencingTests.Asking_again_for_a_newer_epoch_is_answered_as_the_first_time_also_across_a_restart,
                                   FencingTests.Opening_again_raises_the_epoch_of_the_same_producer_also_across_a_restart, script init_retries
 22 timeouts                       TimeoutTests.Aborting_after_the_timeout_succeeds_and_the_next_transaction_works and those around it
 23 crash at each point            PowerCutTests.A_crash_at_any_disk_operation_breaks_no_promise; TwoPhaseTests.What_a_closed_process_left_open_is_aborted_when_the_directory_is_opened_again
 24 marker twice                   script A_repeated_marker_is_harmless
 25 older coordinator              script A_marker_of_an_older_coordinator_is_refused
 26 abort without data             script An_abort_without_data_leaves_no_index_entry
 27 stable offset, interleaved     LogModelTests.Interleaved_transactions_have_the_stable_end_and_the_records_of_the_obvious_list,
                                   StabilityTests.The_worked_example_of_the_last_stable_offset_holds_in_a_running_broker
 28 aborted index over segments    StabilityTests.Aborted_records_stay_hidden_in_a_log_of_many_segments
 29 middle of aborted, marker      StabilityTests.Reading_from_the_middle_of_an_aborted_batch_or_from_a_marker_gives_what_follows
 30 empty tail, wake on commit     StabilityTests.A_committed_reader_stops_at_the_first_open_transaction_and_is_woken_by_its_commit
 31 ends and times by isolation    StabilityTests.Ends_and_times_are_answered_for_each_isolation
 32 pending offsets                OffsetTests.Offsets_of_a_transaction_are_unstable_until_it_is_decided_and_then_committed and those behind it
 33 fencing by membership          OffsetTests.A_member_that_lost_its_partition_cannot_move_its_position_within_a_transaction_or_without,
                                   OffsetTests.A_static_member_that_came_back_elsewhere_fences_the_transaction_of_its_predecessor,
                                   script Commits_are_fenced_by_generation_member_and_instance
 34 compaction                     CompactionTests.The_last_value_of_every_key_stays_at_its_offset,
                                   CompactionTests.An_aborted_newer_value_does_not_hide_the_committed_older_one,
                                   CompactionTests.The_data_of_an_open_transaction_is_not_touched_and_does_not_hide_anything,
                                   CompactionTests.A_marker_goes_only_when_its_data_is_gone_and_its_horizon_has_passed,
                                   CompactionTests.A_live_producers_last_batch_stays_empty_and_keeps_its_sequence,
                                   UpkeepTests.A_compacted_topic_on_disk_keeps_the_last_committed_value_of_every_key_also_after_reopening
 35 deleting into a transaction    LogStartTests.Deleting_into_an_open_transaction_moves_the_last_stable_offset_to_the_start_and_its_end_moves_it_on
 36 retention in a transaction     LogStartTests.Old_segments_are_dropped_by_age_but_never_the_data_of_an_open_transaction
 37 timestamps                     TimestampTests.A_record_dated_too_far_ahead_is_refused_and_one_at_the_limit_is_stored and those around it
 38 torn tail                      OpeningTests.A_last_journal_group_torn_at_any_byte_is_cut_and_nothing_else,
                                   JournalDamageTests.A_bad_last_group_is_a_torn_tail_and_is_cut
 39 expiry of ids                  FencingTests.An_id_that_nobody_used_for_long_is_forgotten_and_its_old_producer_refused
 40 hanging transaction            FencingTests.An_operator_finds_and_ends_a_transaction_that_hangs
*/
public sealed class SpecificationTests
{
    private const int Rules = 40;

    /// <summary>The list above, line by line.</summary>
    private static readonly string[] s_list = [.. File.ReadLines(Repository.PathOf("tests/ExactlyOnce.Tests/Engine/Semantics/SpecificationTests.cs"))
        .SkipWhile(line => line != "/*").TakeWhile(line => line != "*/")];

    [Fact]
    public void Every_rule_is_in_the_list() =>
        s_list.Select(line => Regex.Match(line, @"^ {1,2}(\d+) ")).Where(match => match.Success).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))
            .Should().Equal(Enumerable.Range(1, Rules));

    [Fact]
    public void Every_test_in_the_list_is_there()
    {
        var types = typeof(SpecificationTests).Assembly.GetTypes().ToLookup(type => type.Name);
        var named = s_list.SelectMany(line => Regex.Matches(line, @"(\w+Tests)\.(\w+)")).ToList();
        foreach (var name in named)
            types[name.Groups[1].Value].Select(type => type.GetMethod(name.Groups[2].Value)).Should()
                .ContainSingle(method => method != null && method.GetCustomAttributes<FactAttribute>().Any(), name.Value);
        named.Should().HaveCountGreaterThan(Rules);
    }

    [Fact]
    public void Every_script_in_the_list_is_there()
    {
        var scripts = Directory.EnumerateFiles(Repository.PathOf("tests/ExactlyOnce.Tests/Kernel"), "*.golden", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension).ToHashSet();
        var named = s_list.SelectMany(line => Regex.Matches(line, @"scripts? (\w+(?:, \w+)*)")).SelectMany(match => match.Groups[1].Value.Split(", "))
            .Where(name => name.Contains('_', StringComparison.Ordinal)).ToList();
        named.Should().BeSubsetOf(scripts).And.HaveCountGreaterThan(10);
    }
}
