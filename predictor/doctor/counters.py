"""Which energy counters can be read here, and what a sweep's energy would be."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from predictor.doctor.check import Check, Fix
from predictor.doctor.machine import Surroundings
from predictor.hardware import MODELLED
from predictor.sensors import NvmlDevice, NvmlState, RaplZone

_PERMISSION = "Permission denied"
_ABSENT = "No such file or directory"

_CHMOD = "sudo chmod a+r /sys/class/powercap/*/*energy*_uj"
_RULE = (
    """echo 'KERNEL=="intel-rapl*:*", RUN+="/bin/chmod a+r /sys%p/energy_uj"' |\n"""
    "  sudo tee /etc/udev/rules.d/99-rapl.rules"
)
_SILENT = "tells neither energy nor power"
_LEAK = "readable counters can leak secrets to other users (CVE-2020-8694)"


def check_rapl(zones: Sequence[RaplZone], around: Surroundings) -> Check:
    """Say which of the processor's counters can be read.

    Parameters
    ----------
    zones : sequence of RaplZone
        What the system shows.
    around : Surroundings
        What this machine is.

    Returns
    -------
    check : Check
        With the commands that make them readable, where there are such.
    """
    facts = {"zones": [_zone_facts(zone) for zone in zones]}
    if not zones:
        return _no_zones(around, facts)
    readable = [zone.name for zone in zones if zone.readable]
    counted = _counts_processor(zones)
    troubles = sorted({zone.trouble for zone in zones if zone.trouble is not None})
    parts = []
    if readable:
        parts.append(f"readable: {', '.join(readable)}")
    if troubles:
        hidden = ", ".join(zone.name for zone in zones if not zone.readable)
        parts.append(f"{hidden}: {', '.join(troubles)}")
    if any(_PERMISSION in text for text in troubles):
        parts.append(f"only root may read them, since {_LEAK}")
    return Check(
        name="rapl",
        state="missing" if not counted else "note" if troubles else "ok",
        finding="; ".join(parts),
        fixes=_rapl_fixes(troubles, around),
        facts=facts,
    )


def _no_zones(around: Surroundings, facts: Mapping[str, object]) -> Check:
    fixes: tuple[Fix, ...] = ()
    if around.system != "Linux":
        reason = f"looked for on Linux only; on {around.system} CodeCarbon has its own"
    elif around.is_virtual:
        reason = (
            "the system shows no counter of the processor: virtual machines mostly "
            "have none, whatever is installed inside"
        )
    elif around.is_container:
        reason = "this container shows no counter of the processor"
        fixes = (_container_fix(),)
    elif not around.is_x86:
        reason = "the system shows no counter of the processor; Intel and AMD have it"
    else:
        reason = "the system shows no counter of the processor"
        fixes = (
            Fix(purpose="load its driver", command="sudo modprobe intel_rapl_msr"),
        )
    return Check(
        name="rapl",
        state="missing" if fixes else "note",
        finding=reason,
        fixes=fixes,
        facts=facts,
    )


def _rapl_fixes(troubles: Sequence[str], around: Surroundings) -> tuple[Fix, ...]:
    fixes = []
    if any(_PERMISSION in text for text in troubles):
        where = "on the host, " if around.is_container else ""
        fixes += [
            Fix(purpose=f"{where}until the next start of the machine", command=_CHMOD),
            Fix(purpose=f"{where}for good", command=_RULE),
        ]
    if around.is_container and any(_ABSENT in text for text in troubles):
        fixes.append(_container_fix())
    return tuple(fixes)


def _container_fix() -> Fix:
    return Fix(
        purpose="Docker hides the counters since they can leak secrets; show them by",
        command="docker run --security-opt systempaths=unconfined ...",
    )


def _zone_facts(zone: RaplZone) -> dict[str, object]:
    return {
        "name": zone.name,
        "path": str(zone.path),
        "kind": zone.kind,
        "inside": zone.inside,
        "trouble": zone.trouble,
        "mirrors": zone.mirrors,
    }


def _counts_processor(zones: Sequence[RaplZone]) -> bool:
    return any(zone.kind == "package" and zone.readable for zone in zones)


def check_nvidia(state: NvmlState, around: Surroundings) -> Check:
    """Say which NVIDIA GPUs there are and whether their energy is counted.

    Parameters
    ----------
    state : NvmlState
        What NVIDIA's library says.
    around : Surroundings
        What this machine is.

    Returns
    -------
    check : Check
        With what is missing between a GPU and its counter.
    """
    facts = {
        "driver": state.driver_version,
        "devices": [
            {
                "index": device.index,
                "name": device.name,
                "energy_counter": device.energy_counter,
                "power": device.power,
                "mig": device.mig,
            }
            for device in state.devices
        ],
    }
    if not state.devices:
        return _no_gpu(state.trouble or "", around, facts)
    lines = [f"{gpu.index}: {gpu.name}, {_way(gpu)}" for gpu in state.devices]
    remarks, fixes = [], []
    if any(gpu.mig for gpu in state.devices):
        remarks.append(
            "a GPU cut into instances (MIG) has one counter for all of them: nothing "
            "else may run on it"
        )
    if shutil.which("nvidia-smi") is None:
        remarks.append("nvidia-smi is not found, by which CodeCarbon looks for GPUs")
        fixes.append(Fix(purpose="put the folder of nvidia-smi on PATH"))
    is_silent = any(_way(gpu) == _SILENT for gpu in state.devices)
    if is_silent:
        fixes.append(Fix(purpose="measure on a whole GPU, not on an instance (MIG)"))
    is_limited = remarks or not all(gpu.energy_counter for gpu in state.devices)
    return Check(
        name="nvidia",
        state="missing" if fixes else "note" if is_limited else "ok",
        finding="; ".join(
            [*lines, f"driver {state.driver_version or 'of unknown version'}", *remarks]
        ),
        fixes=tuple(fixes),
        facts=facts,
    )


def _way(gpu: NvmlDevice) -> str:
    if gpu.energy_counter:
        return "counts energy"
    return "has no counter of energy, so power is sampled" if gpu.power else _SILENT


def _no_gpu(trouble: str, around: Surroundings, facts: Mapping[str, object]) -> Check:
    is_there = around.has_nvidia_card or around.has_nvidia_driver
    fixes: tuple[Fix, ...] = ()
    if "nvidia-ml-py" in trouble:
        finding = "the package nvidia-ml-py is not installed, so no GPU can be seen"
        fixes = (Fix(purpose="install it", command="pip install nvidia-ml-py"),)
    elif not is_there:
        finding = f"no NVIDIA GPU: {trouble}"
    elif "mismatch" in trouble.lower():
        finding = f"there is an NVIDIA GPU, but {trouble}"
        fixes = (Fix(purpose="kernel module and library differ: restart the machine"),)
    elif around.is_container:
        finding = f"there is an NVIDIA GPU, but not in this container ({trouble})"
        fixes = (
            Fix(
                purpose="start it with the GPU, by Docker with NVIDIA's toolkit",
                command=(
                    "docker run --gpus all "
                    "-e NVIDIA_DRIVER_CAPABILITIES=compute,utility ..."
                ),
            ),
        )
    else:
        finding = f"there is an NVIDIA GPU, but {trouble}"
        fixes = (
            Fix(
                purpose="install NVIDIA's driver and restart; on Ubuntu",
                command="sudo ubuntu-drivers install",
            ),
        )
    return Check(
        name="nvidia",
        state="missing" if fixes else "note",
        finding=finding,
        fixes=fixes,
        facts=facts,
    )


def check_energy_source(
    zones: Sequence[RaplZone], gpus: NvmlState, around: Surroundings
) -> Check:
    """Say what the energy in rows of a sweep would be.

    Parameters
    ----------
    zones : sequence of RaplZone
        The processor's counters.
    gpus : NvmlState
        The GPUs' counters.
    around : Surroundings
        What this machine is.

    Returns
    -------
    check : Check
        A note where the processor's energy would be modelled.
    """
    if around.system != "Linux" and not gpus.devices:
        return Check(
            name="energy_source",
            state="note",
            finding=(
                f"not known before a sweep on {around.system}: CodeCarbon looks for "
                "counters of its own, and every row says what it found"
            ),
            facts={"cpu": None, "gpu": None},
        )
    has_rapl = _counts_processor(zones)
    has_gpu = any(gpu.energy_counter or gpu.power for gpu in gpus.devices)
    on_cpu = "rapl" if has_rapl else MODELLED
    on_gpu = ("nvml+rapl" if has_rapl else "nvml") if has_gpu else None
    parts = []
    if on_gpu is not None:
        processor = "processor by RAPL" if has_rapl else "processor modelled"
        parts.append(
            f"with --device gpu measured: GPU by NVML, {processor}, memory modelled"
        )
    where = "with --device cpu " if has_gpu else ""
    if has_rapl:
        parts.append(f"{where}measured: processor by RAPL, memory modelled")
    else:
        parts.append(
            f"{where}modelled: a sweep takes energy from CodeCarbon's load model, and "
            "with --require-counter exits with status 6; times are measured all the "
            "same"
        )
    return Check(
        name="energy_source",
        state="ok" if has_rapl else "note",
        finding="; ".join(parts),
        facts={"cpu": on_cpu, "gpu": on_gpu},
    )
