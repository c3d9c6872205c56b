"""A meter is compared with counters beside it, and its readings doubted by them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.meters.counters import nvml_counters, rapl_counters
from dataset_builder.meters.cross_check import CrossCheckedMeter
from dataset_builder.meters.readings import MeterDescription
from dataset_builder.testkit.clock import FakeClock
from dataset_builder.testkit.meters import ReplayMeter
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.testkit.powercap import RANGE_J, make_zone
from dataset_builder.trial.protocol import run_trial
from predictor.errors import MeasurementError
from predictor.sensors import rapl_zones
from tests.dataset_builder.builders import reading, snapshot

MEASURED = MeterDescription(cpu_tier="rapl", ram_tier="constant", gpu_tier="absent")
MODELLED = replace(MEASURED, cpu_tier="cpu_load_process")
ON_GPU = replace(MODELLED, gpu_tier="nvml_energy")
SAMPLED = replace(MODELLED, gpu_tier="nvml_power")
WINDOW_S = 2.0


def of_cpu(energy_j, duration_s=WINDOW_S, gpu_energy_j=None):
    return replace(
        reading(1.0, duration_s, gpu_energy_j=gpu_energy_j), cpu_energy_j=energy_j
    )


def measured(root, said_j, used_j, *, description=MEASURED, act=None, start_j=500.0):
    """Return what a meter says that claims one energy while another is used."""
    clock = FakeClock()
    zone = make_zone(root, "intel-rapl:0", "package-0", energy_j=start_j)
    said = said_j if isinstance(said_j, Exception) else of_cpu(said_j)

    def work():
        clock.sleep(WINDOW_S)
        zone.use(used_j)
        if act is not None:
            act(zone)

    counters = rapl_counters(rapl_zones(root))
    meter = CrossCheckedMeter(ReplayMeter([said], description), counters, clock=clock)
    return meter.measure(work)


@given(st.floats(0.5, 2.0))
@settings(max_examples=30)
def test_two_percent_of_disagreement_are_doubted(tmp_path_factory, ratio):
    found = measured(tmp_path_factory.mktemp("powercap"), 100.0 * ratio, 100.0)

    assert found.cpu_energy_j == 100.0 * ratio
    assert found.counted.cpu_energy_j == pytest.approx(100.0, abs=1e-3)
    if abs(ratio - 1) > 0.022:
        assert "% apart" in found.doubt
    if abs(ratio - 1) < 0.02:
        assert found.doubt is None


def test_one_new_start_of_the_counter_is_no_reason_for_doubt(tmp_path):
    found = measured(tmp_path, 100.0, 100.0, start_j=RANGE_J - 30.0)

    assert found.doubt is None
    assert found.counted.cpu_energy_j == pytest.approx(100.0, abs=1e-3)


def test_a_model_is_not_compared_but_the_counter_is_kept(tmp_path):
    found = measured(tmp_path, 10.0, 100.0, description=MODELLED)

    assert found.doubt is None
    assert found.counted.cpu_energy_j == pytest.approx(100.0, abs=1e-3)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda zone: zone.hide(), "cannot be read"),
        (lambda zone: zone.show("nan"), "no energy"),
        (lambda zone: zone.use(-150.0), "went backwards"),
        (lambda zone: zone.use(10_000.0), "more than can be"),
    ],
)
def test_a_counter_that_fails_makes_the_reading_doubtful(tmp_path, act, reason):
    found = measured(tmp_path, 100.0, 100.0, act=act)

    assert reason in found.doubt
    assert found.counted.cpu_energy_j is None
    assert found.energy_j > 0


def test_a_meter_that_fails_is_explained_by_the_counters(tmp_path):
    with pytest.raises(MeasurementError, match=r"0 J.*; package-0: stood still"):
        measured(tmp_path, MeasurementError("the meter returned 0 J"), 0.0)


def test_the_meters_own_doubt_comes_first(tmp_path):
    clock = FakeClock()
    said = replace(of_cpu(100.0), doubt="own")

    meter = CrossCheckedMeter(ReplayMeter([said], MEASURED), (), clock=clock)

    assert meter.measure(lambda: None).doubt == "own"


def test_reading_the_meters_is_timed_apart_from_the_work():
    clock = FakeClock()

    class Slow(ReplayMeter):
        def measure(self, work):
            clock.sleep(0.25)
            return super().measure(work)

    meter = CrossCheckedMeter(Slow([of_cpu(1.0)], MODELLED), (), clock=clock)

    found = meter.measure(lambda: clock.sleep(WINDOW_S))

    assert found.metering_s == pytest.approx(0.25)
    assert found.duration_s == WINDOW_S


def test_an_idle_period_is_checked_like_work(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=1.0)
    clock = FakeClock()

    class Sleeping(ReplayMeter):
        def measure_idle(self, seconds):
            return self.measure(lambda: clock.sleep(seconds))

    counters = rapl_counters(rapl_zones(tmp_path))
    meter = CrossCheckedMeter(
        Sleeping([of_cpu(5.0, 30.0)], MEASURED), counters, clock=clock
    )

    assert "stood still for 30.0 s" in meter.measure_idle(30.0).doubt


@pytest.mark.parametrize(
    ("description", "said_j", "doubted"),
    [(ON_GPU, 1000.0, False), (ON_GPU, 1200.0, True), (SAMPLED, 1200.0, False)],
)
def test_a_gpu_is_compared_where_it_has_a_counter(description, said_j, doubted):
    clock, gpu = FakeClock(), FakeGpu(energy_j=10.0)

    def work():
        clock.sleep(5.0)
        gpu.use(1000.0)

    has_counter = description is ON_GPU
    counters = nvml_counters([0], FakeNvml(gpus=[gpu])) if has_counter else ()
    said = of_cpu(1.0, 5.0, gpu_energy_j=said_j)
    meter = CrossCheckedMeter(ReplayMeter([said], description), counters, clock=clock)

    found = meter.measure(work)

    assert (found.doubt is not None) is doubted
    assert found.gpu_energy_j == said_j


class FailingOnce:
    """A job on an emulated processor whose counter fails in one of its runs."""

    def __init__(self, root, fault, failing_run):
        self.clock = FakeClock()
        self.zone = make_zone(root, "intel-rapl:0", "package-0", energy_j=500.0)
        counters = rapl_counters(rapl_zones(root))
        self.meter = CrossCheckedMeter(self, counters, clock=self.clock)
        self._fault, self._failing_run = fault, failing_run
        self._steps, self._measured, self._used_j = 1, 0, 0.0

    def prepare(self, steps):
        self._steps = steps
        return steps

    def run(self):
        self.clock.sleep(0.1 * self._steps)
        self.zone.use(5.0 * self._steps)
        self._used_j = 5.0 * self._steps

    def measure(self, work):
        start_s = self.clock()
        work()
        self._measured += 1
        shown = (self.zone.path / "energy_uj").read_text()
        if self._measured == self._failing_run:
            self._fault(self.zone)
            self._repair = shown
        return of_cpu(self._used_j, self.clock() - start_s)

    def describe(self):
        return MEASURED

    def snapshot(self):
        self.zone.show(self._repair) if hasattr(self, "_repair") else None
        return snapshot(self.clock())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda zone: zone.show("nan"), "no energy"),
        (lambda zone: zone.use(-200.0), "went backwards"),
        (lambda zone: zone.use(10_000.0), "more than can be"),
        (lambda zone: zone.use(12.0), "% apart"),
    ],
)
def test_a_window_whose_counter_failed_is_repeated_and_never_the_result(
    tmp_path, fault, reason
):
    job = FailingOnce(tmp_path, fault, failing_run=3)

    result = run_trial(
        job, job.meter, window_s=2.0, snapshot=job.snapshot, clock=job.clock
    )

    (invalid,) = [window for window in result.windows if window.reason]
    assert reason in invalid.reason
    assert result.invalid_reason is None
    assert result.median.energy_per_step_j == pytest.approx(
        5.0 + 0.75 / result.median.steps
    )
