"""The doctor says what works here, and the exact way to what does not."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from predictor import models
from predictor.cli import main
from predictor.doctor import Check, Fix, Report, examine
from predictor.doctor.answering import check_model
from predictor.doctor.conditions import (
    check_disk,
    check_governor,
    check_load,
    check_lock,
    check_memory,
)
from predictor.doctor.counters import check_energy_source, check_nvidia, check_rapl
from predictor.doctor.machine import (
    Surroundings,
    check_processor,
    look_around,
    smallest_quota,
)
from predictor.doctor.software import (
    Package,
    check_backends,
    check_package,
    check_python,
    find_package,
    our_requirements,
)
from predictor.hardware import this_hardware, usable_cores
from predictor.measuring_lock import LockStatus
from predictor.report.doctor_table import render_report
from predictor.sensors import NvmlDevice, NvmlState, RaplZone

NAMES = (
    "processor",
    "rapl",
    "nvidia",
    "energy_source",
    "backends",
    "keras",
    "codecarbon",
    "measuring_lock",
    "model",
    "load",
    "governor",
    "memory",
    "disk",
    "versions",
)
DENIED = "cannot be read (Permission denied)"
HIDDEN = "cannot be read (No such file or directory)"
BARE = Surroundings(
    system="Linux",
    is_x86=True,
    is_virtual=False,
    is_container=False,
    has_nvidia_card=False,
    has_nvidia_driver=False,
)
VIRTUAL = replace(BARE, is_virtual=True)
CONTAINER = replace(BARE, is_container=True)
NO_GPU = NvmlState(
    devices=(),
    driver_version=None,
    trouble="no NVIDIA driver answers (NVML Shared Library Not Found)",
)


def zone(name="package-0", kind="package", trouble=None):
    return RaplZone(
        name=name,
        path=Path("/sys/class/powercap/intel-rapl:0"),
        kind=kind,
        inside=None,
        range_uj=262_143_328_850,
        trouble=trouble,
    )


def gpus(*, energy_counter=True, power=True, mig=False):
    device = NvmlDevice(
        index=0,
        name="NVIDIA X",
        uuid="GPU-1",
        energy_counter=energy_counter,
        power=power,
        mig=mig,
    )
    return NvmlState(devices=(device,), driver_version="580.95", trouble=None)


def package(name, version="1.0", allowed="", fits=True):
    return Package(
        name=name, version=version, allowed=allowed, fits=fits and version is not None
    )


def commands(check):
    return [fix.command for fix in check.fixes]


# The processor's counters


def test_unreadable_counters_come_with_the_commands_and_the_risk():
    check = check_rapl([zone(trouble=DENIED), zone("dram", "dram", DENIED)], BARE)

    assert check.state == "missing"
    assert commands(check)[0] == "sudo chmod a+r /sys/class/powercap/*/*energy*_uj"
    assert "/etc/udev/rules.d/" in commands(check)[1]
    assert "CVE-2020-8694" in check.finding


def test_in_a_container_the_counters_are_made_readable_on_the_host():
    check = check_rapl([zone(trouble=DENIED)], CONTAINER)

    assert all(fix.purpose.startswith("on the host") for fix in check.fixes)


def test_counters_that_docker_hides_are_shown_by_its_option():
    check = check_rapl([zone(trouble=HIDDEN)], CONTAINER)

    assert "systempaths=unconfined" in commands(check)[0]


def test_readable_counters_need_nothing():
    check = check_rapl([zone(), zone("dram", "dram")], BARE)

    assert (check.state, check.fixes) == ("ok", ())
    assert "package-0, dram" in check.finding


def test_one_hidden_counter_beside_the_package_is_a_note():
    check = check_rapl([zone(), zone("dram", "dram", DENIED)], BARE)

    assert check.state == "note"
    assert check.fixes


def test_parts_without_their_package_do_not_count_the_processor():
    zones = [zone("core", "core"), zone(trouble=DENIED)]

    assert check_rapl(zones, BARE).state == "missing"
    assert check_energy_source(zones, NO_GPU, BARE).facts["cpu"] == "modelled"


@pytest.mark.parametrize(
    ("around", "state", "text", "command"),
    [
        (VIRTUAL, "note", "virtual machines", None),
        (replace(VIRTUAL, is_container=True), "note", "virtual machines", None),
        (BARE, "missing", "", "sudo modprobe intel_rapl_msr"),
        (CONTAINER, "missing", "container", "docker run"),
        (replace(BARE, is_x86=False), "note", "Intel and AMD", None),
        (replace(BARE, system="Darwin"), "note", "Darwin", None),
    ],
)
def test_without_any_counter_the_advice_fits_the_machine(around, state, text, command):
    check = check_rapl([], around)

    assert check.state == state
    assert text in check.finding
    assert [command in given for given in commands(check)] == [True] * bool(command)


# NVIDIA's counters


@pytest.fixture
def has_nvidia_smi(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.usefixtures("has_nvidia_smi")
def test_a_gpu_that_counts_its_energy_needs_nothing():
    check = check_nvidia(gpus(), BARE)

    assert (check.state, check.fixes) == ("ok", ())
    assert "NVIDIA X, counts energy; driver 580.95" in check.finding
    assert "uuid" not in check.facts["devices"][0]


@pytest.mark.usefixtures("has_nvidia_smi")
@pytest.mark.parametrize(
    ("changes", "text"),
    [({"energy_counter": False}, "power is sampled"), ({"mig": True}, "MIG")],
)
def test_a_gpu_with_a_limit_is_a_note(changes, text):
    check = check_nvidia(gpus(**changes), BARE)

    assert check.state == "note"
    assert text in check.finding


@pytest.mark.usefixtures("has_nvidia_smi")
def test_a_part_of_a_gpu_that_tells_nothing_cannot_be_measured():
    silent = gpus(energy_counter=False, power=False)

    check = check_nvidia(silent, BARE)

    assert check.state == "missing"
    assert "whole GPU" in check.fixes[0].purpose
    assert check_energy_source([], silent, BARE).facts["gpu"] is None


def test_a_gpu_that_codecarbon_does_not_find_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    check = check_nvidia(gpus(), BARE)

    assert check.state == "missing"
    assert "nvidia-smi" in check.fixes[0].purpose


@pytest.mark.parametrize(
    ("trouble", "around", "state", "text"),
    [
        (NO_GPU.trouble, BARE, "note", None),
        (NO_GPU.trouble, {"has_nvidia_card": True}, "missing", "install NVIDIA's"),
        (
            NO_GPU.trouble,
            {"has_nvidia_card": True, "is_container": True},
            "missing",
            "--gpus all",
        ),
        (
            "no NVIDIA driver answers (Driver/library version mismatch)",
            {"has_nvidia_driver": True},
            "missing",
            "restart",
        ),
        (
            "the package nvidia-ml-py is not installed: pip install nvidia-ml-py",
            {},
            "missing",
            "pip install nvidia-ml-py",
        ),
    ],
)
def test_what_is_missing_before_a_gpu_is_named(trouble, around, state, text):
    surroundings = around if around is BARE else replace(BARE, **around)

    check = check_nvidia(replace(NO_GPU, trouble=trouble), surroundings)

    assert check.state == state
    advice = " ".join(f"{fix.purpose} {fix.command}" for fix in check.fixes)
    assert (text or "") in advice
    assert bool(text) == bool(advice)


# What a sweep's energy would be


@pytest.mark.parametrize(
    ("zones", "gpu_state", "sources"),
    [
        ([], NO_GPU, ("modelled", None)),
        ([zone(trouble=DENIED)], NO_GPU, ("modelled", None)),
        ([zone()], NO_GPU, ("rapl", None)),
        ([], gpus(), ("modelled", "nvml")),
        ([zone()], gpus(), ("rapl", "nvml+rapl")),
        ([], gpus(energy_counter=False), ("modelled", "nvml")),
    ],
)
def test_the_sources_are_what_rows_of_each_device_would_say(zones, gpu_state, sources):
    check = check_energy_source(zones, gpu_state, BARE)

    assert (check.facts["cpu"], check.facts["gpu"]) == sources
    assert check.state == ("ok" if sources[0] == "rapl" else "note")
    assert ("--device" in check.finding) == bool(sources[1])


def test_modelled_energy_leaves_times_measured_and_a_required_counter_unmet():
    check = check_energy_source([], NO_GPU, VIRTUAL)

    assert "times are measured" in check.finding
    assert "status 6" in check.finding


def test_what_memory_takes_is_never_called_measured():
    assert "memory modelled" in check_energy_source([zone()], NO_GPU, BARE).finding


def test_on_other_systems_nothing_is_claimed_before_a_sweep():
    check = check_energy_source([], NO_GPU, replace(BARE, system="Windows"))

    assert check.facts["cpu"] is None


# Packages


NEEDS = ["codecarbon<3.4,>=3.3.2", "numpy>=2", "jax>=0.6; extra == 'jax'"]


@pytest.mark.parametrize(
    ("version", "fits"),
    [("3.3.2", True), ("3.3.10", True), ("3.4.0", False), ("3.2.9", False)],
)
def test_a_version_outside_the_range_comes_with_the_line_that_installs_one_inside(
    monkeypatch, version, fits
):
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    needed, _ = our_requirements(NEEDS)

    check = check_package(find_package("codecarbon", needed))

    assert check.state == ("ok" if fits else "missing")
    wanted = [] if fits else ["pip install 'codecarbon>=3.3.2,<3.4'"]
    assert commands(check) == wanted


def test_a_backends_range_is_that_of_its_extra():
    needed, extras = our_requirements(NEEDS)

    assert set(needed) == {"codecarbon", "numpy"}
    assert set(extras) == {"jax"}


def test_our_own_requirements_are_found():
    needed, extras = our_requirements()

    assert {"codecarbon", "keras", "numpy"} <= set(needed)
    assert set(extras) == {"jax", "torch"}


def test_without_any_backend_nothing_can_be_measured():
    check = check_backends(
        package(name, None) for name in ("jax", "torch", "tensorflow")
    )

    assert check.state == "missing"
    assert commands(check) == [
        "pip install 'watt-ahead[jax]'",
        "pip install 'watt-ahead[torch]'",
        "pip install tensorflow",
    ]


def test_a_sweep_without_the_default_backend_must_name_another():
    check = check_backends([package("jax", None), package("torch", "2.8")])

    assert check.state == "note"
    assert "--backend torch" in check.finding


def test_a_backend_of_a_wrong_version_is_told_with_its_line():
    old = package("jax", "0.4", allowed=">=0.6", fits=False)

    check = check_backends([old, package("torch", "2.8")])

    assert check.state == "note"
    assert "jax must be >=0.6" in check.finding
    assert commands(check) == ["pip install 'watt-ahead[jax]'"]


def test_every_wrong_package_is_in_one_line():
    wrong = [
        package("numpy", "1.9", allowed=">=2.0", fits=False),
        package("rich", None, allowed=">=13.7"),
    ]

    check = check_python([*wrong, package("scipy")], "0.1")

    assert check.state == "missing"
    assert commands(check) == ["pip install 'numpy>=2.0' 'rich>=13.7'"]


def test_a_checkout_that_was_never_installed_says_so():
    assert "is not installed" in check_python([], "0.1").finding


# The machine


def files(root, **contents):
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_virtual_machine_a_container_and_a_card_are_recognised(tmp_path):
    nothing = look_around(tmp_path)
    files(
        tmp_path,
        **{
            "proc/cpuinfo": "flags\t: fpu hypervisor vme\n",
            ".dockerenv": "",
            "sys/bus/pci/devices/0000:00:01.0/vendor": "0x10de\n",
            "sys/bus/pci/devices/0000:00:01.0/class": "0x030200\n",
            "proc/driver/nvidia/version": "NVRM version: 580.95\n",
        },
    )
    there = look_around(tmp_path)

    for name in (
        "is_virtual",
        "is_container",
        "has_nvidia_card",
        "has_nvidia_driver",
    ):
        assert getattr(there, name)
        assert not getattr(nothing, name)


def test_what_else_nvidia_makes_is_no_gpu(tmp_path):
    device = "sys/bus/pci/devices/0000:00:01.0"
    files(tmp_path, **{f"{device}/vendor": "0x10de", f"{device}/class": "0x020700"})

    assert not look_around(tmp_path).has_nvidia_card


def groups(root, **contents):
    """Make control groups as in a container inside a slice."""
    return files(
        root,
        **{"proc/self/cgroup": "0::/slice/job\n"},
        **{f"sys/fs/cgroup/{name}": text for name, text in contents.items()},
    )


def test_the_smallest_quota_of_all_groups_counts(tmp_path):
    groups(
        tmp_path,
        **{"slice/job/cpu.max": "max 100000", "slice/cpu.max": "50000 100000"},
    )

    check = check_processor(tmp_path)

    assert smallest_quota(tmp_path) == 0.5
    assert check.state == "note"
    assert "0.5 cores" in check.finding
    assert "--cpuset-cpus" in commands(check)[0]


def test_the_processor_has_the_name_that_rows_have(tmp_path):
    check = check_processor(tmp_path)

    assert check.state == "ok"
    assert check.facts["hardware"] == this_hardware()


# Conditions


def status(path, state="free", **changes):
    return LockStatus(path=path, state=state, **changes)


def test_a_free_lock_needs_nothing(tmp_path):
    check = check_lock(status(tmp_path / "lock"))

    assert check.state == "ok"
    assert "WATT_AHEAD_LOCK" in check.finding


@pytest.mark.parametrize(
    ("pid", "command", "text"),
    [
        (42, "python -m it", "process 42: python -m it"),
        (42, None, "process 42;"),
        (None, None, "another process"),
    ],
)
def test_a_held_lock_names_its_owner(tmp_path, pid, command, text):
    check = check_lock(status(tmp_path / "l", "held", pid=pid, command=command))

    assert check.state == "note"
    assert text in check.finding


def test_a_lock_that_cannot_be_made_comes_with_how_to_name_another(tmp_path):
    for check in (
        check_lock(status(tmp_path / "none" / "lock")),
        check_lock(status(tmp_path / "lock", "unknown", reason="Permission denied")),
    ):
        assert check.state == "missing"
        assert "WATT_AHEAD_LOCK=" in commands(check)[0]


def test_a_busy_machine_is_a_note():
    cores = usable_cores()

    assert check_load((0.01 * cores, 9.0, 9.0)).state == "ok"
    assert check_load((0.5 * cores, 0.0, 0.0)).state == "note"


def test_a_system_without_load_averages_is_no_error(monkeypatch):
    monkeypatch.delattr(os, "getloadavg")

    assert check_load().facts["load_averages"] is None


@pytest.mark.parametrize(
    ("governors", "state"),
    [
        ((), "ok"),
        (("performance", "performance"), "ok"),
        (("performance", "powersave"), "note"),
        (("schedutil",), "note"),
    ],
)
def test_a_clock_that_follows_the_load_is_a_note(tmp_path, governors, state):
    for number, governor in enumerate(governors):
        where = f"sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor"
        files(tmp_path, **{where: governor + "\n"})

    check = check_governor(tmp_path)

    assert check.state == state
    assert bool(check.fixes) == (state == "note")


def test_memory_is_what_the_group_still_allows(tmp_path):
    groups(
        tmp_path,
        **{"slice/memory.max": str(3 * 1024**3), "slice/memory.current": "1024"},
    )

    check = check_memory(tmp_path)

    assert check.state == "note"
    assert check.facts["available_bytes"] == 3 * 1024**3 - 1024


def test_a_folder_that_is_gone_is_no_error(tmp_path):
    assert check_disk(tmp_path).facts["free_bytes"] > 0
    assert check_disk(tmp_path / "none").state == "note"


# The model that answers


@pytest.fixture
def own(tmp_path, monkeypatch, model_folder):
    monkeypatch.setattr(models, "user_models_folder", lambda: tmp_path / "own")
    monkeypatch.setattr(
        "predictor.doctor.answering.user_models_folder", lambda: tmp_path / "own"
    )
    monkeypatch.setattr(models, "SHIPPED", (tmp_path / "shipped",))
    shutil.copytree(model_folder, tmp_path / "shipped" / models.DEFAULT_MODEL)
    return tmp_path / "own"


def test_a_machine_without_its_own_model_learns_the_two_commands(own):
    check = check_model()

    assert check.state == "note"
    assert "generic" in check.finding
    assert "made-up device" in check.finding
    sweep, fit = map(shlex.split, commands(check))
    assert sweep[:2] == ["dataset_builder", "sweep"]
    rows, folder = f"{sweep[-1]}/runs.jsonl", str(own / "mine")
    assert fit == ["predictor", "fit", rows, "-o", folder]


def test_a_model_where_the_command_puts_it_answers(own, model_folder, monkeypatch):
    folder = shlex.split(commands(check_model())[-1])[-1]
    shutil.copytree(model_folder, folder)
    monkeypatch.setattr(models, "this_hardware", lambda: "made-up device")

    check = check_model()

    assert (check.state, check.fixes) == ("ok", ())
    assert check.facts["tier"] == "calibrated"
    assert check.facts["folder"] == folder


def test_a_home_that_cannot_be_written_gets_a_model_by_its_folder(own, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    fix = check_model().fixes[-1]

    assert fix.command.endswith("-o models/mine")
    assert "--model" in fix.purpose


def test_a_damaged_model_is_told_with_its_reason(own):
    folder = own.parent / "shipped" / models.DEFAULT_MODEL
    (folder / "manifest.json").write_text("{")

    check = check_model()

    assert check.state == "missing"
    assert "is no JSON" in check.finding


# The report


def test_a_report_has_every_check_in_its_order():
    report = examine()

    assert tuple(check.name for check in report.checks) == NAMES
    assert {check.state for check in report.checks} <= {"ok", "note", "missing"}
    for check in report.checks:
        assert check.finding
        assert check.state != "missing" or check.fixes


def every_fix():
    """Return the advice of machines of every kind."""
    checks = [
        *(check_rapl([], around) for around in (BARE, CONTAINER)),
        check_rapl([zone(trouble=DENIED)], BARE),
        check_rapl([zone(trouble=HIDDEN)], CONTAINER),
        check_nvidia(NO_GPU, replace(BARE, has_nvidia_card=True)),
        check_nvidia(NO_GPU, replace(CONTAINER, has_nvidia_card=True)),
        check_backends(package(name, None) for name in ("jax", "tensorflow")),
        check_package(package("keras", None, allowed=">=3.15")),
        check_lock(status(Path("none", "lock"))),
        *examine().checks,
    ]
    return [fix for check in checks for fix in check.fixes]


def test_every_command_is_one_that_a_shell_takes():
    for fix in every_fix():
        subprocess.run(["sh", "-n", "-c", fix.command], check=True)


def report_of(*fixes, finding="found"):
    check = Check(name="energy_source", state="note", finding=finding, fixes=fixes)
    return Report(version="0.1", checks=(check,))


def test_eighty_columns_break_no_command(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    for fix in every_fix():
        text = render_report(report_of(fix))

        for line in fix.command.splitlines():
            assert f"    {line}\n" in text


@pytest.mark.parametrize("columns", [40, 80, 132])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    finding = "a finding of many words " * 20

    text = render_report(report_of(finding=finding))

    assert max(map(len, text.splitlines())) <= columns
    assert text.count("finding") == 20


def test_a_long_command_is_broken_so_that_a_shell_takes_it_back(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folder = shlex.quote("/home/somebody with a long name/" + "data/" * 6 + "mine")
    command = f"predictor fit data/mine/runs.jsonl {'--seed 1 ' * 6}-o {folder}"

    text = render_report(report_of(Fix(purpose="fit", command=command)))

    shown = text.partition("fit:\n")[2].rpartition("\n\n")[0]
    assert len(shown.splitlines()) > 1
    taken = subprocess.run(
        ["sh", "-c", f"""set -- {shown}\nprintf '%s\\n' "$@" """],
        check=True,
        capture_output=True,
        text=True,
    )
    assert taken.stdout.splitlines() == shlex.split(command)


def test_a_name_cannot_steer_the_terminal():
    assert "\x1b" not in render_report(report_of(finding="lock \x1b[2J of somebody"))


# The command


def doctor(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "predictor", "doctor", *arguments],
        **{
            "check": False,
            "text": True,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **settings,
        },
    )


def test_the_table_is_on_stdout_and_the_status_is_0(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    status = main(["doctor"])

    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    assert max(map(len, captured.out.splitlines())) <= 80
    assert "energy source" in captured.out


def test_json_has_a_version_and_every_check(capsys):
    assert main(["doctor", "--format", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert tuple(check["name"] for check in document["checks"]) == NAMES
    assert set(document["checks"][0]) == {"name", "state", "finding", "fixes", "facts"}


def test_another_format_is_wrong_usage(capsys):
    assert main(["doctor", "--format", "xml"]) == 2
    assert capsys.readouterr().out == ""


def test_the_help_says_that_the_status_is_0(capsys):
    assert main(["doctor", "--help"]) == 0
    assert "the exit status is 0" in " ".join(capsys.readouterr().out.split())


def test_it_imports_no_framework_and_opens_no_socket():
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('socket opened')\n"
        "socket.socket = refuse\n"
        "from predictor.cli import main\n"
        "status = main(['doctor'])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
        "sys.exit(status)"
    )

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    heavy = {"codecarbon", "joblib", "keras", "pandas", "scipy", "sklearn", "rich"}
    assert not (heavy | {"torch", "jax"}) & set(process.stderr.split())


def test_it_works_without_a_home_and_with_one_that_cannot_be_written(tmp_path):
    without = {key: value for key, value in os.environ.items() if key != "HOME"}
    home = tmp_path / "home"
    home.mkdir(mode=0o500)

    for environment in (without, {**without, "HOME": str(home)}):
        process = doctor(env=environment, cwd=tmp_path)

        assert (process.returncode, process.stderr) == (0, "")
    assert list(home.iterdir()) == []


def test_it_works_where_the_terminal_knows_few_letters(tmp_path):
    odd = tmp_path / "Größe-\udcff"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    process = doctor(env={**environment, "WATT_AHEAD_LOCK": str(odd)})

    assert process.returncode == 0
    assert "Gr\\xf6" in process.stdout


def test_a_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)

    process = doctor(stdout=writer)
    os.close(writer)

    assert (process.returncode, process.stderr) == (0, "")
