"""Sensors are found where there are some, and their absence has a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.testkit.powercap import make_zone
from predictor.errors import MeasurementError
from predictor.sensors import (
    gpu_environment,
    nvml_state,
    opened_nvml,
    rapl_zones,
    visible_gpus,
    zone_energy_uj,
)


def server(root):
    """Make the counters of a server: two packages with cores and memory, platform."""
    zones = [
        make_zone(root, f"intel-rapl:{package}", f"package-{package}", energy_j=start_j)
        for package, start_j in ((0, 500.0), (1, 900.0))
    ]
    make_zone(root, "intel-rapl:0:0", "core", energy_j=300.0)
    make_zone(root, "intel-rapl:0:1", "dram", energy_j=100.0)
    make_zone(root, "intel-rapl:1:0", "dram", energy_j=100.0)
    make_zone(root, "intel-rapl:2", "psys", energy_j=3000.0)
    (root / "intel-rapl").mkdir()
    (root / "dtpm").mkdir()
    return zones


def test_every_counter_is_found_with_its_kind_and_place(tmp_path):
    server(tmp_path)

    found = {(zone.name, zone.kind, zone.inside) for zone in rapl_zones(tmp_path)}

    assert found == {
        ("package-0", "package", None),
        ("package-1", "package", None),
        ("core", "core", "package-0"),
        ("dram", "dram", "package-0"),
        ("dram", "dram", "package-1"),
        ("psys", "psys", None),
    }


def test_two_packages_with_counters_of_their_own_mirror_nothing(tmp_path):
    server(tmp_path)

    assert all(zone.mirrors is None for zone in rapl_zones(tmp_path))


def test_a_package_that_repeats_another_counter_is_noted(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0-die-0", energy_j=700.0)
    make_zone(tmp_path, "intel-rapl:1", "package-0-die-1", energy_j=700.0)

    first, second = rapl_zones(tmp_path)

    assert first.mirrors is None
    assert second.mirrors == "package-0-die-0"


def test_the_same_package_seen_through_memory_is_noted(tmp_path):
    make_zone(tmp_path, "intel-rapl-mmio:0", "package-0", energy_j=10.0)
    make_zone(tmp_path, "intel-rapl:0", "package-0", energy_j=700.0)

    register, memory = rapl_zones(tmp_path)

    assert register.path.name == "intel-rapl:0"
    assert memory.mirrors == "package-0"


def test_counters_that_have_not_moved_since_the_start_are_not_taken_for_one(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0")
    make_zone(tmp_path, "intel-rapl:1", "package-1")

    assert [zone.mirrors for zone in rapl_zones(tmp_path)] == [None, None]


@pytest.mark.parametrize("text", ["nan", "-5", "", "1e9", "0x10", "12 34"])
def test_what_is_no_energy_is_not_readable(tmp_path, text):
    fake = make_zone(tmp_path, "intel-rapl:0", "package-0")
    fake.show(text)

    (zone,) = rapl_zones(tmp_path)

    assert not zone.readable
    assert "no energy" in zone.trouble
    with pytest.raises(MeasurementError, match="package-0"):
        zone_energy_uj(zone)


def test_a_counter_that_cannot_be_read_says_why(tmp_path):
    make_zone(tmp_path, "intel-rapl:0", "package-0").hide()

    (zone,) = rapl_zones(tmp_path)

    assert not zone.readable
    assert "cannot be read" in zone.trouble


@given(st.integers(0, 2**60))
def test_a_counter_is_read_exactly(tmp_path_factory, energy_uj):
    fake = make_zone(tmp_path_factory.mktemp("powercap"), "intel-rapl:0", "package-0")
    fake.show(str(energy_uj))

    (zone,) = rapl_zones(fake.path.parent)

    assert zone_energy_uj(zone) == energy_uj


def test_a_gpu_says_what_can_be_read_of_it():
    nvml = FakeNvml(gpus=[FakeGpu(name="A"), FakeGpu(name="B", energy_j=None)])

    state = nvml_state(nvml)

    assert [gpu.name for gpu in state.devices] == ["A", "B"]
    assert [gpu.energy_counter for gpu in state.devices] == [True, False]
    assert all(gpu.power for gpu in state.devices)
    assert state.driver_version == "999.9"
    assert state.trouble is None


def test_a_divided_gpu_without_counter_is_described():
    gpu = FakeGpu(mig=True, energy_j=None, power_w=None)

    (device,) = nvml_state(FakeNvml(gpus=[gpu])).devices

    assert (device.mig, device.energy_counter, device.power) == (True, False, False)


def test_a_gpu_that_cannot_be_divided_is_not_called_whole():
    (device,) = nvml_state(FakeNvml(gpus=[FakeGpu(mig=None)])).devices

    assert device.mig is None


@pytest.mark.parametrize(
    ("nvml", "reason"),
    [
        (FakeNvml(trouble="Driver Not Loaded"), "Driver Not Loaded"),
        (FakeNvml(), "no GPU"),
    ],
)
def test_no_gpu_has_a_reason(nvml, reason):
    state = nvml_state(nvml)

    assert state.devices == ()
    assert reason in state.trouble
    assert gpu_environment(nvml)["devices"] == []


def test_a_missing_package_is_the_reason(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)

    assert "pip install nvidia-ml-py" in nvml_state().trouble


def test_nothing_stays_open_after_a_look():
    nvml = FakeNvml(gpus=[FakeGpu()])

    nvml_state(nvml)
    gpu_environment(nvml)
    with opened_nvml(nvml):
        assert nvml.opened == 1

    assert nvml.opened == 0


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("1", (1,)),
        ("2,0", (0, 2)),
        ("GPU-b", (1,)),
        ("MIG-GPU-b/1/0", ()),
    ],
)
def test_only_gpus_to_compute_on_are_visible(monkeypatch, variable, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    nvml = FakeNvml(gpus=[FakeGpu(uuid=f"GPU-{letter}00") for letter in "abc"])

    assert visible_gpus(nvml) == expected


def test_settings_of_a_gpu_are_recorded_without_its_identity():
    gpu = FakeGpu(uuid="GPU-secret")

    same = gpu_environment(FakeNvml(gpus=[gpu]))
    limited = gpu_environment(FakeNvml(gpus=[FakeGpu(power_limit_w=500.0)]))

    assert "secret" not in str(same)
    assert same["devices"][0]["power_limit_w"] == 700.0
    assert limited["devices"] != same["devices"]


def test_what_changes_from_moment_to_moment_is_no_setting():
    cold, warm = FakeGpu(), FakeGpu(temperature_c=80, power_w=650.0, sm_clock_mhz=1500)

    assert gpu_environment(FakeNvml(gpus=[cold])) == gpu_environment(
        FakeNvml(gpus=[warm])
    )
