"""One sweep per data set, one measurement per host."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import time

import pytest

from dataset_builder.locks import HostLock, owned_directory
from predictor.errors import InputFileError, UsageError

HOLDER = """
import fcntl, os, sys, time
path = sys.argv[1]
flags = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT
fcntl.flock(os.open(path, flags), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def start_holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_sweep_of_a_directory_is_refused(tmp_path):
    with (
        owned_directory(tmp_path),
        pytest.raises(UsageError, match="another sweep"),
        owned_directory(tmp_path),
    ):
        pass


def test_who_holds_a_directory_is_told(tmp_path):
    holder = start_holder(tmp_path)
    try:
        with (
            pytest.raises(UsageError, match=f"process {holder.pid}: .*python"),
            owned_directory(tmp_path),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_directory_that_is_not_there_cannot_be_held(tmp_path):
    with (
        pytest.raises(InputFileError, match="cannot be locked"),
        owned_directory(tmp_path / "missing"),
    ):
        pass


def test_a_directory_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with owned_directory(tmp_path):
            pass

    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_owner_frees_itself_and_waiting_is_said_once(tmp_path):
    said = []
    holder = start_holder(tmp_path / "lock")
    waiting = HostLock(tmp_path / "lock", said.append)
    killer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import os,time; time.sleep(1.3); os.kill({holder.pid}, 9)",
        ]
    )

    waiting.acquire()

    waiting.release()
    killer.wait()
    holder.wait()
    holder.stdout.close()
    assert len(said) == 1
    assert f"waiting for another measurement, process {holder.pid}" in said[0]


def test_a_lock_is_held_for_a_turn_and_then_taken_anew(tmp_path):
    lock = HostLock(tmp_path / "lock", lambda text: None, turn_s=0.0)

    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()

    start_s = time.monotonic()
    holder = start_holder(tmp_path / "lock")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert time.monotonic() - start_s < 30


def test_a_lock_file_that_cannot_be_opened_is_an_error_with_advice(tmp_path):
    lock = HostLock(tmp_path / "missing" / "lock", lambda text: None)

    with pytest.raises(InputFileError, match="WATT_AHEAD_LOCK"):
        lock.acquire()


def test_where_a_directory_cannot_be_locked_a_file_inside_is(tmp_path, monkeypatch):
    flock = fcntl.flock

    def as_on_a_network(descriptor, operation):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", as_on_a_network)
    with (
        owned_directory(tmp_path),
        pytest.raises(UsageError, match="another sweep"),
        owned_directory(tmp_path),
    ):
        pass
    with owned_directory(tmp_path):
        pass
