"""Damage files at random, read them, and print what came of it.

Run as ``python -m tests.benchmarks.fuzz``: 100,000 damaged files, a quarter each of
Keras' and Hugging Face's JSON, `.keras` archives, ONNX files and fitted models, most of
the latter with checksums that fit. Each is to be answered or refused in a sentence,
in 2 s of the processor's time and 256 MiB of further memory, without a socket, a
process, a written file or an import of a framework, and with nothing changed that the
whole program shares. The status is 1 where one was not.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from predictor.artefact import save_model
from predictor.dataset import read_measurements, step_table
from predictor.fitting import fit_model
from tests.predictor import device

AT_ONCE = 2_500
"""Files of one process: what leaks would show, and a crash loses little."""


def make_model(directory):
    """Fit a small model on a made-up device."""
    rows = device.write_rows(directory / "runs.jsonl", device.rows())
    measurements = read_measurements([rows])
    folder = directory / "made-up"
    save_model(
        fit_model(measurements, name="made-up"),
        folder,
        example=step_table(measurements[:1]),
    )
    return folder


def run_part(model, count, seed):
    """Read damaged files in a process of its own."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzzing.running", str(model)),
            *("--count", str(count), "--seed", str(seed)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    if ended.returncode == 0 and ended.stdout:
        return json.loads(ended.stdout)
    said = ended.stderr.strip().splitlines()[-1:]
    died = f"seed {seed}: the process ended with status {ended.returncode} {said}"
    return {"count": 0, "outcomes": {}, "violations": [died], "slowest_s": 0.0}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    parts = -(-given.count // AT_ONCE)
    with tempfile.TemporaryDirectory() as directory:
        model = make_model(Path(directory))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(
                pool.map(
                    lambda number: run_part(model, AT_ONCE, given.seed + number),
                    range(parts),
                )
            )
    outcomes = sum((Counter(one["outcomes"]) for one in found), Counter())
    violations = [line for one in found for line in one["violations"]]
    table = Table(box=None)
    for title in ("file", "damaged", "answered", "refused", "traceback"):
        table.add_column(title, justify="left" if title == "file" else "right")
    for name in sorted({key.partition(":")[0] for key in outcomes}):
        counts = [
            outcomes[f"{name}: {outcome}"]
            for outcome in ("answered", "refused", "traceback")
        ]
        table.add_row(name, *(f"{count:,}" for count in (sum(counts), *counts)))
    console = Console(width=100)
    console.print(table)
    slowest_s = max(one["slowest_s"] for one in found)
    console.print(f"slowest: {slowest_s:.2f} s; violations: {len(violations)}")
    for line in violations[:20]:
        sys.stdout.write(f"{line}\n")
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
