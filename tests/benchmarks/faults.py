"""Inject every fault of the catalogue, at full length, and print what came of it.

Run as ``python -m tests.benchmarks.faults``. It first runs the tests that
`tests.faults.catalogue` names; then it kills and interrupts sweeps at random instants,
cuts and flips real files of rows at every byte, and reads a million rows. The status is
1 where anything came out otherwise than expected.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.catalogue import FAULTS
from tests.faults.damage import cut_everywhere, flip_everywhere
from tests.faults.findings import Findings
from tests.faults.killing import interrupt_and_resume, kill_and_resume
from tests.faults.sessions import ROOT

FEW_ROWS = 10_000
LINES = 4
"""Lines of every file that are damaged: the last two are cut, the third is flipped."""

LINEARITY = 4.0
"""A row of many may take this many times as long: memory must be found for it first."""

MEMORY_FACTOR = 20
"""Rows may take this many times as much memory as their file."""


def say(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def run_tests(directory):
    """Run the tests of the catalogue; return how many cases of each ended how."""
    report = directory / "tests.xml"
    names = sorted({name for fault in FAULTS.values() for name in fault.tests})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, f"--junitxml={report}", *(f"tests/{name}" for name in names)],
        cwd=ROOT,
        stdout=sys.stderr,
    )
    results = defaultdict(Counter)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        file = case.get("classname").removeprefix("tests.").replace(".", "/")
        name = f"{file}.py::{case.get('name').partition('[')[0]}"
        kinds = {child.tag for child in case}
        bad = kinds & {"failure", "error"}
        results[name]["failed" if bad else "skipped" if kinds else "passed"] += 1
    return results


def of_tests(fault, results):
    """Return what the tests of one fault have shown."""
    found = Findings()
    total = sum((results[name] for name in fault.tests), Counter())
    found.injections = total["passed"] + total["failed"]
    found.facts = {f"test{'s' * (total['passed'] != 1)} passed": total["passed"]}
    if total["skipped"]:
        found.facts["skipped"] = total["skipped"]
    for name in fault.tests:
        found.expect(not results[name]["failed"], f"{name} fails")
        found.expect(results[name], f"{name} was not run")
    return found


def damage_files(data, directory, damage):
    """Damage a copy of the last lines of every file of rows."""
    found = Findings()
    files = 0
    for path in sorted(data.glob("*/*.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)[-LINES:]
        if len(lines) < LINES:
            continue
        say(f"{damage.__name__.replace('_', ' ')}: {path}")
        part = damage(lines, directory / path.name, say=say)
        files += 1
        found.injections += part.injections
        found.violations += [f"{path}: {text}" for text in part.violations]
    found.expect(files, f"{data}: no file of rows")
    found.facts = {"files": files}
    return found


def read_many(count):
    """Read few rows and many; one of many must not take longer than one of few."""
    found = Findings()
    cost = {}
    for rows in (FEW_ROWS, count):
        say(f"reading {rows} rows")
        command = [sys.executable, "-m", "tests.faults.many_rows", str(rows)]
        answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        cost[rows] = json.loads(answer.stdout)
        found.injections += 1
    few, many = cost[FEW_ROWS], cost[count]
    growth = many["journal_s"] / few["journal_s"] / (count / FEW_ROWS)
    found.expect(growth < LINEARITY, f"time grows {growth:.2f} times as fast as rows")
    memory = many["journal_mib"] / many["file_mib"]
    found.expect(
        memory < MEMORY_FACTOR, f"memory is {memory:.1f} times as large as the file"
    )
    found.expect(few["journal_s"] < 2.0, f"{FEW_ROWS} rows take {few['journal_s']} s")
    found.facts = {
        f"s for {FEW_ROWS} rows": f"{few['journal_s']:.2f}",
        f"s and {many['journal_mib'] / 1024:.1f} GiB for {count}": (
            f"{many['journal_s']:.0f}"
        ),
    }
    return found


def table(parts):
    """Return lines of a table, for a terminal and for a README alike."""
    lines = ["| # | fault | injections | outcome |", "|--:|---|--:|---|"]
    for number, text, found in parts:
        lines.append(f"| {number} | {text} | {found.injections} | {found.outcome} |")
    return lines


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--interrupts", type=int, default=50)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    options = parser.parse_args(argv)
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        say("tests of the catalogue")
        results = run_tests(directory)
        parts = [
            (number, fault.text, of_tests(fault, results))
            for number, fault in FAULTS.items()
        ]
        long = [
            (1, "killed at random", kill_and_resume, {"kills": options.kills}),
            (
                8,
                "Ctrl-C one to three times at random",
                interrupt_and_resume,
                {"interrupts": options.interrupts},
            ),
        ]
        for number, text, inject, times in long:
            found = inject(directory / f"{number}", say=say, **times)
            parts.append((number, text, found))
        for number, text, damage in (
            (3, "real rows cut at every byte", cut_everywhere),
            (4, "real rows with a bit of every byte flipped", flip_everywhere),
        ):
            found = damage_files(options.data, directory, damage)
            parts.append((number, text, found))
        parts.append((16, "many rows", read_many(options.rows)))
    parts.sort(key=lambda part: part[0])
    minutes = (time.monotonic() - start_s) / 60
    bad = [text for _, _, found in parts for text in found.violations]
    total = sum(found.injections for _, _, found in parts)
    sys.stdout.write("\n".join(table(parts)) + "\n")
    verdict = f"{len(bad)} violations" if bad else "no violation"
    sys.stdout.write(f"\n{total} injections, {verdict}, {minutes:.1f} min\n")
    sys.stdout.write("".join(f"violation: {text}\n" for text in bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
