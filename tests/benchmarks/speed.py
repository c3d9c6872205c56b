"""Measure how soon an answer comes, beside what else could be asked the question.

Run as ``python -m tests.benchmarks.speed``. Whole processes are measured in turn and
the best of several counts, so that a busy machine slows all of them alike; each is
compared with a bare ``import numpy`` of the same run. What needs a package that is not
installed is left out, and that is said. The status is 1 where a budget is exceeded.
"""

import argparse
import gc
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
RESNET50 = ROOT / "data" / "networks" / "resnet50.json"

LLAMA_70B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_hidden_layers": 80,
    "num_key_value_heads": 8,
    "max_position_embeddings": 8192,
    "vocab_size": 128256,
}
SEARCHED = 100_000
LAYERS = 10_000
HUGE = 2**31 - 1
"""Units of a layer: nothing may be allocated for what a file only says."""

TORCH_RESNET50 = (
    "import torch; from tests.benchmarks.torch_resnet50 import resnet50; "
    "net = resnet50()"
)
PEERS = {
    "Keras: read the same file, count_params()": (
        ("keras", "jax"),
        "import os; os.environ.setdefault('KERAS_BACKEND', 'jax'); "
        "import keras, pathlib; keras.models.model_from_json("
        f"pathlib.Path({str(RESNET50)!r}).read_text()).count_params()",
    ),
    "torch: build ResNet-50 without weights, FlopCounterMode": (
        ("torch",),
        "import torch; torch.set_default_device('meta'); "
        f"{TORCH_RESNET50}; from torch.utils.flop_counter import FlopCounterMode; "
        "counter = FlopCounterMode(display=False); counter.__enter__(); "
        "net(torch.empty(1, 3, 224, 224)); counter.__exit__(None, None, None)",
    ),
    "ptflops: get_model_complexity_info of ResNet-50": (
        ("torch", "ptflops"),
        f"{TORCH_RESNET50}; from ptflops import get_model_complexity_info as info; "
        "info(net, (3, 224, 224), print_per_layer_stat=False)",
    ),
    "torchinfo: summary of ResNet-50": (
        ("torch", "torchinfo"),
        f"{TORCH_RESNET50}; from torchinfo import summary; "
        "summary(net, (1, 3, 224, 224), verbose=0)",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """One line of the table: what took how much, and what it may take."""

    what: str
    value: float
    unit: str = "s"
    budget: float | None = None
    budget_says: str = ""

    @property
    def exceeded(self):
        return self.budget is not None and self.value > self.budget


def best_of(action, times):
    """Return the shortest time in s."""
    gc.collect()
    found = []
    for _ in range(times):
        start_s = time.perf_counter()
        action()
        found.append(time.perf_counter() - start_s)
    return min(found)


def whole_processes(commands, times):
    """Run commands in turn, and return the shortest time of each in s."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"  # an installed package is compiled
    }
    best = dict.fromkeys(commands, float("inf"))
    with tempfile.TemporaryDirectory() as cache:
        environment["PYTHONPYCACHEPREFIX"] = cache
        for _ in range(times + 1):  # the first compiles
            for name, command in commands.items():
                start_s = time.perf_counter()
                subprocess.run(
                    [sys.executable, *command],
                    check=True,
                    cwd=ROOT,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                best[name] = min(best[name], time.perf_counter() - start_s)
    return best


def processes(times, directory):
    """Measure whole processes: ours, and those of others that can be run here."""
    llama = directory / "config.json"
    llama.write_text(json.dumps(LLAMA_70B))
    commands = {
        "import numpy": ["-c", "import numpy"],
        "predictor --help": ["-m", "predictor", "--help"],
        "predictor estimate resnet50.json": [
            *("-m", "predictor", "estimate", str(RESNET50)),
        ],
        "predictor estimate of Llama 70B's config.json": [
            *("-m", "predictor", "estimate", str(llama)),
        ],
    }
    missing = []
    for name, (packages, code) in PEERS.items():
        if all(importlib.util.find_spec(package) for package in packages):
            commands[name] = ["-c", code]
        else:
            missing.append(f"{name}: needs {', '.join(packages)}")
    best = whole_processes(commands, times)
    numpy_s, resnet_s = (
        best["import numpy"],
        best["predictor estimate resnet50.json"],
    )
    budgets = {
        "predictor --help": (2 * numpy_s, "2 x import numpy"),
        "predictor estimate resnet50.json": (5 * numpy_s, "5 x import numpy"),
        "predictor estimate of Llama 70B's config.json": (
            1.5 * resnet_s,
            "1.5 x ResNet50's",
        ),
    }
    found = []
    for name, seconds in best.items():
        budget, says = budgets.get(name, (None, ""))
        found.append(Found(what=name, value=seconds, budget=budget, budget_says=says))
    return found, missing


def in_library(times):
    """Measure what a program that has imported the library waits for."""
    from predictor import Workload, estimate, estimate_many
    from predictor.counting import count_network
    from predictor.features import describe_steps
    from predictor.models import choose_model
    from predictor.readers import read_network

    steps = choose_model().model.steps["energy_j"]
    counts = count_network(read_network(RESNET50).architecture)
    table = describe_steps([(counts, Workload())])
    found = [
        Found(
            what="estimate(resnet50.json), again",
            value=best_of(lambda: estimate(RESNET50), times),
            budget=0.02,
            budget_says="20 ms",
        ),
        Found(
            what="one prediction of ResNet50's energy",
            value=best_of(lambda: steps.predict(table), times),
            budget=0.001,
            budget_says="1 ms",
        ),
    ]
    paths = [str(path) for path in sorted(RESNET50.parent.glob("*.json"))]
    jobs = [
        Workload(mode=mode, batch_size=2**power, samples=1000 + number)
        for number in range(SEARCHED // 16)
        for power in range(8)
        for mode in ("training", "inference")
    ]
    candidates = [(paths[place % len(paths)], job) for place, job in enumerate(jobs)]
    estimate_many(candidates)
    several = Found(
        what=f"estimate_many, {len(candidates):,} workloads of known networks",
        value=best_of(lambda: estimate_many(candidates), max(2, times // 4)),
        budget=len(candidates) / 100_000,
        budget_says="1 s per 100,000",
    )
    return [*found, several]


def stack(layers, units):
    """Return a description of dense layers one behind the other."""
    dense = {"class_name": "Dense", "config": {"units": units}}
    return {
        "class_name": "Sequential",
        "config": {"layers": [dense] * layers},
        "build_config": {"input_shape": [None, units]},
    }


def large_networks(times):
    """Measure networks that are deeper or wider than any."""
    from predictor import estimate

    half = best_of(lambda: estimate(stack(LAYERS // 2, 64)), times)
    whole = best_of(lambda: estimate(stack(LAYERS, 64)), times)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    estimate(stack(LAYERS, HUGE))
    growth_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return [
        Found(
            what=f"estimate of {LAYERS:,} layers",
            value=whole,
            budget=1.0,
            budget_says="1 s",
        ),
        Found(
            what=f"the same over {LAYERS // 2:,} layers",
            value=whole / half,
            unit="times",
            budget=2.5,
            budget_says="linear: 2.5",
        ),
        Found(
            what=f"memory for {LAYERS:,} layers of {HUGE:,} units",
            value=growth_kib / 1024,
            unit="MiB more",
            budget=64,
            budget_says="64 MiB",
        ),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=8)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as directory:
        found, missing = processes(times, Path(directory))
    numpy_s = found[0].value
    found += [*in_library(4 * times), *large_networks(max(2, times // 2))]
    table = Table(box=None)
    for title in ("what", "took", "x import numpy", "budget", ""):
        table.add_column(title, justify="left" if title == "what" else "right")
    for one in found:
        in_numpy = f"{one.value / numpy_s:.2f}" if one.unit == "s" else ""
        table.add_row(
            one.what,
            f"{one.value:.4g} {one.unit}",
            in_numpy,
            one.budget_says,
            "EXCEEDED" if one.exceeded else "",
        )
    Console(width=120).print(table)
    for line in missing:
        sys.stdout.write(f"left out, {line}\n")
    return any(one.exceeded for one in found)


if __name__ == "__main__":
    sys.exit(main())
