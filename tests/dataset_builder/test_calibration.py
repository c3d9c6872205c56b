"""A calibration measures what it knows least, nothing twice, and ends by itself."""

import contextlib
import itertools
from collections import Counter

import numpy as np
import pytest

from dataset_builder.calibration.choice import (
    FAMILY_ROWS,
    ROUND_ROWS,
    choose_next,
    disagreement,
    make_candidate,
)
from dataset_builder.calibration.course import Calibration, Finished
from dataset_builder.calibration.stopping import FEWEST_ROWS, FIRST_ROWS, half_width
from dataset_builder.checking.check import check_directory
from dataset_builder.cli import main
from dataset_builder.plan.space import calibration_plan
from dataset_builder.sweep import SweepOptions, run_sweep
from dataset_builder.trial.trials import Outcome
from predictor.counting.operation import OPERATION_KINDS
from predictor.dataset import Measurement, step_table
from predictor.features import describe_steps
from predictor.fitting import targets_of
from predictor.hardware import Platform
from predictor.regressors.physical import fit_physical
from predictor.workload import Workload
from tests.dataset_builder.builders import RecordingRunner, measured_row

PLATFORM = Platform(
    hardware="made-up device", backend="jax", dtype="float32", source="wall"
)
STEPS = 10


def kind_prices(seed):
    """Draw what an operation of each kind costs, relative to the others."""
    return np.random.default_rng(seed).lognormal(0.0, 0.7, len(OPERATION_KINDS))


PRICES = kind_prices(3)


def step_j(candidate, prices=PRICES):
    """Price a step on a noiseless device whose kinds of operations cost differently."""
    table = describe_steps([(candidate.network, candidate.workload)])
    moved = table.column("activation_bytes") + table.column("weight_bytes")
    per_operation = (
        2e-10 * table.column("macs") + 1e-9 * moved + 2e-4 * table.column("launches")
    ) * prices[table.column("kind").astype(int)]
    return float(table.total(per_operation)[0]) + 3e-3


def identity(item):
    return item.identity("cpu/jax/float32")


def measured(candidate, prices=PRICES):
    item = candidate.item
    return Measurement(
        network=candidate.network,
        workload=Workload(
            mode=item.mode,
            batch_size=item.batch_size,
            samples=STEPS * item.batch_size,
            optimizer=item.optimizer,
        ),
        platform=PLATFORM,
        energy_j=STEPS * step_j(candidate, prices),
        duration_s=None,
        cold_energy_j=None,
        cold_duration_s=None,
        cold_valid=False,
        group=item.group,
        family=item.family,
        split=None,
        peer_energy_j=None,
        row={"id": identity(item)},
    )


class Bench:
    """Measures at once what a calibration hands out; some of it fails."""

    def __init__(self, *, rows=(), lost=(), fails=lambda number: False):
        self.rows, self.lost, self.fails = list(rows), set(lost), fails
        self.items, self.said = [], []
        self.number = len(self.rows) + len(self.lost)
        self.calibration = Calibration(
            1,
            identity=identity,
            look=lambda: Finished(rows=tuple(self.rows), lost=frozenset(self.lost)),
            done={str(row.row["id"]) for row in self.rows} | self.lost,
            begun=set(),
            say=self.said.append,
        )

    def measure(self, count):
        for item in itertools.islice(self.calibration.plan(), count):
            self.items.append(item)
            if self.fails(self.number):
                self.lost.add(identity(item))
            else:
                self.rows.append(measured(make_candidate(item)))
            self.number += 1
        return self


@pytest.fixture(scope="module")
def sequence():
    """The first candidates of the calibration sequence."""
    return [make_candidate(i) for i in itertools.islice(calibration_plan(1), 260)]


@pytest.fixture(scope="module")
def bench():
    """Three rounds after the first rows."""
    return Bench().measure(FIRST_ROWS + 3 * ROUND_ROWS)


