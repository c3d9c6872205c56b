"""CodeCarbon is never believed when it fails, and nothing outside changes it."""

import importlib.metadata
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from dataset_builder.meters import choice as meters
from dataset_builder.meters import codecarbon_meter
from dataset_builder.meters.codecarbon_meter import CodeCarbonMeter, gpu_tier
from dataset_builder.meters.codecarbon_tracker import (
    FIRST_UNKNOWN_VERSION,
    OLDEST_VERSION,
    check_version,
    new_tracker,
)
from dataset_builder.meters.cross_check import CrossCheckedMeter
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.testkit.powercap import make_zone
from predictor.errors import MeasurementError
from predictor.sensors import rapl_zones

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


class CPU:
    """Stands for CodeCarbon's part of that name."""

    _tracking_mode = "process"
    _tdp = 8

    def __init__(self, mode):
        self._mode = mode


class NvidiaGPUDevice:
    """Stands for CodeCarbon's device of that name."""

    def __init__(self, index=0, *, counter=True, power_w=100.0):
        self.gpu_index = index
        self._use_power_fallback = not counter
        self._power_w = power_w

    def _read_power_watts(self):
        return self._power_w


class GPU:
    """Stands for CodeCarbon's part of that name."""

    def __init__(self, *devices):
        self.devices = SimpleNamespace(devices=devices)

    def _get_gpu_ids(self):
        return [device.gpu_index for device in self.devices.devices]


def answered(cpu=1e-6, ram=1e-6, gpu=1e-6):
    """Return an answer of CodeCarbon, in kWh."""
    return SimpleNamespace(cpu_energy=cpu, ram_energy=ram, gpu_energy=gpu)


class Tracker:
    """Stands for CodeCarbon's tracker, and answers as told."""

    _force_ram_power = 20.0

    def __init__(self, answer=None, *, mode="cpu_load", gpu=None):
        self._answer = answer
        self._hardware = [CPU(mode)] if gpu is None else [CPU(mode), gpu]

    def start_task(self, _name):
        pass

    def stop_task(self, _name):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def make(monkeypatch):
    """Return a function that makes a meter on a tracker that answers as told."""

    def made(answer=None, *, device="cpu", **options):
        tracker = Tracker(answer, **options)
        monkeypatch.setattr(codecarbon_meter, "new_tracker", lambda _: tracker)
        return CodeCarbonMeter("", device=device)

    return made


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (RuntimeError("disk full"), "CodeCarbon failed in stop_task: disk full"),
        (OSError(), "CodeCarbon failed in stop_task: OSError"),
        (None, "returned nothing"),
        (answered(cpu=math.nan), "finite and positive"),
        (answered(ram=math.inf), "finite and positive"),
        (answered(cpu=-1e-6), "finite and positive"),
        (answered(cpu=0.0), "finite and positive"),
        (answered(cpu=None), "returned None as cpu_energy"),
    ],
)
def test_no_nonsense_of_codecarbon_is_a_reading(make, answer, reason):
    calls = []

    with pytest.raises(MeasurementError, match=reason):
        make(answer).measure(lambda: calls.append(1))

    assert calls == [1]


def test_a_failed_window_does_not_spoil_the_next(make):
    meter = make(None)
    with pytest.raises(MeasurementError):
        meter.measure(lambda: None)
    meter._tracker._answer = answered()

    assert meter.measure(lambda: None).energy_j == pytest.approx(7.2)


def test_an_error_of_the_work_is_not_hidden(make):
    def work():
        raise ValueError("shape")

    with pytest.raises(ValueError, match="shape"):
        make(answered()).measure(work)


def test_a_model_may_say_that_an_idle_processor_takes_nothing(make):
    idle = make(answered(cpu=0.0)).measure_idle(0.001)

    assert idle.cpu_energy_j == 0.0
    assert idle.energy_j > 0


def test_a_counter_never_says_that_an_idle_processor_takes_nothing(make):
    with pytest.raises(MeasurementError, match="finite and positive"):
        make(answered(cpu=0.0), mode="intel_rapl").measure_idle(0.001)


def test_the_time_inside_codecarbon_is_told(make):
    found = make(answered()).measure_idle(0.01)

    assert found.duration_s >= 0.01
    assert 0 <= found.metering_s < 0.01


@pytest.mark.parametrize(
    ("devices", "tier"),
    [
        ([], "absent"),
        ([NvidiaGPUDevice()], "nvml_energy"),
        ([NvidiaGPUDevice(counter=False)], "nvml_power"),
        ([NvidiaGPUDevice(), NvidiaGPUDevice(1, counter=False)], "nvml_power"),
        ([NvidiaGPUDevice(counter=False), NvidiaGPUDevice(1)], "nvml_power"),
    ],
)
def test_sampled_power_is_not_called_a_counter_of_energy(devices, tier):
    assert gpu_tier(devices) == tier


def test_a_divided_gpu_that_tells_nothing_is_refused():
    with pytest.raises(MeasurementError, match="MIG"):
        gpu_tier([NvidiaGPUDevice(counter=False, power_w=None)])


def test_a_gpu_that_does_not_compute_is_not_measured(make):
    meter = make(answered(), gpu=GPU(NvidiaGPUDevice()))

    assert meter.describe().gpu_tier == "absent"
    assert meter.measure(lambda: None).gpu_energy_j is None


