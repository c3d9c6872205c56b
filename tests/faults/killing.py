"""Fault 1 and fault 8: sweeps that are killed or interrupted at random instants."""

import random
import re
import signal
import time

from dataset_builder.store.contents import read_contents
from dataset_builder.store.manifest import network_file
from tests.faults.findings import Findings, silent
from tests.faults.sessions import Place, wait_until

CONFIGURATIONS = 12
STARTING_S = 0.8
"""About how long a sweep takes before its first trial."""

TRIALS_S = 1.0
"""About how long all its trials take."""

DURING_TRIALS = 0.75
"""Share of the signals that come when trials have begun."""

GONE_S = 5.0
STOP_S = 1.0
"""Longest time from Ctrl-C to the end."""

TOLD = re.compile(r"^ *\d+  \w.* (J spread|FAILED)", re.MULTILINE)


def kill_and_resume(base, *, kills, seed=1, say=silent):
    """Kill sweeps by SIGKILL, go on, and compare with one that was left alone."""

    def kill(session, source):
        del source
        session.kill()
        return time.monotonic()

    return _campaign(base, kill, times=kills, seed=seed, say=say)


def interrupt_and_resume(base, *, interrupts, seed=1, say=silent):
    """Interrupt sweeps once to three times, go on, and compare as above."""

    def interrupt(session, source):
        for _ in range(source.choice([1, 1, 2, 3])):
            session.signal(signal.SIGINT)
            last_s = time.monotonic()
            time.sleep(source.uniform(0.0, 0.15))
        return last_s

    return _campaign(base, interrupt, times=interrupts, seed=seed, say=say)


def _campaign(base, inject, *, times, seed, say):
    """Complete data sets until a fault was injected so many times."""
    found = Findings()
    source = random.Random(seed)
    whole = _whole(base, found)
    slowest_s, lots = 0.0, 0
    while found.injections < times and not found.violations:
        lots += 1
        with Place(base / f"lot-{lots}") as place:
            missing = CONFIGURATIONS
            while missing > 0 and not found.violations:
                before = _State(place)
                session = place.start("--runs", str(missing))
                _wait(place, session, before, found.injections < times and source)
                signalled_s = None
                if session.runs():
                    found.injections += 1
                    signalled_s = inject(session, source)
                ended = session.end()
                left = place.left_after(GONE_S)
                if signalled_s is not None:
                    slowest_s = max(slowest_s, time.monotonic() - signalled_s)
                found.expect(not left, f"{place.base}: {left} outlive their sweep")
                _compare(before, place, ended, found)
                missing = CONFIGURATIONS - place.settled()
                say(f"{found.injections} times, {place.settled()} rows")
            _compare_with_whole(place, whole, found)
    found.expect(slowest_s < STOP_S, f"{slowest_s:.2f} s until nothing lived")
    found.facts = {
        "data sets completed, each as one left alone": lots,
        "s at most until nothing lived": f"{slowest_s:.2f}",
    }
    return found


class _State:
    """What there is before a session."""

    def __init__(self, place):
        self.time_s = time.time()
        self.rows = place.journal().rows
        self.begun = place.begun()


def _whole(base, found):
    with Place(base / "whole") as place:
        ended = place.sweep("--runs", str(CONFIGURATIONS))
        stayed = list(place.temporary.iterdir())
    found.expect(not stayed, f"{stayed} stays after a sweep")
    found.expect(ended.status == 0, f"an undisturbed sweep fails: {ended.err[-300:]}")
    found.expect(
        len(place.validity()) == CONFIGURATIONS, "an undisturbed sweep misses rows"
    )
    return place.validity()


def _wait(place, session, before, source):
    """Wait for a random instant, or without a source for the end."""
    if not source:
        wait_until(lambda: not session.runs())
    elif source.random() < DURING_TRIALS:
        wait_until(lambda: len(place.begun()) > len(before.begun), session)
        time.sleep(source.uniform(0.0, TRIALS_S))
    else:
        time.sleep(source.uniform(0.0, STARTING_S))


def _compare(before, place, ended, found):
    """Compare what there is after a session with what it said, and with before."""
    said = f"{place.base.name}: status {ended.status}, {ended.err[-300:]!r}"
    found.expect(ended.status in (0, 130, -signal.SIGINT, -signal.SIGKILL), said)
    found.expect("Traceback" not in ended.err, said)
    if ended.status in (0, 130):
        stayed = [
            path
            for path in place.temporary.iterdir()
            if path.stat().st_mtime > before.time_s
        ]
        found.expect(not stayed, f"{place.base.name}: {stayed} stays")
    content = place.journal()
    written = content.rows[len(before.rows) :]
    begun = place.begun()[len(before.begun) :]
    found.expect(
        content.rows[: len(before.rows)] == before.rows, f"earlier rows change; {said}"
    )
    found.expect(not content.damaged, f"lines {content.damaged} are damaged; {said}")
    told = len(TOLD.findall(ended.err))
    found.expect(
        told <= len(written), f"{told} rows told, {len(written)} written; {said}"
    )
    repeated = len(begun) - len(written)
    found.expect(0 <= repeated <= 1, f"{repeated} trials came to nothing; {said}")


def _compare_with_whole(place, whole, found):
    """Compare a completed data set with one whose sweep was left alone."""
    name = place.base.name
    found.expect(place.validity() == whole, f"{name}: not what a whole sweep measures")
    contents = read_contents(place.data())
    (file,) = contents.files
    attempts = [(row["id"], row["attempt"]) for row in file.content.rows]
    found.expect(
        len(attempts) == len(set(attempts)), f"{name}: a row is there more than once"
    )
    for row in file.content.rows:
        network = network_file(place.data(), row["network_sha256"])
        found.expect(network.exists(), f"{name}: a row without its network")
    found.expect(file.unreadable is None, f"{name}: {file.unreadable}")
    found.expect(contents.manifest is not None, f"{name}: no manifest")
    unfinished = list(place.data().rglob(".*.tmp"))
    found.expect(not unfinished, f"{name}: {unfinished} is left")
