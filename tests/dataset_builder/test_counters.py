"""Counters are read at both ends, corrected once, and otherwise doubted."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dataset_builder.meters.counters import (
    GPU_CEILING_W,
    PATIENCE,
    RAPL_CEILING_W,
    RAPL_UPDATE_S,
    Counter,
    counted_energy,
    energy_between,
    nvml_counters,
    rapl_counters,
    read_counters,
)
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.testkit.powercap import RANGE_J, make_zone
from predictor.errors import MeasurementError
from predictor.sensors import rapl_zones


def package(range_j=RANGE_J):
    return Counter(
        name="package-0",
        component="cpu",
        read=lambda: 0.0,
        ceiling_w=RAPL_CEILING_W,
        update_s=RAPL_UPDATE_S,
        range_j=range_j,
    )


@given(
    st.floats(0, RANGE_J, exclude_max=True), st.floats(1, 1000), st.floats(0.1, 4000)
)
def test_the_energy_is_right_or_it_is_refused(start_j, power_w, duration_s):
    true_j = power_w * duration_s

    try:
        found_j = energy_between(
            package(), start_j, (start_j + true_j) % RANGE_J, duration_s
        )
    except MeasurementError:
        assert duration_s > package().longest_s
    else:
        assert found_j == pytest.approx(true_j, rel=1e-6, abs=1e-4)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(1e-3, 1e4), st.booleans())
def test_no_two_values_give_a_negative_or_zero_energy(before, after, time_s, wraps):
    try:
        found_j = energy_between(
            package(RANGE_J if wraps else None), before, after, time_s
        )
    except MeasurementError:
        return
    assert found_j is None or 0 < found_j <= RAPL_CEILING_W * (time_s + 0.1)


def test_a_counter_that_started_again_once_is_corrected():
    assert energy_between(package(), RANGE_J - 60.0, 40.0, 2.0) == pytest.approx(100.0)


def test_a_window_in_which_it_may_start_again_twice_is_refused():
    with pytest.raises(MeasurementError, match="may start again twice"):
        energy_between(package(), 10.0, 60.0, 600.0)


def test_a_step_back_is_not_taken_for_a_new_start():
    with pytest.raises(MeasurementError, match="went backwards"):
        energy_between(package(), 1000.0, 990.0, 2.0)
    with pytest.raises(MeasurementError, match="went backwards"):
        energy_between(package(None), 1000.0, 990.0, 2.0)


def test_a_counter_that_stands_still_is_refused_unless_the_window_is_short():
    with pytest.raises(MeasurementError, match="stood still"):
        energy_between(package(), 10.0, 10.0, 2.0)
    assert energy_between(package(), 10.0, 10.0, 0.5 * PATIENCE * 1e-3) is None


@given(st.floats(10, 400), st.floats(1, 20))
def test_a_jump_of_a_hundred_times_is_refused(power_w, duration_s):
    assume(100 * power_w * duration_s < RANGE_J)
    with pytest.raises(MeasurementError, match="more than can be"):
        energy_between(package(), 0.0, 100 * power_w * duration_s + 1000.0, duration_s)


def test_packages_are_added_and_memory_beside_them_is_a_number_of_its_own(tmp_path):
    zones = [
        make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=500.0),
        make_zone(tmp_path, "intel-rapl:1", "package-1", energy_j=RANGE_J - 10.0),
        make_zone(tmp_path, "intel-rapl:2", "dram", energy_j=7.0),
        make_zone(tmp_path, "intel-rapl:0:0", "dram", energy_j=9.0),
        make_zone(tmp_path, "intel-rapl:0:1", "core", energy_j=11.0),
        make_zone(tmp_path, "intel-rapl:3", "psys", energy_j=13.0),
    ]
    counters = rapl_counters(rapl_zones(tmp_path))
    before = read_counters(counters)
    for zone, energy_j in zip(
        zones, (100.0, 200.0, 40.0, 30.0, 50.0, 900.0), strict=True
    ):
        zone.use(energy_j)

    energy, doubt = counted_energy(counters, before, read_counters(counters), 2.0)

    assert energy.cpu_energy_j == pytest.approx(300.0, abs=1e-3)
    assert energy.dram_energy_j == pytest.approx(40.0, abs=1e-3)
    assert energy.gpu_energy_j is None
    assert doubt is None


def test_a_package_that_repeats_another_is_counted_once(tmp_path):
    dies = [
        make_zone(tmp_path, f"intel-rapl:{die}", f"package-0-die-{die}", energy_j=50.0)
        for die in range(2)
    ]
    counters = rapl_counters(rapl_zones(tmp_path))
    before = read_counters(counters)
    for die in dies:
        die.use(100.0)

    energy, _ = counted_energy(counters, before, read_counters(counters), 2.0)

    assert energy.cpu_energy_j == pytest.approx(100.0, abs=1e-3)


def test_a_package_that_cannot_be_read_makes_the_sum_doubtful(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=5.0).use(1.0)
    make_zone(tmp_path, "intel-rapl:1", "package-1").hide()
    counters = rapl_counters(rapl_zones(tmp_path))
    values = read_counters(counters)

    energy, doubt = counted_energy(counters, values, values, 0.001)

    assert energy.cpu_energy_j is None
    assert "package-1" in doubt


def test_memory_that_is_not_counted_spoils_no_window(tmp_path):
    package = make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=5.0)
    make_zone(tmp_path, "intel-rapl:1", "dram")
    counters = rapl_counters(rapl_zones(tmp_path))
    before = read_counters(counters)
    package.use(100.0)

    energy, doubt = counted_energy(counters, before, read_counters(counters), 2.0)

    assert energy.cpu_energy_j == pytest.approx(100.0, abs=1e-3)
    assert energy.dram_energy_j is None
    assert doubt is None


def test_without_a_readable_package_there_is_nothing_to_count(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0").hide()
    make_zone(tmp_path, "intel-rapl:1", "dram")

    assert rapl_counters(rapl_zones(tmp_path)) == ()


RAPL_FAULTS = {
    "starts again twice": (lambda zone: zone.use(2 * RANGE_J + 50.0), 600.0, "twice"),
    "backwards": (lambda zone: zone.use(-20.0), 2.0, "went backwards"),
    "frozen": (lambda zone: None, 2.0, "stood still"),
    "unreadable half-way": (lambda zone: zone.hide(), 2.0, "cannot be read"),
    "jump x100": (lambda zone: zone.use(100 * 100.0), 2.0, "more than can be"),
    "NaN": (lambda zone: zone.show("nan"), 2.0, "no energy"),
    "negative": (lambda zone: zone.show("-100"), 2.0, "no energy"),
}


@pytest.mark.parametrize("fault", RAPL_FAULTS)
def test_every_fault_of_rapl_is_doubted_with_its_reason(tmp_path, fault):
    act, duration_s, reason = RAPL_FAULTS[fault]
    zone = make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=5000.0)
    counters = rapl_counters(rapl_zones(tmp_path))
    before = read_counters(counters)
    act(zone)

    after = read_counters(counters)
    energy, doubt = counted_energy(counters, before, after, duration_s)

    assert energy.cpu_energy_j is None
    assert reason in doubt


def lose_counter(gpu):
    gpu.energy_j = None


GPU_FAULTS = {
    "backwards": (lambda gpu: gpu.use(-20.0), "went backwards"),
    "frozen": (lambda gpu: None, "stood still"),
    "unreadable half-way": (lose_counter, "cannot be read"),
    "jump x100": (lambda gpu: gpu.use(100 * 5 * 100.0), "more than can be"),
    "NaN": (lambda gpu: setattr(gpu, "energy_j", math.nan), "no energy"),
    "negative": (lambda gpu: setattr(gpu, "energy_j", -100.0), "no energy"),
}


@pytest.mark.parametrize("fault", GPU_FAULTS)
def test_every_fault_of_a_gpu_counter_is_doubted_with_its_reason(fault):
    act, reason = GPU_FAULTS[fault]
    gpu = FakeGpu(energy_j=5000.0)
    counters = nvml_counters([0], FakeNvml(gpus=[gpu]))
    before = read_counters(counters)
    act(gpu)

    energy, doubt = counted_energy(counters, before, read_counters(counters), 5.0)

    assert energy.gpu_energy_j is None
    assert reason in doubt


@given(st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=4))
def test_energies_of_several_gpus_are_added(energies_j):
    gpus = [FakeGpu(energy_j=1e6) for _ in energies_j]
    counters = nvml_counters(range(len(gpus)), FakeNvml(gpus=gpus))
    before = read_counters(counters)
    for gpu, energy_j in zip(gpus, energies_j, strict=True):
        gpu.use(energy_j)

    energy, doubt = counted_energy(counters, before, read_counters(counters), 5.0)

    assert energy.gpu_energy_j == pytest.approx(sum(energies_j), abs=2e-3 * len(gpus))
    assert doubt is None


def test_no_gpu_sold_reaches_the_ceiling():
    assert GPU_CEILING_W > 2 * 1400


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_codecarbon_reads_the_same_packages_and_no_memory(tmp_path):
    hardware = pytest.importorskip("codecarbon.external.hardware")
    root = tmp_path / "powercap"
    zones = [
        make_zone(root, "intel-rapl:0", "package-0", energy_j=500.0),
        make_zone(root, "intel-rapl:1", "package-1", energy_j=RANGE_J - 10.0),
        make_zone(root, "intel-rapl:0:0", "dram", energy_j=9.0),
    ]
    theirs = hardware.CPU(
        output_dir=str(tmp_path),
        mode="intel_rapl",
        model="x",
        tdp=1,
        rapl_dir=str(root),
    )
    counters = rapl_counters(rapl_zones(root))
    theirs.start()
    before = read_counters(counters)
    for zone, energy_j in zip(zones, (100.0, 200.0, 100.0), strict=True):
        zone.use(energy_j)

    energy, _ = counted_energy(counters, before, read_counters(counters), 2.0)
    _, their_energy = theirs.measure_power_and_energy(2.0)

    assert their_energy.kWh * 3.6e6 == pytest.approx(300.0, rel=1e-5)
    assert energy.cpu_energy_j == pytest.approx(300.0, rel=1e-5)
