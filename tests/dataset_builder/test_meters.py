"""Meters say what they measured, and windows are as long as the meter needs."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.meters.choice import (
    longest_window_s,
    window_delay_s,
    window_s,
    window_steps,
)
from dataset_builder.meters.readings import (
    MeterDescription,
    check_energy,
    description_fields,
    tier_source,
)
from dataset_builder.testkit.meters import ReplayMeter
from dataset_builder.testkit.powercap import make_zone
from predictor.dataset import SOURCES
from predictor.errors import MeasurementError
from predictor.hardware import Platform
from predictor.sensors import rapl_zones
from tests.dataset_builder.builders import reading

amounts = st.floats(1e-6, 1e9)
CPU_TIERS = ("cpu_load_process", "cpu_load_machine", "constant", "rapl")
GPU_TIERS = ("absent", "nvml_energy", "nvml_power")


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


def test_a_replayed_failure_comes_after_the_work():
    calls = []
    meter = ReplayMeter([MeasurementError("gone")])

    with pytest.raises(MeasurementError, match="gone"):
        meter.measure(lambda: calls.append(1))

    assert calls == [1]


@pytest.mark.parametrize(
    ("cpu", "gpu", "source"),
    [
        ("cpu_load_process", "absent", "modelled"),
        ("cpu_load_machine", "absent", "modelled"),
        ("constant", "absent", "modelled"),
        ("rapl", "absent", "rapl"),
        ("cpu_load_machine", "nvml_energy", "nvml"),
        ("rapl", "nvml_energy", "nvml+rapl"),
        ("cpu_load_process", "nvml_power", "nvml_power"),
        ("rapl", "nvml_power", "nvml_power+rapl"),
    ],
)
def test_only_counters_make_a_row_measured(cpu, gpu, source):
    assert description_fields(described(cpu, gpu))["source"] == source
    assert source in SOURCES


def measured_parts(description):
    tiers = (description.cpu_tier, description.gpu_tier)
    return tuple(tier if tier_source(tier) == "measured" else None for tier in tiers)


@pytest.mark.parametrize(
    ("one", "other"),
    list(itertools.combinations(itertools.product(CPU_TIERS, GPU_TIERS), 2)),
)
def test_rows_of_other_sensors_are_never_of_one_source(one, other):
    first, second = described(*one), described(*other)

    same_sensors = measured_parts(first) == measured_parts(second)
    assert (first.source == second.source) is same_sensors


@pytest.mark.parametrize("cpu", CPU_TIERS)
@pytest.mark.parametrize("gpu", GPU_TIERS)
def test_text_calls_a_row_measured_only_if_a_sensor_was_read(cpu, gpu):
    description = described(cpu, gpu)

    platform = Platform(
        hardware="x", backend="jax", dtype="float32", source=description.source
    )

    any_sensor = any(measured_parts(description))
    assert (platform.energy_source == "measured") is any_sensor


def test_memory_is_never_called_measured():
    assert description_fields(described("rapl"))["ram_source"] == "modelled"
    assert tier_source("constant") == "modelled"


def test_slower_counters_get_longer_windows():
    lengths = [
        window_s(described()),
        window_s(described("rapl")),
        window_s(described("rapl", "nvml_energy")),
        window_s(described("rapl", "nvml_power")),
    ]

    assert lengths == sorted(set(lengths))
    assert lengths[0] >= 1.0


def test_a_counter_that_seldom_changes_gets_a_window_of_fifty_changes():
    description = described("rapl", "nvml_energy")

    assert window_s(description, update_s=0.02) == 5.0
    assert window_s(description, update_s=0.5) == 25.0


def test_only_gpus_need_many_steps_and_a_varied_phase():
    cpu, gpu = described("rapl"), described("rapl", "nvml_energy")

    assert (window_steps(cpu), window_steps(gpu)) == (1, 32)
    assert window_delay_s(cpu, 0.9) == 0.0
    assert 0.0 < window_delay_s(gpu, 0.9) <= 0.1


@given(st.floats(1e3, 1e6))
def test_a_window_is_at_most_half_the_time_in_which_a_counter_starts_again(
    tmp_path_factory, range_j
):
    root = tmp_path_factory.mktemp("powercap")
    make_zone(root, "intel-rapl:0", "package-0", range_j=range_j)
    make_zone(root, "intel-rapl:1", "package-1", range_j=2 * range_j, energy_j=5.0)

    longest_s = longest_window_s(described("rapl"), rapl_zones(root))

    assert longest_s * 1000.0 == pytest.approx(range_j / 2, rel=1e-6)


def test_a_model_limits_no_window(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0")

    assert longest_window_s(described(), rapl_zones(tmp_path)) is None
    assert longest_window_s(described("rapl"), ()) is None
