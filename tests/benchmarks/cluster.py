"""Measure the same configurations plainly, in shards and on a cluster; compare.

Run as ``python -m tests.benchmarks.cluster [RUNS]``, on a quiet machine.

Trials, scheduler and workers are real; a worker is killed in a trial. Prints what came
of it, and ends with status 1 if the sets of configurations differ, something was
measured twice, or two trials of a host overlapped.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import psutil

from dataset_builder.store.journal import latest_rows, read_journal
from tests.dataset_builder.cluster_kit import Processes, wait_for

RUNS = 6
SHARDS = 2


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def command(*words):
    return [sys.executable, "-m", "dataset_builder", *map(str, words)]


def sweep(directory, *options):
    words = command("sweep", "--out", directory, "--runs", *options)
    return subprocess.Popen(words, stderr=(directory.parent / "log").open("ab"))


def finish(*processes):
    for process in processes:
        if process.wait() != 0:
            sys.exit(f"{process.args} ended with status {process.returncode}")


def kill_the_measuring_worker(workers, rows, killed):
    """Wait until two rows are there, then kill the worker that has a station."""
    wait_for(lambda: len(read_journal(rows).rows) >= 2, 600.0)
    time.sleep(2.0)  # into the next trial
    for worker in workers:
        family = psutil.Process(worker.pid).children(recursive=True)
        stations = [
            child for child in family if "station_process" in str(child.cmdline())
        ]
        for station in stations:
            owner = station.parent()
            owner.kill()
            killed.append(owner.pid)


def on_a_cluster(directory, runs):
    killed = []
    with Processes(directory.parent) as processes:
        _, address = processes.scheduler()
        workers = [processes.worker(address, nanny=nanny) for nanny in (True, False)]
        killer = threading.Thread(
            target=kill_the_measuring_worker,
            args=(workers, directory / "runs.jsonl", killed),
        )
        killer.start()
        finish(sweep(directory, runs, "--cluster", address))
        killer.join()
    return killed


def spans(directory):
    names = ("runs.jsonl", "anchors.jsonl", "idle.jsonl")
    rows = [row for name in names for row in read_journal(directory / name).rows]
    unique = {(row["host"], row["started_at"], row["ended_at"]) for row in rows}
    return sorted(unique)


def report(name, directory):
    rows = read_journal(directory / "runs.jsonl").rows
    # A correction is appended with the times of what it corrects.
    trials = {(row["id"], row["attempt"], row["started_at"]) for row in rows}
    attempts = Counter(trial[:2] for trial in trials)
    overlaps = [
        (first, second)
        for first, second in pairwise(spans(directory))
        if first[0] == second[0] and second[1] < first[2]
    ]
    latest = latest_rows(rows)
    valid = sum(row["valid"] for row in latest)
    twice = sum(count > 1 for count in attempts.values())
    say(
        f"{name:8s} {len(latest):3d} configurations, {valid} valid, "
        f"{len(rows)} rows, {twice} measured twice, {len(overlaps)} overlaps"
    )
    return {row["id"] for row in latest}, not twice and not overlaps


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        finish(sweep(place / "plain", runs))
        parts = [place / f"part{number}" for number in range(1, SHARDS + 1)]
        finish(
            *(
                sweep(part, runs // SHARDS, "--shard", f"{number}/{SHARDS}")
                for number, part in enumerate(parts, start=1)
            )
        )
        subprocess.run(command("merge", place / "merged", *parts), check=True)
        killed = on_a_cluster(place / "cluster", runs)
        say(f"workers killed in a trial: {len(killed)}")
        found = [report(name, place / name) for name in ("plain", "merged", "cluster")]
    sets = [identities for identities, _ in found]
    good = all(is_good for _, is_good in found) and sets == [sets[0]] * len(sets)
    say("good" if good and killed else "NOT good")
    sys.exit(0 if good and killed else 1)


if __name__ == "__main__":
    main()
