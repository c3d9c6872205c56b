"""A data set written row by row, as a sweep would, on a clock that only rows move."""

from datetime import UTC, datetime

from dataset_builder.plan.anchor import anchor_configuration
from dataset_builder.plan.configuration import configuration
from dataset_builder.store.journal import Journal
from dataset_builder.store.manifest import make_manifest, store_network, write_manifest
from dataset_builder.trial.row import workload_fields
from tests.dataset_builder.builders import tiny_network

PLATFORM = "cpu/jax/float32"
HOST = "0a1b2c3d"
START_S = 1_800_000_000.0


def timestamp(time_s):
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds")


class SyntheticSet:
    """A data set that grows by one trial after another; good unless told otherwise."""

    def __init__(self, directory, *, protocol=2):
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.now_s = START_S
        self.host = HOST
        plan = {"plan": "default", "seed": 1, "shard": [1, 1]}
        manifest = make_manifest(None, {}, rows="runs", plan=plan)
        write_manifest(directory, manifest | {"protocol": protocol})

    def append(self, name, row):
        return Journal(self.directory / name).append(row)

    def timed(self, duration_s):
        """Let time pass and return a record's stamps."""
        started_s = self.now_s
        self.now_s += duration_s
        stamps = {"started_at": timestamp(started_s), "ended_at": timestamp(self.now_s)}
        self.now_s += 0.2
        return stamps | {"host": self.host}

    def trial(
        self,
        units=4,
        *,
        file="runs.jsonl",
        step_s=0.01,
        power_w=20.0,
        wobble=0.0,
        trial_s=8.0,
        mode="training",
        repeat=0,
        **changes,
    ):
        """Append the row of one configuration; its windows differ by `wobble`."""
        item = configuration(tiny_network(units), family="dense", mode=mode)
        store_network(self.directory, item.network)
        row = measured(item, step_s, power_w, wobble) | {
            "id": repeated(item, repeat).identity(PLATFORM),
            "repeat": repeat,
            **self.timed(trial_s),
        }
        return self.append(file, row | changes)

    def anchor(self, level=1.0, **changes):
        """Append an anchor that takes `level` times what it usually takes."""
        item = anchor_configuration()
        store_network(self.directory, item.network)
        stamps = self.timed(7.0)
        row = measured(item, 0.02 * level, 20.0, 0.0) | stamps
        row |= {"id": stamps["started_at"], "point": stamps["started_at"]}
        return self.append("anchors.jsonl", row | changes)

    def idle(self, power_w=20.0, *, valid=True):
        """Append an idle period."""
        return self.append(
            "idle.jsonl",
            {"id": str(self.now_s), "idle_power_w": power_w, "valid": valid}
            | self.timed(5.0),
        )

    def failure(self, units, *, duration_s):
        """Append a trial without a row."""
        item = configuration(tiny_network(units), family="dense")
        self.now_s += duration_s
        failed_at = datetime.fromtimestamp(self.now_s, UTC).isoformat()
        return self.append(
            "failures.jsonl",
            {
                "id": item.identity(PLATFORM),
                "network_sha256": item.network_sha256,
                "name": "dense",
                "kind": "oom",
                "duration_s": duration_s,
                "failed_at": failed_at,
                "host": self.host,
            },
        )

    def pause(self, duration_s):
        """Let time pass in which nothing is measured."""
        self.now_s += duration_s

    def opening(self):
        """Append what a sweep begins with."""
        self.idle()
        self.anchor()

    def closing(self):
        """Append what a sweep ends with."""
        self.anchor()
        self.idle()


def repeated(item, repeat):
    fields = {name: getattr(item, name) for name in item.__dataclass_fields__}
    return type(item)(**{**fields, "repeat": repeat})


def measured(item, step_s, power_w, wobble):
    """Return what a trial says of a configuration, without identity and time."""
    steps = max(1, round(1.0 / step_s))
    window_s = steps * step_s
    windows = [
        {
            "steps": steps,
            "energy_j": power_w * window_s * factor,
            "duration_s": window_s,
            "valid": True,
            "reason": None,
        }
        for factor in (1.0 - wobble, 1.0, 1.0 + wobble)
    ]
    return workload_fields(item, samples=steps * item.batch_size, epochs=1) | {
        "energy_j": power_w * (window_s + 0.1),
        "duration_s": window_s + 0.1,
        "cold_energy_j": power_w * 0.1,
        "cold_duration_s": 0.1,
        "steady_energy_j": power_w * window_s,
        "steady_duration_s": window_s,
        "steps_measured": steps,
        "valid": True,
        "invalid_reason": None,
        "windows": windows,
        "metering_share": 0.001,
        "source": "modelled",
        "cpu_tier": "cpu_load_process",
        "ram_tier": "constant",
        "gpu_tier": "absent",
        "cpu_ceiling_w": 8.0,
        "ram_power_w": 20.0,
        "hardware": "Chip A",
        "backend": "jax",
        "platform": PLATFORM,
        "source_dataset": "mine",
        "attempt": 1,
    }


def good_set(directory, *, configurations=14):
    """Write a data set without a fault; a quarter of a minute of windows."""
    made = SyntheticSet(directory)
    made.opening()
    for number in range(configurations):
        made.trial(
            2 + number,
            step_s=0.0003 * 2**number,
            mode=("training", "inference")[number % 2],
        )
    made.anchor(1.01)
    for number in range(configurations):
        made.trial(
            2 + number,
            step_s=0.0003 * 2**number * 1.02,
            mode=("training", "inference")[number % 2],
            repeat=1,
        )
    made.closing()
    return made
