"""Whatever a trial does, it ends, and nothing of it stays."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
import json, os, signal, subprocess, sys, time
from multiprocessing.forkserver import connect_to_new_process
from pathlib import Path
from dataset_builder.trial import trials

def answers(connection, word):
    connection.send(("row", {"word": word, "home": os.environ["HOME"]}))

def dies(connection):
    os.kill(os.getpid(), signal.SIGSEGV)

def leaves(connection):
    os._exit(3)

def dies_answering(connection):
    os.write(connection.fileno(), bytes([0, 0, 16, 0]) + b"half of 4096 bytes")
    os.kill(os.getpid(), signal.SIGKILL)

def hangs_deaf_with_a_child(connection, note):
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(note).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)

def asks_for_a_trial_and_says_no_more(order):
    told, tells = connect_to_new_process([])
    os.write(tells, order)
    os.close(tells)
    with open(told, "rb") as stream:
        return len(stream.read()) > 0

def main():
    trials.GRACE_S = 0.3
    note = sys.argv[1]
    found = {}
    with trials.trial_server(lambda home: {"HOME": home}) as server:
        found["home"] = str(server.home)
        found["answers"] = server.call(answers, ("yes",), wall_s=30)
        found["dies"] = server.call(dies, (), wall_s=30)
        found["no order"] = asks_for_a_trial_and_says_no_more(b"")
        found["half an order"] = asks_for_a_trial_and_says_no_more(bytes([128, 4, 149]))
        found["leaves"] = server.call(leaves, (), wall_s=30)
        found["dies_answering"] = server.call(dies_answering, (), wall_s=30)
        start = time.monotonic()
        found["hangs"] = server.call(hangs_deaf_with_a_child, (note,), wall_s=4)
        found["hang_s"] = time.monotonic() - start
        found["after"] = server.call(answers, ("again",), wall_s=30)
    found["home_left"] = server.home.exists()
    found["own_home"] = os.environ.get("HOME")
    print(json.dumps(found))

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of several misbehaving trials."""
    directory = tmp_path_factory.mktemp("trials")
    script = directory / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    process = subprocess.run(
        [sys.executable, str(script), str(directory / "note")],
        check=True,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "HOME": "/home/someone", "PYTHONPATH": os.getcwd()},
    )
    pids = (directory / "note").read_text().split()
    return json.loads(process.stdout) | {
        "pids": [int(pid) for pid in pids],
        "err": process.stderr,
    }


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_trial_answers_from_the_environment_given(found):
    kind, row = found["answers"]

    assert kind == "row"
    assert row == {"word": "yes", "home": found["home"]}
    assert found["own_home"] == "/home/someone"


@pytest.mark.slow
def test_a_crash_is_reported_with_its_signal(found):
    assert found["dies"][:2] == ["error", "killed"]
    assert "SIGSEGV" in found["dies"][2]


@pytest.mark.slow
def test_a_silent_end_is_reported_with_its_status(found):
    assert found["leaves"][:2] == ["error", "killed"]
    assert "status 3" in found["leaves"][2]


@pytest.mark.slow
def test_an_end_in_the_middle_of_an_answer_is_no_answer(found):
    assert found["dies_answering"] == ["error", "killed", "the trial died of SIGKILL"]


@pytest.mark.slow
def test_a_deaf_hanging_trial_and_its_child_are_killed_in_time(found):
    assert found["hangs"][:2] == ["error", "timeout"]
    assert found["hang_s"] < 14
    assert not any(map(is_alive, found["pids"]))


@pytest.mark.slow
def test_the_next_trial_is_not_affected_and_nothing_stays_on_disk(found):
    assert found["after"][1]["word"] == "again"
    assert not found["home_left"]


def test_a_trial_whose_sweep_was_killed_before_its_order_says_nothing(found):
    assert found["no order"]  # a process that began and has ended
    assert found["half an order"]
    assert found["err"] == ""
