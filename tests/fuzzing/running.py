"""Read damaged files one after the other, and say what came out wrong.

Run as ``python -m tests.fuzzing.running MODEL_FOLDER --count N --seed S``: a process of
its own, whose memory is limited. It prints one JSON object.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import predictor
from predictor import Workload
from predictor.artefact import ARRAYS, MANIFEST, load_model
from predictor.counting import count_network
from predictor.errors import PredictorError
from predictor.features import describe_steps
from predictor.readers import read_network
from tests.fuzzing.inputs import NETWORKS, Archive, Json, Model, Onnx
from tests.fuzzing.watching import Watch, changed, limit_memory, state

MEMORY_BYTES = 256 * 2**20
LONGEST_S = 2.0
"""Of the processor's time, for one file."""


class Reader:
    """Reads one file of each format as a user would have it read."""

    def __init__(self, folder, model_folder):
        self._folder, self._model = folder, model_folder
        counts = count_network(read_network(NETWORKS / "lenet5.json").architecture)
        self._example = describe_steps([(counts, Workload())])

    def __call__(self, form, content):
        if form.name == "model":
            folder = self._folder / "model"
            folder.mkdir(exist_ok=True)
            for name, part in zip((MANIFEST, ARRAYS), content, strict=True):
                (folder / name).write_bytes(part)
            return lambda: self._predict(folder)
        path = self._folder / form.name
        path.write_bytes(content)
        return lambda: predictor.estimate(path, model=self._model).to_dict()

    def _predict(self, folder):
        model = load_model(folder)
        for target in model.steps.values():
            target.predict(self._example)


def run(model_folder, count, seed):
    """Return what came of so many damaged files."""
    chance = random.Random(seed)
    forms = [Json(), Archive(), Onnx(), Model(model_folder)]
    watch, outcomes, violations, slowest = Watch(), Counter(), [], (0.0, "")
    with tempfile.TemporaryDirectory() as directory:
        read = Reader(Path(directory), model_folder)
        for form in forms:  # what is imported once is imported
            for _ in range(20):
                _outcome(read(form, form.damaged(chance)))
        limit_memory(MEMORY_BYTES)
        for number in range(count):
            form = forms[number % len(forms)]
            action = read(form, form.damaged(chance))
            before = state()
            start_s = time.process_time()
            with watch.on():
                outcome, wrong = _outcome(action)
            took_s = time.process_time() - start_s
            slowest = max(slowest, (took_s, f"{form.name}, {seed}, {number}"))
            outcomes[f"{form.name}: {outcome}"] += 1
            if took_s > LONGEST_S:
                wrong.append(f"took {took_s:.1f} s")
            wrong += watch.heard
            wrong += [f"changes {name}" for name in changed(before, state())]
            if wrong:
                where = f"{form.name}, seed {seed}, number {number}"
                violations.append(f"{where}: {'; '.join(wrong)}")
    return {
        "count": count,
        "outcomes": dict(outcomes),
        "violations": violations,
        "slowest_s": slowest[0],
        "slowest": slowest[1],
    }


def _outcome(action):
    """Return what came of reading, and what is wrong about it."""
    try:
        action()
    except PredictorError as error:
        sentence = str(error)
        wrong = [] if sentence and "Traceback" not in sentence else ["says nothing"]
        if len(sentence) > 2000:
            wrong.append(f"says too much: {sentence:.80}")
        return "refused", wrong
    except Exception:  # noqa: BLE001 (the very thing that is looked for)
        lines = traceback.format_exc().splitlines()
        return "traceback", [f"{lines[-1]:.200} at {lines[-3].strip():.120}"]
    return "answered", []


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    json.dump(run(given.model, given.count, given.seed), sys.stdout)


if __name__ == "__main__":
    main()
