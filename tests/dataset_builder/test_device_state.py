"""Heat, clocks and other users are read where the system tells them."""

import os
import time

import pytest

from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from dataset_builder.trial.conditions import take_snapshot
from dataset_builder.trial.device_state import GpuWatch, cpu_state
from predictor.errors import MeasurementError


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def machine(root):
    """Make the files of two cores, a temperature sensor and a disk's."""
    for core, (clock_khz, heat) in enumerate([(800_000, 3), (3_100_000, 4)]):
        directory = root / "devices" / "system" / "cpu" / f"cpu{core}"
        write(directory / "cpufreq" / "scaling_cur_freq", clock_khz)
        write(directory / "thermal_throttle" / "core_throttle_count", heat)
        write(directory / "thermal_throttle" / "package_throttle_count", 1)
    write(root / "class" / "hwmon" / "hwmon0" / "name", "nvme")
    write(root / "class" / "hwmon" / "hwmon0" / "temp1_input", 90_000)
    write(root / "class" / "hwmon" / "hwmon1" / "name", "coretemp")
    write(root / "class" / "hwmon" / "hwmon1" / "temp1_input", 55_000)


def test_heat_and_clock_of_the_processor_are_read(tmp_path):
    machine(tmp_path)

    state = cpu_state(tmp_path)

    assert state.throttles == 3 + 4 + 1 + 1
    assert state.clock_mhz == pytest.approx(3100.0)
    assert state.temperature_c == pytest.approx(55.0)


def test_a_thermal_zone_serves_where_there_is_no_sensor(tmp_path):
    write(tmp_path / "class" / "thermal" / "thermal_zone0" / "type", "acpitz")
    write(tmp_path / "class" / "thermal" / "thermal_zone0" / "temp", 20_000)
    write(tmp_path / "class" / "thermal" / "thermal_zone1" / "type", "x86_pkg_temp")
    write(tmp_path / "class" / "thermal" / "thermal_zone1" / "temp", 61_000)

    assert cpu_state(tmp_path).temperature_c == pytest.approx(61.0)


def test_a_machine_that_tells_nothing_is_no_error(tmp_path):
    state = cpu_state(tmp_path)

    assert (state.throttles, state.clock_mhz, state.temperature_c) == (None,) * 3


def test_what_cannot_be_read_any_more_is_left_out(tmp_path):
    machine(tmp_path)
    cpu_state(tmp_path)
    (tmp_path / "class" / "hwmon" / "hwmon1" / "temp1_input").unlink()

    assert cpu_state(tmp_path).temperature_c is None


def test_a_snapshot_of_a_machine_that_tells_nothing_is_cheap(tmp_path):
    take_snapshot(0.0, proc=tmp_path, system=tmp_path)

    start_s = time.process_time()
    for _ in range(100):
        take_snapshot(0.0, proc=tmp_path, system=tmp_path)

    assert time.process_time() - start_s < 1


def test_the_state_of_a_gpu_is_read():
    gpu = FakeGpu(throttle=0x40 | 0x80 | 0x04, violation_ns=12, utilisation_percent=37)

    (state,) = GpuWatch(FakeNvml(gpus=[gpu])).read()

    assert state.throttle == "heat, power brake"
    assert state.power_capped
    assert state.throttled_ns == 12
    assert state.utilisation == 0.37
    assert (state.sm_clock_mhz, state.temperature_c) == (1980, 40)


def test_a_limit_of_power_at_work_is_no_throttling():
    (state,) = GpuWatch(FakeNvml(gpus=[FakeGpu(throttle=0x04)])).read()

    assert state.throttle is None


def watched(pids, sessions):
    def session_of(pid):
        if pid not in sessions:
            raise ProcessLookupError(pid)
        return sessions[pid]

    watch = GpuWatch(FakeNvml(gpus=[FakeGpu(pids=pids)]), session_of=session_of)
    (state,) = watch.read()
    return state.foreign_processes


@pytest.mark.parametrize(
    ("pids", "foreign"),
    [
        ((), 0),
        ((10,), 0),
        ((10, 11), 0),
        ((10, 20), 1),
        ((20, 21), 2),
        ((10, 99), 1),
        ((99,), 0),
        ((98, 99), 1),
    ],
    ids=str,
)
def test_processes_of_other_sessions_are_foreign(pids, foreign):
    own = {0: 1, 10: 1, 11: 1}

    assert watched(pids, own | {20: 2, 21: 3}) == foreign


def test_this_process_is_not_foreign():
    (state,) = GpuWatch(FakeNvml(gpus=[FakeGpu(pids=(os.getpid(),))])).read()

    assert state.foreign_processes == 0


def test_a_gpu_cannot_be_watched_without_its_driver():
    with pytest.raises(MeasurementError, match="Driver Not Loaded"):
        GpuWatch(FakeNvml(trouble="Driver Not Loaded"))
