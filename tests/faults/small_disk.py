"""Fault 5: sweeps on real file systems that are full, broken or read-only.

Run as a program in a mount namespace of its own, with a directory to mount on; prints
what it found as JSON. `namespace` says how such a namespace is made here.
"""

import contextlib
import fcntl
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from dataset_builder import cli, sweep
from dataset_builder.store.journal import read_journal
from dataset_builder.trial.scratch import scratch_directory
from dataset_builder.trial.trials import Outcome
from predictor.errors import InputFileError
from tests.dataset_builder.builders import RecordingRunner, measured_row
from tests.faults.sessions import settled
from tests.faults.trial import is_valid

BLOCK = 4096
RUNS = 6
ENOUGH_BLOCKS = 200
IMAGE_BYTES = 32 * 1024**2
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of ioctl(2)
WITHOUT_FLUSHING = 2


def namespace(directory):
    """Return the command that a program is put behind to mount, or why there is none.

    Root may make a namespace of mounts; others need one of users around it.
    """
    reasons = []
    for options in ("-m", "-Urm"):
        command = ["unshare", options]
        test = [*command, "mount", "-t", "tmpfs", "none", str(directory)]
        try:
            found = subprocess.run(test, capture_output=True, text=True, timeout=20)
        except OSError as error:
            return [], str(error)
        if found.returncode == 0:
            return command, ""
        reasons.append(found.stderr.strip())
    return [], "; ".join(reasons)


def mount(*options):
    subprocess.run(["mount", *map(str, options)], check=True, capture_output=True)


def unmount(place):
    subprocess.run(["umount", str(place)], check=True, capture_output=True)


def answer(order):
    """Fail some, fail to be valid some, as a real sweep does."""
    if int(order.identity[-1], 16) < 4:
        return Outcome(row=None, kind="oom", message="out of memory")
    return Outcome(row=measured_row(order, valid=is_valid(order)))


def command_line(directory, home, *options, reply=answer):
    """Sweep by the command line; return its status and what it said."""
    runner = RecordingRunner(home, reply)
    sweep.run_sweep = partial(
        RUN_SWEEP, serve=lambda variables: contextlib.nullcontext(runner)
    )
    with (
        contextlib.redirect_stderr(io.StringIO()) as said,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        status = cli.main(["-q", "sweep", "--out", str(directory), *options])
    return status, said.getvalue()


RUN_SWEEP = sweep.run_sweep


def rows_of(directory):
    return [
        (row["id"], row["attempt"], row["valid"])
        for row in read_journal(directory / "runs.jsonl").rows
    ]


def attempt(directory, home, *options):
    """Sweep, and describe what that came to."""
    status, said = command_line(directory, home, *options)
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {
        "status": status,
        "said": said,
        "rows": rows_of(directory),
        "empty": [path.name for path in paths if path.stat().st_size == 0],
        "unfinished": [path.name for path in paths if path.name.endswith(".tmp")],
    }


def go_on(directory, home):
    missing = RUNS - settled(directory)
    if not missing:
        return {"status": 0, "said": "", "rows": rows_of(directory)}
    return attempt(directory, home, "--runs", str(missing))


def full_at_every_block(place, home):
    """Sweep with no block free, one block and so on, until they suffice."""
    found = []
    for blocks in range(ENOUGH_BLOCKS):
        mount("-t", "tmpfs", "-o", f"size={(1 + blocks) * BLOCK}", "none", place)
        try:
            (place / "ballast").write_bytes(b"x" * BLOCK)
            first = attempt(place / "data", home, "--runs", str(RUNS))
            mount("-o", "remount,size=16m", place)
            second = go_on(place / "data", home)
            found.append({"blocks": blocks, "full": first, "afterwards": second})
        finally:
            unmount(place)
        if first["status"] == 0:
            break
    return found


def full_with_a_torn_tail(place, home):
    """Open a torn journal where there is no room to set its tail aside."""
    mount("-t", "tmpfs", "-o", "size=1m", "none", place)
    try:
        attempt(place / "data", home, "--runs", "2")
        rows = place / "data" / "runs.jsonl"
        whole = rows.read_bytes()
        rows.write_bytes(whole + b'{"id": "torn')
        ballast = fill(place)
        full = attempt(place / "data", home, "--runs", "1")
        untouched = rows.read_bytes() == whole + b'{"id": "torn'
        ballast.unlink()
        after = attempt(place / "data", home, "--runs", "1")
        aside = rows.with_name("runs.jsonl.torn").read_bytes().decode()
    finally:
        unmount(place)
    return {"full": full, "untouched": untouched, "afterwards": after, "aside": aside}


def fill(place):
    """Leave no room on a file system."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"x" * BLOCK)
    return ballast


def read_only(place, home):
    """Sweep where nothing may be written; and find no temporary directory there."""
    mount("-t", "tmpfs", "-o", "size=1m", "none", place)
    try:
        before = attempt(place / "data", home, "--runs", "2")
        mount("-o", "remount,ro", place)
        old = attempt(place / "data", home, "--runs", "2")
        new = command_line(place / "new", home, "--runs", "2")
        tempfile.tempdir = str(place)
        try:
            with scratch_directory():
                scratch = "made"
        except InputFileError as error:
            scratch = str(error)
        finally:
            tempfile.tempdir = None
    finally:
        unmount(place)
    return {"before": before, "old": old, "new": new, "scratch": scratch}


def broken(place, home):
    """Sweep on a disk that answers EIO from the middle of a sweep on."""
    image, disk = home / "image", place / "disk"
    with image.open("wb") as stream:
        stream.truncate(IMAGE_BYTES)
    made = ["mkfs.ext4", "-q", "-F", str(image)]
    subprocess.run(made, check=True, capture_output=True)
    mount("-t", "tmpfs", "none", place)
    try:
        disk.mkdir()
        mount("-o", "loop", image, disk)
        orders = []

        def break_at_the_third(order):
            orders.append(order)
            if len(orders) == 3:
                shut_down(disk)
            return Outcome(row=measured_row(order))

        try:
            status, said = command_line(
                disk / "data", home, "--runs", "9", reply=break_at_the_third
            )
        finally:
            unmount(disk)
        mount("-o", "loop", image, disk)
        try:
            rows = rows_of(disk / "data")
            after = attempt(disk / "data", home, "--runs", "2")
        finally:
            unmount(disk)
    finally:
        unmount(place)
    return {"status": status, "said": said, "rows": rows, "afterwards": after}


def shut_down(disk):
    """Let a file system fail as if its disk were gone, what is in memory included."""
    descriptor = os.open(disk, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSHING))
    finally:
        os.close(descriptor)


def main():
    place = Path(sys.argv[1])
    home = Path(tempfile.mkdtemp())
    os.environ["WATT_AHEAD_LOCK"] = str(home / "lock")
    try:
        _, said = command_line(home / "whole", home, "--runs", str(RUNS))
        found = {
            "whole": {"rows": rows_of(home / "whole"), "said": said},
            "blocks": full_at_every_block(place, home),
            "torn": full_with_a_torn_tail(place, home),
            "read_only": read_only(place, home),
        }
        try:
            found["broken"] = broken(place, home)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error).encode()
            found["no_broken_disk"] = reason.decode(errors="replace").strip()
    finally:
        shutil.rmtree(home)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
