"""Sweeps as processes: started, signalled, watched; and what they leave behind."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.store.journal import latest_rows, read_journal
from dataset_builder.sweep import ATTEMPTS
from tests.faults.sweeper import TURN_VARIABLE
from tests.faults.trial import BEHAVIOUR_VARIABLE, NOTES_VARIABLE

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Ended:
    """A sweep that has ended."""

    status: int
    out: str
    err: str


class Session:
    """One sweep in a process group of its own, as a terminal would start it."""

    def __init__(self, arguments, environment, *, shell=None):
        command = [sys.executable, "-m", "tests.faults.sweeper", *arguments]
        if shell is not None:  # "$@" in it is the command
            command = ["sh", "-c", shell, "sh", *command]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def signal(self, number):
        """Signal the whole group, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        """Kill the sweep itself, and nothing else."""
        self.process.kill()

    def runs(self):
        return self.process.poll() is None

    def end(self):
        """Wait for its end."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Ended(
            self.process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
        )


class Place:
    """A directory for data sets, with a host lock and temporary files of its own."""

    def __init__(self, base):
        self.base = Path(base)
        self.base.mkdir(parents=True, exist_ok=True)
        self.lock = self.base / "lock"
        # Sockets are made there, whose names must be short.
        self.temporary = Path(tempfile.mkdtemp(prefix="faults-"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.temporary)

    def data(self, name="data"):
        return self.base / name

    def notes(self, name="data"):
        return self.base / f"{name}.notes"

    def start(
        self, *options, name="data", out=None, turn_s=None, environment=None,
        shell=None, **behaviour,
    ):  # fmt: skip
        """Start a sweep; trials are told how to behave."""
        variables = {
            **os.environ,
            "WATT_AHEAD_LOCK": str(self.lock),
            "TMPDIR": str(self.temporary),
            BEHAVIOUR_VARIABLE: json.dumps(behaviour),
            NOTES_VARIABLE: str(self.notes(name)),
            **(environment or {}),
        }
        if turn_s is not None:
            variables[TURN_VARIABLE] = str(turn_s)
        variables = {
            key: value for key, value in variables.items() if value is not None
        }
        directory = self.data(name) if out is None else out
        arguments = ["sweep", "--out", str(directory), *options]
        return Session(arguments, variables, shell=shell)

    def sweep(self, *options, **settings):
        """Run a sweep to its end."""
        return self.start(*options, **settings).end()

    def left(self):
        """Return the processes of any sweep here that live: they know the lock."""
        mark = os.fsencode(f"WATT_AHEAD_LOCK={self.lock}")
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
        return found

    def left_after(self, seconds):
        """Return what lives still after some time, at once if nothing does."""
        end_s = time.monotonic() + seconds
        while (found := self.left()) and time.monotonic() < end_s:
            time.sleep(0.01)
        return found

    def journal(self, name="data", file="runs.jsonl"):
        return read_journal(self.data(name) / file)

    def begun(self, name="data"):
        """Return identity, attempt and process of every trial that began."""
        try:
            lines = self.notes(name).read_text().splitlines()
        except FileNotFoundError:
            return []
        return [tuple(line.split()) for line in lines]

    def pids(self, name="data"):
        return [int(pid) for _, _, pid in self.begun(name)]

    def validity(self, name="data"):
        """Return what a data set has come to: validity by identity."""
        rows = latest_rows(self.journal(name).rows)
        return {row["id"]: row["valid"] for row in rows}

    def settled(self, name="data"):
        return settled(self.data(name))


def settled(directory):
    """Return how many configurations a sweep would not measure again."""
    rows = latest_rows(read_journal(directory / "runs.jsonl").rows)
    failed = read_journal(directory / "failures.jsonl").rows
    done = {row["id"] for row in rows if row["valid"] or row["attempt"] >= ATTEMPTS}
    return len(done | {row["id"] for row in failed})


def wait_until(condition, session=None, *, patience_s=PATIENCE_S):
    """Wait for something, or for a session's end."""
    end_s = time.monotonic() + patience_s
    while not condition():
        if session is not None and not session.runs():
            return
        assert time.monotonic() < end_s, "waited too long"
        time.sleep(0.005)