def test_a_gpu_that_computes_is_measured(make):
    meter = make(answered(), gpu=GPU(NvidiaGPUDevice()), device="gpu")

    assert meter.gpu_indices == (0,)
    assert meter.measure(lambda: None).gpu_energy_j == pytest.approx(3.6)


def test_work_on_a_gpu_is_not_measured_without_one(make):
    with pytest.raises(MeasurementError, match="sees no GPU"):
        make(answered(), device="gpu")


def test_codecarbons_own_devices_have_what_is_asked_of_them(monkeypatch):
    gpu_nvidia = pytest.importorskip("codecarbon.core.gpu_nvidia")
    gpus = [FakeGpu(), FakeGpu(energy_j=None), FakeGpu(energy_j=None, power_w=None)]
    monkeypatch.setattr(gpu_nvidia, "pynvml", FakeNvml(gpus=gpus))
    counter, power, nothing = (
        gpu_nvidia.NvidiaGPUDevice(handle=gpu, gpu_index=index)
        for index, gpu in enumerate(gpus)
    )

    assert gpu_tier([counter]) == "nvml_energy"
    assert gpu_tier([counter, power]) == "nvml_power"
    with pytest.raises(MeasurementError, match="GPU 2"):
        gpu_tier([nothing])


def test_counters_that_can_be_read_are_compared(make, monkeypatch, tmp_path):
    make(answered(), mode="intel_rapl")
    monkeypatch.setattr(meters, "rapl_zones", lambda: rapl_zones(tmp_path))

    assert isinstance(meters.make_meter(""), CodeCarbonMeter)
    make_zone(tmp_path, "intel-rapl:0", "package-0")
    assert isinstance(meters.make_meter(""), CrossCheckedMeter)


def test_a_counter_that_cannot_be_read_leaves_a_model(make, monkeypatch, tmp_path):
    make(answered())
    make_zone(tmp_path, "intel-rapl:0", "package-0").hide()
    monkeypatch.setattr(meters, "rapl_zones", lambda: rapl_zones(tmp_path))

    meter = meters.make_meter("")

    assert meter.describe().source == "modelled"
    assert meter.measure(lambda: None).counted is None


@pytest.mark.parametrize("version", ["3.3.1", "2.8.0", "3.4.0", "3.4.0rc1", "4.0"])
def test_another_version_of_codecarbon_is_refused_by_name(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)

    with pytest.raises(MeasurementError, match=re.escape(version)):
        new_tracker("")


def test_a_missing_codecarbon_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)

    with pytest.raises(MeasurementError, match="pip install codecarbon"):
        new_tracker("")


def test_the_allowed_versions_are_those_of_the_package():
    oldest, unknown = (
        ".".join(map(str, bound)) for bound in (OLDEST_VERSION, FIRST_UNKNOWN_VERSION)
    )

    assert f'"codecarbon>={oldest},<{unknown}"' in PYPROJECT.read_text(encoding="utf-8")
    check_version(oldest)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_tracker_that_cannot_be_made_is_an_error(tmp_path):
    pytest.importorskip("codecarbon")

    with pytest.raises(MeasurementError, match="CodeCarbon cannot be started"):
        new_tracker(str(tmp_path / "missing"))


HOSTILE = """[codecarbon]
force_cpu_power = 90000
pue = 7
emissions_endpoint = http://127.0.0.1:9
measure_power_secs = 0.01
tracking_mode = machine
"""


def burn(seconds):
    import time

    end_s = time.process_time() + seconds
    while time.process_time() < end_s:
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_configuration_outside_changes_what_codecarbon_says(tmp_path, monkeypatch):
    pytest.importorskip("codecarbon")
    monkeypatch.chdir(tmp_path)
    calm = CodeCarbonMeter(str(tmp_path))
    if calm.describe().source != "modelled":
        pytest.skip("a counter reads the whole machine")
    first = calm.measure(lambda: burn(0.5))
    (tmp_path / ".codecarbon.config").write_text(HOSTILE)
    monkeypatch.setenv("CODECARBON_FORCE_CPU_POWER", "90000")

    second_meter = CodeCarbonMeter(str(tmp_path))
    second = second_meter.measure(lambda: burn(0.5))

    assert second_meter.describe() == calm.describe()
    assert second.cpu_energy_j == pytest.approx(first.cpu_energy_j, rel=0.2)
    assert "CODECARBON_FORCE_CPU_POWER" not in os.environ


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_without_counters_energy_is_ceiling_times_own_time_plus_constant_memory(
    tmp_path, monkeypatch
):
    pytest.importorskip("codecarbon")
    monkeypatch.chdir(tmp_path)
    meter = CodeCarbonMeter(str(tmp_path))
    description = meter.describe()
    if description.cpu_tier != "cpu_load_process":
        pytest.skip("a counter is read here")

    found = meter.measure(lambda: burn(1.0))

    per_core_w = description.cpu_ceiling_w / os.cpu_count()
    assert found.cpu_energy_j == pytest.approx(per_core_w * found.cpu_time_s, rel=0.1)
    expected_j = description.ram_power_w * found.duration_s
    assert found.ram_energy_j == pytest.approx(expected_j, rel=0.1)
