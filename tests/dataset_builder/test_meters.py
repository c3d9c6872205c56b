"""Meters say what they measured, and never answer with nonsense."""

import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.meters import (
    CodeCarbonMeter,
    MeterDescription,
    ReplayMeter,
    check_energy,
    description_fields,
    tier_source,
    window_s,
)
from predictor.errors import MeasurementError
from tests.dataset_builder.builders import reading

amounts = st.floats(1e-6, 1e9)


def described(cpu="cpu_load_process", gpu="absent"):
    return MeterDescription(cpu_tier=cpu, ram_tier="constant", gpu_tier=gpu)


@given(amounts, amounts, amounts)
def test_energy_is_the_sum_of_its_parts_and_power_times_time(energy_j, gpu_j, time_s):
    whole = reading(energy_j, time_s, gpu_energy_j=gpu_j)

    parts = (whole.cpu_energy_j, whole.ram_energy_j, whole.gpu_energy_j)
    assert whole.energy_j == pytest.approx(sum(parts))
    assert whole.power_w * whole.duration_s == pytest.approx(whole.energy_j)


@pytest.mark.parametrize("energy_j", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_what_is_no_energy_is_refused(energy_j):
    with pytest.raises(MeasurementError, match="finite and positive"):
        check_energy(energy_j, "cpu_energy")


def test_a_replayed_meter_runs_the_work_once_per_reading():
    calls = []
    meter = ReplayMeter([reading(1.0), reading(2.0)])

    energies = [meter.measure(lambda: calls.append(1)).energy_j for _ in range(2)]

    assert energies == [1.0, 2.0]
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("cpu", "gpu", "source"),
    [
        ("cpu_load_process", "absent", "modelled"),
        ("cpu_load_machine", "absent", "modelled"),
        ("constant", "absent", "modelled"),
        ("rapl", "absent", "rapl"),
        ("cpu_load_machine", "nvml_energy", "nvml"),
        ("rapl", "nvml_energy", "nvml+rapl"),
    ],
)
def test_only_counters_make_a_row_measured(cpu, gpu, source):
    assert description_fields(described(cpu, gpu))["source"] == source


def test_memory_is_never_called_measured():
    assert description_fields(described("rapl"))["ram_source"] == "modelled"
    assert tier_source("constant") == "modelled"


def test_slower_counters_get_longer_windows():
    lengths = [
        window_s(described()),
        window_s(described("rapl")),
        window_s(described("rapl", "nvml_energy")),
    ]

    assert lengths == sorted(set(lengths))
    assert lengths[0] >= 1.0


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