def rows_chosen(pool, prices, *, rounds):
    """Measure the first of a pool, and then round by round what is chosen."""
    rows = [measured(candidate, prices) for candidate in pool[:FIRST_ROWS]]
    for _ in range(rounds):
        known = {row.row["id"] for row in rows}
        left = {identity(c.item): c for c in pool if identity(c.item) not in known}
        order = choose_next(rows, list(left.values()), seed=1)
        chosen = [left[identity(item)] for item in order[:ROUND_ROWS]]
        rows += [measured(candidate, prices) for candidate in chosen]
    return rows


def rounds_of(items):
    chosen = items[FIRST_ROWS:]
    return [
        chosen[first : first + ROUND_ROWS]
        for first in range(0, len(chosen), ROUND_ROWS)
    ]


def test_the_first_rows_are_those_that_fill_the_space(bench, sequence):
    in_order = [candidate.item for candidate in sequence[: len(bench.items)]]

    assert bench.items[:FIRST_ROWS] == in_order[:FIRST_ROWS]
    assert bench.items[FIRST_ROWS:] != in_order[FIRST_ROWS:]


def test_a_round_has_no_architecture_twice_and_few_of_a_family(bench):
    for items in rounds_of(bench.items):
        assert len({item.group for item in items}) == ROUND_ROWS
        assert max(Counter(item.family for item in items).values()) <= FAMILY_ROWS


def test_nothing_is_measured_twice(bench):
    assert len({identity(item) for item in bench.items}) == len(bench.items)


def test_orders_that_are_not_finished_are_not_chosen_again(sequence):
    bench = Bench(rows=[measured(candidate) for candidate in sequence[:FIRST_ROWS]])

    items = list(itertools.islice(bench.calibration.plan(), 5 * ROUND_ROWS))

    assert len({identity(item) for item in items}) == len(items)
    assert not {identity(item) for item in items} & {
        row.row["id"] for row in bench.rows
    }


def test_an_interrupted_calibration_goes_on_as_one_that_was_not():
    def fails(number):
        return number == FIRST_ROWS + 2

    whole = Bench(fails=fails).measure(43)

    part = Bench(fails=fails).measure(29)
    rest = Bench(rows=part.rows, lost=part.lost, fails=fails).measure(14)

    assert part.items + rest.items == whole.items
    assert rest.calibration.half_widths == whole.calibration.half_widths


def test_the_same_rows_pool_and_seed_give_the_same_choice(sequence):
    rows = [measured(candidate) for candidate in sequence[:FIRST_ROWS]]
    pool = sequence[FIRST_ROWS:90]

    first, second = (choose_next(rows, pool, seed=1) for _ in range(2))

    assert first == second
    assert sorted(map(identity, first)) == sorted(identity(c.item) for c in pool)


def test_the_committee_is_less_sure_of_its_choice_than_of_the_pool(sequence):
    rows = [measured(candidate) for candidate in sequence[:FIRST_ROWS]]
    pool = sequence[FIRST_ROWS:174]

    spread = disagreement(rows, pool, seed=1)
    chosen = {identity(item) for item in choose_next(rows, pool, seed=1)[:ROUND_ROWS]}

    is_chosen = np.array([identity(candidate.item) in chosen for candidate in pool])
    assert is_chosen.sum() == ROUND_ROWS
    assert spread[is_chosen].mean() > 1.5 * spread.mean()


def test_chosen_rows_teach_no_less_than_as_many_of_the_sequence(sequence):
    pool = sequence[:174]
    known = {candidate.item.group for candidate in pool}
    unknown = [c for c in sequence[174:] if c.item.group not in known]
    asked = describe_steps((c.network, c.workload) for c in unknown)
    chosen, in_order = [], []
    for seed in range(3):
        prices = kind_prices(seed)
        rows = rows_chosen(pool, prices, rounds=3)
        truth = np.array([step_j(candidate, prices) for candidate in unknown])
        for found, fitted in (
            (chosen, rows),
            (
                in_order,
                [measured(candidate, prices) for candidate in pool[: len(rows)]],
            ),
        ):
            model = fit_physical(step_table(fitted), targets_of(fitted, "energy_j"))
            found.append(np.abs(np.log(model.predict(asked) / truth)).mean())

    assert len(unknown) > 50
    assert np.mean(chosen) < 1.05 * np.mean(in_order)


