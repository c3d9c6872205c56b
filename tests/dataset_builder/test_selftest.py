"""A GPU's counter is believed only if it moves and agrees with its power."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.meters.selftest import LOAD_S, counter_selftest, gpu_selftest
from dataset_builder.testkit.clock import FakeClock
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from predictor.errors import MeasurementError


class Gpu:
    """A GPU of constant power whose counter changes now and then, and may lie."""

    def __init__(self, *, power_w=300.0, update_s=0.1, truth=1.0):
        self.clock = FakeClock()
        self.power_w = power_w
        self._update_s = update_s
        self._truth = truth

    def energy_j(self):
        updates = int(self.clock() / self._update_s + 1e-9)
        return updates * self._update_s * self.power_w * self._truth

    def test(self, step_s=0.05):
        return counter_selftest(
            "GPU 0",
            read_energy_j=self.energy_j,
            read_power_w=lambda: self.power_w,
            load=lambda: self.clock.sleep(step_s),
            clock=self.clock,
            sleep=self.clock.sleep,
        )


@given(st.sampled_from([0.02, 0.1, 0.25]), st.floats(20.0, 1000.0))
@settings(max_examples=20)
def test_the_update_period_is_found_and_a_true_counter_believed(update_s, power_w):
    found = Gpu(update_s=update_s, power_w=power_w).test()

    assert found.update_s == pytest.approx(update_s, abs=2e-3)
    assert found.duration_s == pytest.approx(LOAD_S, abs=0.06)
    assert found.power_energy_j == pytest.approx(power_w * found.duration_s)
    assert not found.counter_suspect


@pytest.mark.parametrize("truth", [0.57, 0.85, 1.15, 2.0])
def test_a_counter_more_than_ten_percent_off_is_suspect(truth):
    found = Gpu(truth=truth).test()

    assert found.counter_suspect
    assert "% apart" in found.suspicion


@pytest.mark.parametrize("truth", [0.93, 1.07])
def test_a_counter_less_than_ten_percent_off_is_believed(truth):
    assert not Gpu(truth=truth).test().counter_suspect


def test_a_counter_that_stands_still_is_suspect():
    found = Gpu(update_s=1e9).test()

    assert found.update_s is None
    assert "stood still" in found.suspicion


def test_a_counter_that_goes_backwards_is_suspect():
    assert Gpu(truth=-1.0).test().counter_suspect


def test_the_result_can_be_written_as_json():
    fields = json.loads(json.dumps(Gpu().test().to_dict()))

    assert fields["counter_suspect"] is False
    assert fields["updates"] == pytest.approx(30, abs=1)


def test_a_gpu_without_power_cannot_be_tested():
    nvml = FakeNvml(gpus=[FakeGpu(power_w=None)])

    with pytest.raises(MeasurementError, match="power cannot be read"):
        gpu_selftest(0, lambda: None, nvml)
