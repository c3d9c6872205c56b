"""The faults that are injected into sweeps, and the tests that inject them.

Everything here is real unless it says otherwise: processes are killed, disks are full,
another process computes. Numbers are those of the list that the tests were written to;
17 to 20 are about predictions. `python -m tests.benchmarks.faults` runs all of them,
the random and exhaustive ones at full length, and prints a table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A fault.

    Parameters
    ----------
    text, expected : str
        What is done, and what must come of it.
    tests : tuple of str
        Tests that do it: file below ``tests``, two colons, name.
    simulated : str
        What of it is not real, and why; empty where all is.
    """

    text: str
    expected: str
    tests: tuple
    simulated: str = ""


FAULTS = {
    1: Fault(
        "the sweep is killed (SIGKILL) at random instants and started again",
        "no row lost or doubled, the rows of an uninterrupted sweep, no process left",
        (
            "faults/test_kills.py::"
            "test_a_sweep_killed_at_random_instants_measures_what_a_whole_one_does",
            "faults/test_kills.py::"
            "test_a_killed_sweep_takes_a_deaf_trial_and_its_child_with_it",
            "dataset_builder/test_worker.py::"
            "test_a_killed_sweep_goes_on_and_no_row_is_lost_or_there_twice",
            "dataset_builder/test_manifest.py::"
            "test_what_a_killed_sweep_had_not_finished_writing_is_removed",
            "dataset_builder/test_scratch.py::"
            "test_what_a_killed_owner_left_is_removed_by_the_next",
        ),
    ),
    2: Fault(
        "a trial dies by SIGKILL, SIGSEGV, SIGABRT, or ends without a row",
        "a failure with its signal, the sweep goes on; without any row status 6",
        (
            "faults/test_kills.py::"
            "test_trials_that_die_are_failures_with_their_signal_and_the_sweep_goes_on",
            "faults/test_kills.py::"
            "test_a_trial_whose_server_is_killed_is_a_failure_and_another_server_starts",
            "faults/test_kills.py::"
            "test_a_sweep_without_a_single_row_ends_with_status_6_and_one_sentence",
            "dataset_builder/test_trials.py::"
            "test_an_end_in_the_middle_of_an_answer_is_no_answer",
        ),
    ),
    3: Fault(
        "a file of rows is cut at every byte of its last two lines",
        "intact rows stay, the tail is set aside, appending and reading go on",
        (
            "faults/test_journals.py::"
            "test_a_file_cut_at_any_byte_of_its_last_lines_loses_no_intact_row",
            "dataset_builder/test_journal.py::"
            "test_cut_at_any_byte_intact_rows_stay_and_the_next_is_readable",
            "dataset_builder/test_sweep.py::test_a_torn_last_line_is_mended_and_said",
        ),
    ),
    4: Fault(
        "a bit of any byte in the middle of a file of rows is flipped",
        "the line is named, the others are used, a check has status 1",
        (
            "faults/test_journals.py::"
            "test_a_flipped_bit_in_any_byte_costs_its_own_row_only",
            "faults/test_journals.py::"
            "test_a_check_of_a_file_with_a_flipped_byte_names_its_line_with_status_1",
        ),
    ),
    5: Fault(
        "the disk is full at any write, answers EIO, or is read-only",
        "one sentence, status 4, earlier rows intact, no empty file, goes on later",
        (
            "faults/test_disks.py::test_a_disk_that_is_full_at_any_write_is_a_clear_error",
            "faults/test_disks.py::"
            "test_rows_before_a_full_disk_stay_and_the_sweep_goes_on_when_there_is_room",
            "faults/test_disks.py::"
            "test_a_torn_tail_stays_where_there_is_no_room_to_set_it_aside",
            "faults/test_disks.py::test_a_read_only_directory_is_a_clear_error",
            "faults/test_disks.py::"
            "test_a_disk_that_answers_with_errors_is_a_clear_error",
        ),
    ),
    6: Fault(
        "a trial asks for more memory than it may have, or aborts for lack of it",
        "a failure of kind oom with the size asked for; the next trial is unaffected",
        (
            "faults/test_kills.py::"
            "test_trials_that_die_are_failures_with_their_signal_and_the_sweep_goes_on",
            "dataset_builder/test_worker.py::"
            "test_out_of_memory_is_told_apart_on_every_backend",
        ),
        simulated="the memory of a GPU: its libraries' messages are recorded ones",
    ),
    7: Fault(
        "a trial hangs, is deaf to SIGTERM, and has a child",
        "its group is killed in time, no process left",
        (
            "dataset_builder/test_trials.py::"
            "test_a_deaf_hanging_trial_and_its_child_are_killed_in_time",
        ),
    ),
    8: Fault(
        "Ctrl-C once, twice, or SIGTERM, in any phase",
        "ends within 1 s, status 130 and how to go on, all rows there, no process left",
        (
            "faults/test_kills.py::"
            "test_ctrl_c_ends_within_the_trial_and_says_how_to_go_on",
            "faults/test_kills.py::"
            "test_ctrl_c_twice_in_a_deaf_trial_with_a_child_leaves_no_process",
            "faults/test_kills.py::"
            "test_ctrl_c_while_waiting_for_the_host_stops_the_waiting",
            "faults/test_kills.py::test_ctrl_c_during_the_last_anchor_keeps_all_rows",
            "faults/test_kills.py::"
            "test_a_scheduler_or_a_closed_terminal_ends_a_sweep_as_ctrl_c_does",
            "faults/test_kills.py::"
            "test_a_sweep_interrupted_at_random_instants_measures_what_a_whole_one_does",
        ),
    ),
    9: Fault(
        "two sweeps in one directory, or on one host; the owner of a lock is killed",
        "refused by name, or in turns without overlap; the lock frees itself",
        (
            "faults/test_hosts.py::"
            "test_a_second_sweep_of_a_directory_is_refused_at_once_and_names_the_first",
            "faults/test_hosts.py::"
            "test_sweeps_of_one_host_take_turns_and_a_killed_one_frees_its_turn",
            "dataset_builder/test_locks.py::"
            "test_the_lock_of_a_killed_owner_frees_itself_and_waiting_is_said_once",
        ),
    ),
    10: Fault(
        "another process computes on one core, or on the GPU",
        "every window of that time is invalid, and none is fitted",
        (
            "faults/test_disturbances.py::"
            "test_with_a_foreign_busy_core_all_windows_are_marked_and_none_is_fitted",
            "faults/test_disturbances.py::"
            "test_with_a_foreign_busy_core_real_windows_are_told_from_undisturbed_ones",
            "dataset_builder/test_conditions.py::"
            "test_a_gpu_that_someone_uses_before_the_start_is_occupied",
        ),
        simulated="the process on a GPU",
    ),
    11: Fault(
        "the clock is set by an hour, or the machine is suspended, during a window",
        "the window is invalid and repeated; durations and energies stay positive",
        (
            "faults/test_disturbances.py::"
            "test_a_window_in_which_a_clock_is_changed_is_repeated",
            "dataset_builder/test_conditions.py::test_what_disturbs_a_window_is_named",
        ),
        simulated="the change: the clock of the machine is everybody's",
    ),
    12: Fault(
        "a counter wraps once or twice, runs back, stands still, jumps, disappears",
        "corrected once, else invalid with its reason; never a wrong energy",
        (
            "dataset_builder/test_counters.py::"
            "test_every_fault_of_rapl_is_doubted_with_its_reason",
            "dataset_builder/test_counters.py::"
            "test_every_fault_of_a_gpu_counter_is_doubted_with_its_reason",
            "dataset_builder/test_cross_check.py::"
            "test_a_window_whose_counter_failed_is_repeated_and_never_the_result",
        ),
        simulated="the counters",
    ),
    13: Fault(
        "no counter, or one that cannot be read",
        "the tier says modelled; --require-counter refuses with status 6",
        (
            "dataset_builder/test_sweep.py::"
            "test_a_required_counter_that_is_missing_stops_the_sweep",
            "dataset_builder/test_counters.py::"
            "test_without_a_readable_package_there_is_nothing_to_count",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_a_counter_that_cannot_be_read_leaves_a_model",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_a_divided_gpu_that_tells_nothing_is_refused",
            "predictor/test_doctor.py::"
            "test_unreadable_counters_come_with_the_commands_and_the_risk",
        ),
        simulated="counters that are there but cannot be read",
    ),
    14: Fault(
        "CodeCarbon fails, is of another version, or finds a hostile configuration",
        "the error or version is named; no configuration outside has an effect",
        (
            "dataset_builder/test_worker.py::"
            "test_a_hostile_configuration_in_the_working_directory_has_no_effect",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_no_configuration_outside_changes_what_codecarbon_says",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_no_nonsense_of_codecarbon_is_a_reading",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_a_tracker_that_cannot_be_made_is_an_error",
            "dataset_builder/test_codecarbon_meter.py::"
            "test_another_version_of_codecarbon_is_refused_by_name",
        ),
    ),
    15: Fault(
        "a sweep goes on with other code, driver, GPU, threads or tier",
        "refused with the difference; an override is recorded",
        (
            "faults/test_resuming.py::"
            "test_another_driver_is_refused_with_both_versions",
            "faults/test_resuming.py::test_another_gpu_is_refused_by_name",
            "faults/test_resuming.py::test_another_number_of_threads_is_refused",
            "faults/test_resuming.py::test_another_tier_is_refused",
            "faults/test_resuming.py::test_another_measuring_code_is_refused",
        ),
        simulated="GPU and driver",
    ),
    16: Fault(
        "10,000 rows and more",
        "time and memory linear; 10,000 rows below 2 s",
        (
            "faults/test_journals.py::"
            "test_reading_is_linear_and_bounded_in_the_number_of_rows",
        ),
    ),
    21: Fault(
        "the same plan is swept twice, in another order, with known noise",
        "a check prints that noise as the floor",
        (
            "faults/test_again.py::"
            "test_the_noise_floor_of_the_same_plan_twice_is_the_noise_there_is",
        ),
        simulated="the trials",
    ),
    22: Fault(
        "odd locale, home, names; streams closed, or read by nobody, or full",
        "works, or one sentence and a status that is not 0",
        (
            "faults/test_surroundings.py::"
            "test_a_locale_without_letters_takes_any_name_and_home",
            "faults/test_surroundings.py::"
            "test_a_locale_of_another_encoding_is_no_hindrance",
            "faults/test_surroundings.py::"
            "test_a_home_that_is_missing_or_read_only_is_not_needed",
            "faults/test_surroundings.py::"
            "test_streams_that_nobody_reads_cost_neither_rows_nor_status",
            "faults/test_surroundings.py::"
            "test_a_result_that_cannot_be_written_is_one_sentence_and_status_4",
            "faults/test_surroundings.py::"
            "test_a_temporary_directory_of_too_long_a_name_is_one_sentence",
        ),
    ),
}
