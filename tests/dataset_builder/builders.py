"""Small real objects that several test files build."""

import random
import time

from dataset_builder.meters.readings import Reading
from dataset_builder.plan.anchor import ANCHOR_NAME
from dataset_builder.plan.configuration import configuration
from dataset_builder.plan.draw import DIMENSIONS, Draw
from dataset_builder.trial.conditions import LoadSnapshot
from dataset_builder.trial.row import workload_fields
from dataset_builder.trial.trials import Outcome
from dataset_builder.trial.worker import describe_main, idle_main, selftest_main


def random_draw(seed):
    source = random.Random(seed)
    return Draw([source.random() for _ in range(DIMENSIONS)])


def tiny_network(units=4):
    config = {
        "name": "tiny",
        "layers": [
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": {"batch_shape": [None, 3], "name": "input"},
            },
            {
                "module": "keras.layers",
                "class_name": "Dense",
                "config": {"units": units, "name": "dense"},
            },
        ],
    }
    return {"module": "keras", "class_name": "Sequential", "config": config}


def tiny_configuration(units=4, **options):
    return configuration(tiny_network(units), family="dense", **options)


def reading(energy_j=20.0, duration_s=1.0, *, cpu_time_s=None, gpu_energy_j=None):
    return Reading(
        cpu_energy_j=energy_j * 0.25,
        ram_energy_j=energy_j * 0.75,
        gpu_energy_j=gpu_energy_j,
        duration_s=duration_s,
        cpu_time_s=duration_s if cpu_time_s is None else cpu_time_s,
    )


def snapshot(time_s, *, busy_s=0.0, own_s=0.0, steal_s=0.0, wall_s=None, boot_s=None):
    return LoadSnapshot(
        busy_s=busy_s,
        steal_s=steal_s,
        cores=2,
        monotonic_s=time_s,
        wall_s=time_s if wall_s is None else wall_s,
        boot_s=time_s if boot_s is None else boot_s,
        own_cpu_s=own_s,
    )


def measured_row(order, *, valid=True, energy_j=20.0):
    """Return a row as a trial would send it."""
    item = order.item
    windows = [
        {"steps": 10, "energy_j": energy_j, "duration_s": 1.0, "valid": valid}
    ] * 3
    fields = workload_fields(item, samples=10 * item.batch_size, epochs=1)
    measured = {
        "id": order.identity,
        "source": "modelled",
        "cpu_tier": "cpu_load_process",
        "ram_tier": "constant",
        "gpu_tier": "absent",
        "energy_j": energy_j + 1.0,
        "duration_s": 1.5,
        "cold_energy_j": 1.0,
        "cold_duration_s": 0.5,
        "steady_energy_j": energy_j,
        "steady_duration_s": 1.0,
        "steps_measured": 10,
        "relative_spread": 0.01,
        "valid": valid,
        "invalid_reason": None if valid else "3 of 3 windows invalid: foreign load 9 %",
        "windows": windows,
        "trial_s": 5.0,
        "attempt": order.attempt,
    }
    return {**fields, **measured, **order.fields}


METER = {
    "source": "modelled",
    "cpu_tier": "cpu_load_process",
    "ram_tier": "constant",
    "gpu_tier": "absent",
}


def idle_record(order, *, valid=True, idle_power_w=20.0):
    """Return an idle record as a trial process would send it."""
    return {
        "schema": "idle/1",
        "duration_s": 5.0,
        "energy_j": 5.0 * idle_power_w,
        "idle_power_w": idle_power_w,
        "valid": valid,
        "invalid_reason": None if valid else "foreign load 9 %",
        **METER,
        **order.fields,
    }


class RecordingRunner:
    """Runs no trial, but answers as one would, and remembers what it was asked."""

    def __init__(self, home, answer=None, *, anchor=None, meter=METER):
        self.home = home
        self.log = home / "trial.log"
        self.orders = []
        self.anchors = 0
        self.idles = 0
        self._answer = answer or (lambda order: Outcome(row=measured_row(order)))
        self._anchor = anchor or (lambda order: Outcome(row=measured_row(order)))
        self._meter = meter

    def run(self, order):
        time.sleep(0.002)  # as long as it takes that timestamps differ
        if order.item.name == ANCHOR_NAME:
            self.anchors += 1
            return self._anchor(order)
        self.orders.append(order)
        return self._answer(order)

    def call(self, target, arguments, *, wall_s):
        if target is describe_main:
            return "row", dict(self._meter)
        if target is idle_main:
            self.idles += 1
            return "row", idle_record(arguments[0])
        if target is selftest_main:
            return "row", {"schema": "selftest/1", "gpus": []}
        raise AssertionError("nothing else is called")
