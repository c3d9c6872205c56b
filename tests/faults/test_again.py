"""Fault 21: the same plan twice, in another order, shows the noise that there is."""

import contextlib
import random

import pytest

from dataset_builder.checking import check_directory
from dataset_builder.sweep import SweepOptions, run_sweep
from dataset_builder.trial.trials import Outcome
from tests.dataset_builder.builders import RecordingRunner, measured_row
from tests.faults.test_resuming import Silence

pytest.importorskip("jax")

CONFIGURATIONS = 120
HALF_NORMAL_MEDIAN = 0.67449
TOLERANCE = 0.25
"""Over three times the standard error of the median of so many differences."""


@pytest.mark.parametrize("noise", [0.01, 0.04])
def test_the_noise_floor_of_the_same_plan_twice_is_the_noise_there_is(
    tmp_path, monkeypatch, noise
):
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))
    source = random.Random(7)

    def noisy(order):
        row = measured_row(order, energy_j=20.0 * source.lognormvariate(0.0, noise))
        row["steady_duration_s"] *= source.lognormvariate(0.0, noise)
        row["duration_s"] = row["steady_duration_s"] + row["cold_duration_s"]
        return Outcome(row=row)

    def sweep(**options):
        runner = RecordingRunner(tmp_path, noisy)
        run_sweep(
            SweepOptions(directory=tmp_path / "data", **options),
            progress=Silence(),
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        return [order.item.group for order in runner.orders]

    first = sweep(runs=CONFIGURATIONS)
    second = sweep(plan="again", minutes=9.0)

    floor = check_directory(tmp_path / "data").to_dict()["files"]["runs.jsonl"]
    expected = HALF_NORMAL_MEDIAN * 2**0.5 * noise
    assert second != first[: len(second)]
    for target in ("energy_j", "duration_s"):
        median = floor["noise_floor"]["all_steps"][target]["median"]
        assert median == pytest.approx(expected, rel=TOLERANCE)
    text = check_directory(tmp_path / "data").to_text()
    assert "energy per step" in text
