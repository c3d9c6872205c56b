"""Whether a lock is held can be told without taking it."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time

import pytest

from predictor.measuring_lock import host_lock_path, lock_status

HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held_by_another(path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


@contextlib.contextmanager
def held_here(path):
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield path.stat()


def proc_with(tmp_path, locks, commands=None):
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "locks").write_text(locks)
    for pid, command in (commands or {}).items():
        (proc / str(pid)).mkdir()
        (proc / str(pid) / "cmdline").write_bytes(command)
    return proc


def line_of(file, pid, *, device=None):
    device = device or f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    return f"1: FLOCK  ADVISORY  WRITE {pid} {device}:{file.st_ino} 0 EOF\n"


def test_the_environment_names_the_lock_file(monkeypatch, tmp_path):
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "mine"))
    named = host_lock_path()
    monkeypatch.delenv("WATT_AHEAD_LOCK")

    assert named == tmp_path / "mine"
    assert host_lock_path() != named
    assert host_lock_path().is_absolute()


def test_a_lock_that_nobody_made_is_free_and_stays_unmade(tmp_path):
    assert lock_status(tmp_path / "lock").state == "free"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_nobody_holds_is_free_and_stays_free(tmp_path):
    path = tmp_path / "lock"
    path.write_text("kept")

    assert [lock_status(path).state for _ in range(3)] == ["free"] * 3
    with held_here(path):
        pass
    assert path.read_text() == "kept"


def test_a_held_lock_is_told_at_once_and_left_to_its_owner(tmp_path):
    with held_by_another(tmp_path / "lock"):
        start_s = time.monotonic()
        states = [lock_status(tmp_path / "lock").state for _ in range(3)]

        assert states == ["held"] * 3
        assert time.monotonic() - start_s < 5
    assert lock_status(tmp_path / "lock").state == "free"


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="no list of locks")
def test_the_owner_of_a_lock_is_named(tmp_path):
    with held_by_another(tmp_path / "lock") as owner:
        status = lock_status(tmp_path / "lock")

        assert status.pid == owner.pid
        assert status.command.startswith(sys.executable)


def test_the_owner_is_read_from_the_systems_list(tmp_path):
    with held_here(tmp_path / "lock") as file:
        others = "1: POSIX  ADVISORY  WRITE 3 00:01:2 0 EOF\n1: -> FLOCK x WRITE 5\n"
        proc = proc_with(
            tmp_path, others + line_of(file, 42), {42: b"python\0-m\0it\0"}
        )

        status = lock_status(tmp_path / "lock", proc=proc)

    assert (status.pid, status.command) == (42, "python -m it")


def test_an_owner_that_has_ended_leaves_only_its_number(tmp_path):
    with held_here(tmp_path / "lock") as file:
        proc = proc_with(tmp_path, line_of(file, 42))

        status = lock_status(tmp_path / "lock", proc=proc)

    assert (status.state, status.pid, status.command) == ("held", 42, None)


def test_layered_file_systems_name_another_device(tmp_path):
    with held_here(tmp_path / "lock") as file:
        proc = proc_with(tmp_path, line_of(file, 42, device="00:fff"))

        assert lock_status(tmp_path / "lock", proc=proc).pid == 42


@pytest.mark.parametrize("pid", [0, -1])
def test_an_owner_outside_the_container_is_not_guessed(tmp_path, pid):
    with held_here(tmp_path / "lock") as file:
        proc = proc_with(tmp_path, line_of(file, pid))

        assert lock_status(tmp_path / "lock", proc=proc).pid is None


def test_a_system_without_a_list_still_tells_that_it_is_held(tmp_path):
    with held_here(tmp_path / "lock"):
        status = lock_status(tmp_path / "lock", proc=tmp_path / "none")

    assert (status.state, status.pid) == ("held", None)


def test_a_pipe_in_its_place_blocks_nobody(tmp_path):
    os.mkfifo(tmp_path / "lock")

    assert lock_status(tmp_path / "lock").state == "free"


def test_a_lock_that_cannot_be_looked_at_says_why(tmp_path):
    (tmp_path / "file").touch()

    status = lock_status(tmp_path / "file" / "lock")

    assert status.state == "unknown"
    assert "Not a directory" in status.reason
