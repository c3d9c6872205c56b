"""What a trial does here: next to nothing, and what it is told to do wrong.

Everything around it is real: the process and its group, its limits, its directory and
its connection to the sweep. Trials import this module, so it imports little.
"""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from dataset_builder.meters.readings import Reading, cpu_time_s
from dataset_builder.plan.anchor import ANCHOR_NAME
from dataset_builder.trial import worker
from dataset_builder.trial.protocol import run_trial
from dataset_builder.trial.row import energy_fields, workload_fields
from tests.dataset_builder.builders import measured_row

BEHAVIOUR_VARIABLE = "WATT_AHEAD_BEHAVIOUR"
"""Environment variable that tells trials how to behave, as JSON."""

NOTES_VARIABLE = "WATT_AHEAD_NOTES"
"""Environment variable that names the file in which trials leave notes."""

STEP_S = 0.005
WINDOW_S = 0.1
WARMUP_S = 0.3
"""Short: beside another busy process it would only end at its limit."""


def trial_main(connection, order):
    """Be the main function of a trial's process."""
    worker.measure = measure  # in this process, which is the trial's own
    worker.trial_main(connection, order)


def measure(order):
    """Return the row of an order, unless told otherwise."""
    told = json.loads(os.environ[BEHAVIOUR_VARIABLE])
    number = "anchor"
    if order.item.name != ANCHOR_NAME:
        number = note(os.environ[NOTES_VARIABLE], order)
    fault = told.get("faults", {}).get(str(number))
    if fault is not None:
        FAULTS[fault](order)
    if told.get("busy") and number != "anchor":
        return busy_row(order)
    time.sleep(told.get("trial_s", 0.03))
    return measured_row(order, valid=is_valid(order), energy_j=usual_energy_j(order))


def note(notes, order):
    """Leave a note of this process, and return how many trials began before it."""
    line = f"{order.identity} {order.attempt} {os.getpid()}\n".encode()
    descriptor = os.open(notes, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line)
    lines = os.pread(descriptor, 1 << 24, 0).decode().splitlines()
    os.close(descriptor)
    return len(lines) - 1


def is_valid(order):
    """Tell whether a row is valid: most are, some from the second attempt on or never.

    Depends on nothing else, so an interrupted sweep must end as an uninterrupted one.
    """
    kind = int(order.identity[:8], 16) % 8
    if order.item.name == ANCHOR_NAME or kind > 1:
        return True
    return kind == 0 and order.attempt > 1


def usual_energy_j(order):
    if order.item.name == ANCHOR_NAME:
        return 20.0
    return 10.0 + int(order.identity[:4], 16) % 100


def _hang_deaf_with_a_child(order):
    del order
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    time.sleep(600)


def _ask_for_too_much(order):
    np.ones(2 * order.limits.memory_bytes, dtype=np.uint8)


def _abort_without_memory(order):
    # As C++ does where nobody catches it.
    del order
    sys.stdout.write("terminate called after throwing: out of memory")
    sys.stdout.flush()
    os.abort()


def _give_up(order):
    raise ValueError("this network cannot be built")


FAULTS = {
    "SIGKILL": lambda order: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda order: os.kill(os.getpid(), signal.SIGSEGV),
    "SIGABRT": lambda order: os.abort(),
    "exit": lambda order: os._exit(3),
    "raise": _give_up,
    "oom": _ask_for_too_much,
    "oom abort": _abort_without_memory,
    "hang": _hang_deaf_with_a_child,
}


class BusyJob:
    """Computes, a few ms per step."""

    def prepare(self, steps):
        self.steps = steps
        return steps

    def run(self):
        end_s = time.process_time() + self.steps * STEP_S
        while time.process_time() < end_s:
            pass


class LoadModelMeter:
    """Models energy from processor time, as CodeCarbon does without counters."""

    def measure(self, work):
        start_s, start_cpu_s = time.monotonic(), cpu_time_s()
        work()
        cpu_s = cpu_time_s() - start_cpu_s
        duration_s = time.monotonic() - start_s
        return Reading(
            cpu_energy_j=4.0 * cpu_s,
            ram_energy_j=10.0 * duration_s,
            gpu_energy_j=None,
            duration_s=duration_s,
            cpu_time_s=cpu_s,
        )


def busy_row(order):
    """Measure a busy job in real windows under the real conditions of this machine."""
    result = run_trial(
        BusyJob(), LoadModelMeter(), window_s=WINDOW_S, warmup_limit_s=WARMUP_S
    )
    samples = result.median.steps * order.item.batch_size
    return (
        measured_row(order)
        | workload_fields(order.item, samples=samples, epochs=1)
        | energy_fields(result)
    )
