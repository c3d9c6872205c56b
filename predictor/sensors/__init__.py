"""Energy counters of this machine: which there are, and which can be read.

Nothing is changed, and importing this costs nothing: NVIDIA's library is loaded when it
is asked.
"""

from predictor.sensors.nvml import (
    NvmlDevice,
    NvmlState,
    gpu_environment,
    nvml_answer,
    nvml_handles,
    nvml_state,
    open_nvml,
    opened_nvml,
    visible_gpus,
)
from predictor.sensors.rapl import (
    POWERCAP,
    RaplZone,
    ZoneKind,
    rapl_zones,
    zone_energy_uj,
)

__all__ = [
    "POWERCAP",
    "NvmlDevice",
    "NvmlState",
    "RaplZone",
    "ZoneKind",
    "gpu_environment",
    "nvml_answer",
    "nvml_handles",
    "nvml_state",
    "open_nvml",
    "opened_nvml",
    "rapl_zones",
    "visible_gpus",
    "zone_energy_uj",
]
