"""Commands that answer quickly, for tests of how they answer."""

import contextlib
import io
import json
from pathlib import Path

from predictor.models import DEFAULT_MODEL
from tests.dataset_builder.synthetic_sets import SyntheticSet
from tests.predictor import device

ROOT = Path(__file__).parents[2]
MODEL = str(ROOT / "models" / DEFAULT_MODEL)
NETWORKS = ROOT / "data" / "networks"
PLATFORM = {"hardware": "AMD EPYC (2 cores)", "source": "modelled"}


def network(name):
    return str(NETWORKS / f"{name}.json")


def measured(folder, count, *, name="rows.jsonl", seed=0):
    rows = [row | PLATFORM for row in device.rows(count, seed=seed)]
    return str(device.write_rows(folder / name, rows))


def swept(folder):
    made = SyntheticSet(folder / "swept")
    for name, seed in (("runs.jsonl", 0), ("zoo.jsonl", 9)):
        for number, row in enumerate(device.rows(3, seed=seed)):
            windows = [{"duration_s": 2.0, "valid": True}]
            stamps = made.timed(9.8) | {"id": f"{name}{number}", "windows": windows}
            made.append(name, row | PLATFORM | stamps)
    return str(made.directory)


def transformer(folder):
    path = folder / "config.json"
    sizes = {"n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 50}
    path.write_text(json.dumps({"model_type": "gpt2", "n_positions": 16} | sizes))
    return str(path)


def printed(program, *arguments):
    """Return what a program prints to stdout."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        status = program(list(arguments))
    assert status in (0, 1)
    return text.getvalue()
