"""Fault 15: a sweep that goes on where something has changed."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from dataset_builder.store import manifest
from dataset_builder.sweep import SweepOptions, run_sweep
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from predictor.errors import UsageError
from predictor.hardware import usable_cores
from tests.dataset_builder.builders import METER, RecordingRunner

pytest.importorskip("jax")


class Silence:
    def say(self, text):
        pass

    def trial(self, text, summary):
        pass


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))

    def run(meter=METER, **options):
        runner = RecordingRunner(tmp_path, meter=meter)
        run_sweep(
            SweepOptions(directory=tmp_path / "data", runs=1, **options),
            progress=Silence(),
            serve=lambda variables: contextlib.nullcontext(runner),
        )
        return json.loads((tmp_path / "data" / "manifest.json").read_text())

    return run


@pytest.fixture
def driver(monkeypatch):
    """Install a GPU's driver, or another one."""

    def install(*, gpu="NVIDIA H200", version="550.54.15"):
        nvml = FakeNvml(gpus=[FakeGpu(name=gpu)])
        nvml.nvmlSystemGetDriverVersion = lambda: version
        monkeypatch.setitem(sys.modules, "pynvml", nvml)

    return install


def refused(sweep, words, **options):
    """Check that a changed sweep is refused, and that an override is recorded."""
    with pytest.raises(UsageError, match="--force-resume") as caught:
        sweep(**options)
    assert words in str(caught.value)
    forced = sweep(force_resume=True, **options)["forced_resumes"]
    assert len(forced) == 1
    assert any(words in difference for difference in forced[0]["differing"])


def test_another_driver_is_refused_with_both_versions(sweep, driver):
    driver()
    sweep(device="gpu")
    driver(version="560.35.03")

    refused(
        sweep,
        "gpus.driver was '550.54.15', is '560.35.03'",
        device="gpu",
    )


def test_another_gpu_is_refused_by_name(sweep, driver):
    driver()
    sweep(device="gpu")
    driver(gpu="NVIDIA A100")

    refused(sweep, "hardware was 'NVIDIA H200', is 'NVIDIA A100'", device="gpu")


@pytest.mark.skipif(usable_cores() < 2, reason="there is one core only")
def test_another_number_of_threads_is_refused(sweep):
    sweep()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        refused(sweep, f"threads was {len(cores)}, is 1")
    finally:
        os.sched_setaffinity(0, cores)


def test_another_tier_is_refused(sweep):
    sweep()

    changed = {**METER, "source": "rapl", "cpu_tier": "rapl"}
    refused(sweep, "meter.cpu_tier was 'cpu_load_process', is 'rapl'", meter=changed)


def test_another_measuring_code_is_refused(sweep, tmp_path, monkeypatch):
    sweep()
    package = tmp_path / "dataset_builder"
    source = Path(manifest.__file__).parents[1]
    for name in manifest.MEASURING_PACKAGES:
        shutil.copytree(source / name, package / name)
    with (package / "trial" / "protocol.py").open("a") as stream:
        stream.write("\nWINDOWS = 4\n")
    monkeypatch.setattr(manifest, "__file__", str(package / "store" / "manifest.py"))

    refused(sweep, "code was ")
