"""A platform says what an energy belongs to."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_builder.trial.environment import hardware_name
from predictor import hardware
from predictor.hardware import Platform, cpu_name, this_cpu_name, this_hardware

HERE = Platform(hardware="X1", backend="jax", dtype="float32", source="nvml")


@pytest.mark.parametrize("source", ["wall", "nvml", "rapl", "nvml+rapl", "board"])
def test_a_meter_measures(source):
    assert replace(HERE, source=source).energy_source == "measured"


def test_a_power_model_does_not_measure():
    assert replace(HERE, source="modelled").energy_source == "modelled"


@pytest.mark.parametrize("field", ["hardware", "backend", "dtype", "source"])
def test_platforms_differ_in_key_and_label_where_a_field_does(field):
    there = replace(HERE, **{field: "other"})

    assert there != HERE
    assert there.key != HERE.key
    assert there.label != HERE.label


def test_a_platform_can_be_a_key():
    assert {HERE: 1}[replace(HERE)] == 1


@pytest.mark.parametrize(
    ("cpu_info", "name"),
    [
        (
            "processor\t: 0\nmodel name\t: AMD EPYC 7763  64-Core\n",
            "AMD EPYC 7763 64-Core",
        ),
        ("model : 85\nmodel name : Intel(R) Xeon(R) CPU\n", "Intel(R) Xeon(R) CPU"),
        ("processor : 0\nBogoMIPS : 50\nHardware : BCM2835\n", "BCM2835"),
        ("processor : 0\nModel : Raspberry Pi 4\n", "Raspberry Pi 4"),
        ("model name : first\n\nmodel name : second\n", "first"),
        ("model : 85\n", None),
        ("", None),
        ("no colon here", None),
    ],
)
def test_the_name_is_read_whatever_the_architecture_calls_it(cpu_info, name):
    assert cpu_name(cpu_info) == name


def test_this_machine_has_a_name_even_without_a_list_of_processors(monkeypatch):
    monkeypatch.setattr(hardware, "_CPU_INFO", Path("missing", "cpuinfo"))

    assert this_cpu_name()


def test_this_machine_has_the_name_that_its_measurements_have():
    assert this_hardware() == hardware_name("cpu")


@pytest.mark.parametrize(("cores", "ending"), [(1, "(1 core)"), (16, "(16 cores)")])
def test_the_cores_are_part_of_the_name(monkeypatch, cores, ending):
    monkeypatch.setattr(hardware, "usable_cores", lambda: cores)

    assert this_hardware().endswith(ending)


def test_naming_the_processor_starts_no_program_and_imports_nothing_heavy():
    code = (
        "import sys; from predictor.hardware import this_hardware; this_hardware(); "
        "print({'cpuinfo', 'numpy'} & set(sys.modules))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert process.stdout.strip() == "set()"
