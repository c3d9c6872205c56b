"""Judge the regressors on measurements that others published.

Run as ``python -m tests.benchmarks.external [DIRECTORY]``. The directory holds the
files named in `CASES`, rows in our format; users do not have it, and then the program
says so and ends well. One configuration serves all of them: nothing here is passed to
a fit but rows, folds and, where a case says so, a model of other files to start from.
The status is 1 where a figure asked for was not reached.
"""

import argparse
import csv
import gzip
import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from predictor.dataset import read_measurements
from predictor.evaluation import evaluate_folds
from predictor.fitting import fit_model
from predictor.regressors import BASELINES, CANDIDATES
from predictor.splits import grouped_folds, split_rows

DIRECTORY = Path(__file__).parents[3] / "shared" / "external"
SINGLE_METRICS = ("flops", "params", "mean")
SAID_OF_CHOSEN = ("median_ape", "worst_ape", "coverage")
SHOWN = ("chosen", *CANDIDATES, *BASELINES, "tdp_time")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One split of one platform's rows, and what is asked of it.

    `platform` is how the label of its rows' platform begins; `mode` says which rows are
    judged (all are fitted); `asked` is the largest mean error, `peer` the published
    one. Of a case with few networks it is asked not to be worse than the best single
    metric, and with the model of `start` to be `TIMES` better.
    """

    title: str
    files: tuple[str, ...]
    folds: Callable
    platform: str = ""
    mode: str | None = None
    asked: float | None = None
    peer: float | None = None
    few: bool = False
    start: tuple[str, str] | None = None


TIMES = 1.5
LARGEST_START = 400
"""Rows that a model to start from is fitted on, at most."""


def leave_out(key, folds=None):
    """Return folds that leave out each network or family, or several at a time."""

    def make(items):
        keys = [getattr(item, key) for item in items]
        return grouped_folds(keys, folds=folds or len(set(keys)), seed=0)

    return make


def published(items):
    return split_rows(items, "published")


def from_four_and_five_to_seven(items):
    """Fit on one search space and predict the networks that only the other has."""
    small = [item.row["source_dataset"] != "ec_nas_7v" for item in items]
    known = {
        item.group for item, is_small in zip(items, small, strict=True) if is_small
    }
    test = [
        place
        for place, item in enumerate(items)
        if not small[place] and item.group not in known
    ]
    return [(np.flatnonzero(small), np.array(test))]


IMAGENET = ("imagenet_eff22.jsonl.gz",)
EC_NAS_7V, EC_NAS_4V5V = "ec_nas_7v.jsonl.gz", "ec_nas_4v5v.jsonl.gz"
TRAIN_ONLY = "ec_nas_4v5v_train_only.csv.gz"
PEN = ("pen.jsonl.gz", "pen_torchvision.jsonl.gz")
GPU, CPU = "Quadro RTX 5000", "Xeon W-2155, "
network, family = leave_out("group"), leave_out("family")


def imagenet(backend, machine, **asked):
    where = f"{'GPU' if machine == GPU else 'CPU'} {backend}"
    return Case(
        title=f"ImageNetEff22, {where}, network left out",
        files=IMAGENET,
        folds=network,
        platform=f"{machine}{' + Xeon W-2155, ' if machine == GPU else ''}{backend},",
        mode="inference",
        **asked,
    )


CASES = (
    Case(
        title="EC-NAS 7V, published split",
        files=(EC_NAS_7V,),
        folds=published,
        asked=0.015,
        peer=0.0239,
    ),
    Case(
        title="EC-NAS 4V+5V to 7V, training only",
        files=(EC_NAS_4V5V, EC_NAS_7V),
        folds=from_four_and_five_to_seven,
        asked=0.055,
    ),
    imagenet("tensorflow", GPU, asked=0.11),
    imagenet("torch", GPU, asked=0.08),
    imagenet("tensorflow", CPU, asked=0.13),
    imagenet("torch", CPU),
    imagenet("onnxruntime-tensorflow", CPU, asked=0.075),
    imagenet("onnxruntime-torch", CPU),
    Case(
        title="BUTTER-E, data set left out",
        files=("butter_e.jsonl.gz",),
        folds=family,
        asked=0.18,
        peer=0.277,
    ),
    Case(
        title="PEN without recurrent nets, by network",
        files=PEN,
        folds=leave_out("group", 5),
        asked=0.12,
    ),
    *(
        Case(
            title=f"ImageNetEff22 training, {backend}, family left out",
            files=IMAGENET,
            folds=family,
            platform=f"{GPU} + Xeon W-2155, {backend},",
            mode="training",
            few=True,
            start=(EC_NAS_7V, ""),
        )
        for backend in ("tensorflow", "torch")
    ),
    *(
        Case(
            title=f"GAISSA, {card}, network left out",
            files=("gaissa.jsonl.gz",),
            folds=network,
            platform=f"NVIDIA GeForce {card},",
            few=True,
            start=(IMAGENET[0], f"{GPU} + Xeon W-2155, tensorflow,"),
        )
        for card in ("RTX 3090", "RTX 3070")  # a third one trained two networks only
    ),
)


FEW_ROWS, MORE_ROWS = 20, 60
TRANSFERS = (("RTX 3070", "RTX 3090"), ("RTX 3090", "RTX 3070"))
"""Cards that trained the same networks: the one fitted, and the one started from."""


class Files:
    """Reads each file once."""

    def __init__(self, directory):
        self.directory = directory
        self.read = {}

    def rows(self, name):
        if name not in self.read:
            items = read_measurements([str(self.directory / name)])
            if name in PEN:
                items = [item for item in items if item.family != "rnn"]
            if name == EC_NAS_4V5V:
                items = self.training_only(items)
            self.read[name] = items
        return self.read[name]

    def training_only(self, items):
        """Return the rows with the energy of training alone, which 7V tells."""
        with gzip.open(self.directory / TRAIN_ONLY, "rt") as stream:
            labels = [
                float(line["train_only_energy_j"]) for line in csv.DictReader(stream)
            ]
        platform = self.rows(EC_NAS_7V)[0].platform
        return [
            replace(item, energy_j=energy_j, duration_s=None, platform=platform)
            for item, energy_j in zip(items, labels, strict=True)
        ]

    def platform(self, names, platform):
        items = [item for name in names for item in self.rows(name)]
        return [item for item in items if item.platform.label.startswith(platform)]


def errors_of(case, items, base=None):
    """Return the mean, median and worst error, coverage and n by regressor."""
    evaluation = evaluate_folds(
        items, case.folds(items), split=case.title, targets=("energy_j",), base=base
    )
    judged = [
        prediction
        for prediction in evaluation.predictions
        if case.mode in (None, items[prediction.row].workload.mode)
    ]
    return {
        result["regressor"]: result
        for result in replace(evaluation, predictions=tuple(judged)).results()
    }


def judge(case, files, models):
    """Return the rows of the table of one case: what, errors, limit, reached."""
    items = files.platform(case.files, case.platform)
    errors = errors_of(case, items)
    limit = case.asked
    if case.few:
        limit = min(errors[name]["mape"] for name in SINGLE_METRICS)
    yield case.title, errors, limit
    if case.start:
        if case.start not in models:
            name, platform = case.start
            rows = files.platform((name,), platform)
            rows = rows[:: 1 + len(rows) // LARGEST_START]
            models[case.start] = fit_model(rows, name=name)
        started = errors_of(case, items, models[case.start])
        yield f"  started from {case.start[0]}", started, limit / TIMES


def thinned(items, fold, rows):
    """Return a fold with so many training rows, as even over networks as can be."""
    train, test = fold
    order = np.random.default_rng(0).permutation(train)
    by_network = {}
    for row in order:
        by_network.setdefault(items[int(row)].group, []).append(row)
    turns = itertools.zip_longest(*by_network.values())
    kept = [row for turn in turns for row in turn if row is not None]
    return np.sort(kept[:rows]), test


def judge_transfer(card, other, files):
    """Return rows as `judge` does: many rows alone, then few from another card."""
    items, there = (
        files.platform(("gaissa.jsonl.gz",), f"NVIDIA GeForce {name},")
        for name in (card, other)
    )
    folds = network(items)

    def errors(rows, base=None):
        return errors_of(
            Case(title="", files=(), folds=lambda _: folds_of(rows)), items, base
        )

    def folds_of(rows):
        return [thinned(items, fold, rows) for fold in folds]

    alone = errors(MORE_ROWS)
    yield f"GAISSA, {card}, {MORE_ROWS} rows of other networks", alone, None
    started = errors(FEW_ROWS, fit_model(there, name=other))
    limit = alone["chosen"]["mape"]
    yield f"  {FEW_ROWS} rows, started from {other}", started, limit


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", nargs="?", type=Path, default=DIRECTORY)
    parser.add_argument("--only", default="", help="cases whose title holds this")
    options = parser.parse_args(argv)
    if not options.directory.is_dir():
        sys.stderr.write(f"{options.directory} is not there: nothing to judge\n")
        return 0
    files, models, missed = Files(options.directory), {}, 0
    table = Table(box=None, padding=(0, 2, 0, 0), title="mean error of energy")
    for title in ("case", "n", "asked", "peer", *SHOWN, *SAID_OF_CHOSEN):
        table.add_column(title, justify="left" if title == "case" else "right")
    work = [
        (case.title, case.peer, partial(judge, case, files, models)) for case in CASES
    ]
    work += [
        (f"transfer to {card}", None, partial(judge_transfer, card, other, files))
        for card, other in TRANSFERS
    ]
    for name, peer, judged in work:
        if options.only not in name:
            continue
        start_s = time.monotonic()
        for title, errors, limit in judged():
            chosen = errors["chosen"]
            reached = limit is None or chosen["mape"] <= limit
            missed += not reached
            cells = [
                f"{errors[name]['mape']:.1%}" if name in errors else "-"
                for name in SHOWN
            ]
            if not reached:
                cells[0] = f"[red]{cells[0]}[/red]"
            table.add_row(
                title,
                str(chosen["n"]),
                "-" if limit is None else f"{limit:.1%}",
                "-" if peer is None else f"{peer:.1%}",
                *cells,
                *(
                    f"{chosen[name]:.1%}"
                    for name in ("median_ape", "worst_ape", "coverage")
                ),
            )
            said = "" if limit is None else f", asked {limit:.2%}"
            sys.stderr.write(
                f"{title}: {chosen['mape']:.2%}{said} "
                f"in {time.monotonic() - start_s:.0f} s\n"
            )
    Console(width=240 if not sys.stdout.isatty() else None).print(table)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
