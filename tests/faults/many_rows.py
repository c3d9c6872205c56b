"""Fault 16: what reading many rows takes. Run as a program with the number of rows."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from dataset_builder.store.journal import latest_rows, read_journal, row_checksum
from dataset_builder.store.manifest import store_network
from predictor.dataset import read_measurements
from tests.dataset_builder.builders import measured_row, tiny_configuration

MEBIBYTE = 1024**2
LARGEST_FITTED = 50_000
"""Nobody fits more rows than this; the journal is read whatever its length."""


def write_rows(directory, count):
    """Write a file of rows of one network, each with an id of its own."""
    item = tiny_configuration()
    store_network(directory, item.network)
    row = measured_row(_Order(item)) | {"hardware": "Chip A"}
    path = directory / "runs.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            row["id"] = f"{number:016x}"
            row["checksum"] = row_checksum(row)
            stream.write(json.dumps(row, separators=(",", ":")) + "\n")
    return path


class _Order:
    def __init__(self, item):
        self.item = item
        self.identity = ""
        self.attempt = 1
        self.fields = {
            "backend": "jax",
            "platform": "cpu/jax/float32",
            "source_dataset": "many",
        }


def peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def timed(read, count):
    """Return how many rows are read, and the shortest time of several."""
    times_s = []
    for _ in range(3 if count <= LARGEST_FITTED else 1):
        start_s = time.process_time()
        rows = len(read())
        times_s.append(time.process_time() - start_s)
    return rows, min(times_s)


def main():
    count = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        path = write_rows(Path(name), count)
        before_bytes = peak_bytes()
        rows, journal_s = timed(lambda: latest_rows(read_journal(path).rows), count)
        found = {
            "rows": rows,
            "file_mib": path.stat().st_size / MEBIBYTE,
            "journal_s": journal_s,
            "journal_mib": (peak_bytes() - before_bytes) / MEBIBYTE,
        }
        if count <= LARGEST_FITTED:
            rows, fit_s = timed(lambda: read_measurements([path]), count)
            found["measurements"], found["measurements_s"] = rows, fit_s
            found["all_mib"] = (peak_bytes() - before_bytes) / MEBIBYTE
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