def test_later_rows_of_a_judged_architecture_are_left_out_with_it(bench):
    first = bench.rows[:FIRST_ROWS]

    assert half_width(first + first, seed=1) > 0.5 * half_width(first, seed=1)


class Listener:
    """Remembers what it is told."""

    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)

    def trial(self, text, summary):
        pass


@pytest.fixture
def calibrate(tmp_path, monkeypatch):
    """Calibrate a made-up device: returns summary, orders and what was said."""
    pytest.importorskip("jax")
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))

    def answer(order, prices=PRICES):
        energy_j = STEPS * step_j(make_candidate(order.item), prices)
        return Outcome(row=measured_row(order, energy_j=energy_j))

    def run(answer=answer, *, name="data", **options):
        runner, listener = RecordingRunner(tmp_path, answer), Listener()
        summary = run_sweep(
            SweepOptions(directory=tmp_path / name, plan="calibrate", **options),
            progress=listener,
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        return summary, [order.identity for order in runner.orders], listener.said

    run.answer = answer
    return run


def test_a_sweep_chooses_alike_in_one_session_and_in_two(calibrate, tmp_path):
    whole = calibrate(runs=37, name="whole")

    first = calibrate(runs=28)
    second = calibrate(runs=9)

    assert first[1] + second[1] == whole[1]
    assert second[0].skipped == 28
    assert second[0].calibration.rows == 37
    assert second[0].calibration.half_widths == pytest.approx(
        whole[0].calibration.half_widths
    )
    facts = [section.facts for section in check_directory(tmp_path / "data").sections]
    assert facts[0]["wrong_ids"] == facts[0]["missing_networks"] == []


def test_what_is_not_valid_is_measured_again_in_the_next_session(calibrate):
    asked = []

    def disturbed(order):
        asked.append(order.identity)
        if len(asked) == FIRST_ROWS + 4:
            raise KeyboardInterrupt
        row = calibrate.answer(order).row
        if len(asked) == FIRST_ROWS + 2:
            row |= {"valid": False, "invalid_reason": "foreign load 9 %"}
        return Outcome(row=row)

    calibrate(disturbed)
    _, orders, _ = calibrate(runs=1)

    assert orders == [asked[FIRST_ROWS + 1]]


def test_a_noiseless_device_ends_a_calibration_early_and_says_why(calibrate):
    def plain(order):
        return calibrate.answer(order, np.ones_like(PRICES))

    summary, _, said = calibrate(plain, runs=200)

    report = summary.calibration
    assert FEWEST_ROWS <= report.rows == summary.valid < 200
    assert report.settled
    assert said[-1].startswith("calibration stops: in 3 rounds")
    assert "24 valid rows: left-out networks within a factor of" in said[0]
    text = report.to_text()
    assert f"calibration: {report.rows} valid rows in " in text
    assert "J (modelled)" in text
    assert "stopped: in 3 rounds" in text
    assert report.energy_j > summary.energy_j


def test_a_calibration_that_is_over_stays_over(calibrate, monkeypatch):
    monkeypatch.setattr(
        "dataset_builder.calibration.course.is_settled", lambda half_widths: True
    )
    calibrate(runs=40)
    summary, orders, said = calibrate(runs=5)

    assert orders == []
    assert summary.calibration.settled
    assert said[-1].startswith("calibration stops")


def test_a_short_calibration_has_no_interval_and_goes_on(calibrate):
    summary, _, said = calibrate(runs=3)

    text = summary.calibration.to_text()
    assert said == []
    assert "no interval yet: it takes 24 valid rows" in text
    assert "the same command goes on" in text


def test_a_part_of_a_calibration_is_refused(capsys, tmp_path):
    options = ["--plan", "calibrate", "--shard", "1/2"]

    assert main(["sweep", "--out", str(tmp_path / "x"), *options]) == 2
    assert "chooses by all rows" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
