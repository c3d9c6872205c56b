"""Faults 1, 2, 6 and 8: whatever ends, all completed rows are there."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.killing import interrupt_and_resume, kill_and_resume
from tests.faults.sessions import Place, wait_until

pytestmark = pytest.mark.slow
pytest.importorskip("jax")


@pytest.fixture
def place(tmp_path):
    with Place(tmp_path / "place") as made:
        yield made
        assert made.left_after(5.0) == []


def test_a_sweep_killed_at_random_instants_measures_what_a_whole_one_does(tmp_path):
    def kill(seed):
        return kill_and_resume(tmp_path / f"{seed}", kills=6, seed=seed)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(kill, (1, 2)))

    assert [part.violations for part in found] == [[], []]
    assert [part.injections for part in found] == [6, 6]


def test_trials_that_die_are_failures_with_their_signal_and_the_sweep_goes_on(place):
    faults = {
        "1": "SIGKILL",
        "2": "SIGSEGV",
        "3": "SIGABRT",
        "4": "exit",
        "5": "raise",
        "6": "oom",
        "7": "oom abort",
    }
    ended = place.sweep("--runs", "10", faults=faults)

    failures = place.journal(file="failures.jsonl").rows
    found = [(row["kind"], row["message"]) for row in failures]
    assert ended.status == 0, ended.err
    assert "7 failed" in ended.out
    assert place.settled() == 10
    assert found[0] == ("killed", "the trial died of SIGKILL")
    assert found[1] == ("killed", "the trial died of SIGSEGV")
    assert found[2] == ("killed", "the trial died of SIGABRT")
    assert found[3] == ("killed", "the trial ended with status 3 and no row")
    assert found[4] == ("ValueError", "this network cannot be built")
    assert found[5][0] == "oom"
    assert re.search(r"16\.0 GiB", found[5][1])  # twice the limit of a trial
    assert found[6][0] == "oom"
    assert "SIGABRT" in found[6][1]
    assert ended.err.count("FAILED") == 7


def test_a_killed_sweep_takes_a_deaf_trial_and_its_child_with_it(place):
    session = place.start("--runs", "2", faults={"0": "hang"})
    wait_until(place.begun, session)
    time.sleep(0.2)  # until the child is there

    session.kill()
    session.end()

    assert place.left_after(1.0) == []


def test_a_trial_whose_server_is_killed_is_a_failure_and_another_server_starts(place):
    session = place.start("--runs", "3", faults={"1": "hang"})
    wait_until(lambda: len(place.begun()) == 2, session)
    trial = place.pids()[-1]
    time.sleep(0.2)
    os.kill(parent(trial), signal.SIGKILL)

    ended = session.end()

    assert ended.status == 0, ended.err
    assert [row["kind"] for row in place.journal(file="failures.jsonl").rows] == [
        "killed"
    ]
    assert place.settled() == 3


def parent(pid):
    status = Path(f"/proc/{pid}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def test_a_sweep_without_a_single_row_ends_with_status_6_and_one_sentence(place):
    ended = place.sweep("--runs", "2", faults={"0": "SIGSEGV", "1": "exit"})

    assert ended.status == 6
    assert "none of 2 trials yielded a row" in ended.err.splitlines()[-1]


def end_within(session, seconds, start_s):
    ended = session.end()
    assert time.monotonic() - start_s < seconds
    return ended


def interrupt(session, times=1):
    """Press Ctrl-C, and return when."""
    for number in range(times):
        if number:
            time.sleep(0.15)
        session.signal(signal.SIGINT)
    return time.monotonic()


def test_ctrl_c_ends_within_the_trial_and_says_how_to_go_on(place):
    session = place.start("--runs", "9", faults={"2": "hang"})
    wait_until(lambda: len(place.begun()) == 3, session)

    ended = end_within(session, 1.0, interrupt(session))

    assert ended.status == 130
    assert "the same command goes on from here" in ended.err
    assert "Traceback" not in ended.err
    assert len(place.journal().rows) == 2
    assert place.journal(file="failures.jsonl").rows == ()


def test_ctrl_c_twice_in_a_deaf_trial_with_a_child_leaves_no_process(place):
    session = place.start("--runs", "9", faults={"1": "hang"})
    wait_until(lambda: len(place.begun()) == 2, session)

    ended = end_within(session, 1.0, interrupt(session, times=2))

    assert ended.status == 130
    assert "Traceback" not in ended.err
    assert place.left_after(1.0) == []
    assert len(place.journal().rows) == 1


def test_ctrl_c_while_waiting_for_the_host_stops_the_waiting(place):
    holder = place.start("--runs", "1", name="first", faults={"0": "hang"})
    wait_until(lambda: place.begun("first"), holder)
    session = place.start("--runs", "1", name="second")
    wait_until(place.data("second").joinpath("manifest.json").exists, session)
    time.sleep(0.3)

    ended = end_within(session, 1.0, interrupt(session))
    interrupt(holder)
    holder.end()

    assert ended.status == 130
    assert place.begun("second") == []
    assert "Traceback" not in ended.err


def test_ctrl_c_during_the_last_anchor_keeps_all_rows(place):
    session = place.start("--runs", "2", trial_s=0.4)
    wait_until(lambda: place.settled() == 2, session)

    ended = end_within(session, 1.0, interrupt(session))

    assert ended.status == 130
    assert len(place.journal(file="anchors.jsonl").rows) == 1
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_scheduler_or_a_closed_terminal_ends_a_sweep_as_ctrl_c_does(place, number):
    inherited = signal.signal(number, signal.SIG_DFL)  # nohup ignores a hang-up
    session = place.start("--runs", "9", faults={"1": "hang"})
    signal.signal(number, inherited)
    wait_until(lambda: len(place.begun()) == 2, session)
    session.signal(number)

    ended = session.end()

    assert ended.status == 130
    assert place.journal(file="failures.jsonl").rows == ()


def test_a_sweep_interrupted_at_random_instants_measures_what_a_whole_one_does(
    tmp_path,
):
    found = interrupt_and_resume(tmp_path, interrupts=3, seed=2)

    assert found.violations == []
