"""From a plan to a data set: trials one after another, rows as they finish."""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from dataset_builder.calibration.course import (
    Calibration,
    Finished,
    valid_measurements,
)
from dataset_builder.calibration.report import CalibrationReport, report_calibration
from dataset_builder.executor import Executor, Record, Serve, StationJob
from dataset_builder.locks import owned_directory
from dataset_builder.plan.again import again_plan
from dataset_builder.plan.configuration import Configuration
from dataset_builder.plan.space import default_plan
from dataset_builder.plan.zoo import zoo_plan
from dataset_builder.progress import Progress
from dataset_builder.settings import (
    DEVICES,
    ZOO_LIMITS,
    Backend,
    Device,
    TrialLimits,
    require_backend,
)
from dataset_builder.station import LocalExecutor, open_station
from dataset_builder.store.contents import (
    ANCHORS_FILE,
    FAILURES_FILE,
    IDLE_FILE,
    SELFTESTS_FILE,
)
from dataset_builder.store.drift import amendments
from dataset_builder.store.hosts import with_host
from dataset_builder.store.journal import Journal, latest_rows
from dataset_builder.store.manifest import (
    make_manifest,
    network_file,
    read_manifest,
    remove_unfinished,
    store_network,
    write_manifest,
)
from dataset_builder.store.timeline import valid_window_s
from dataset_builder.trial.environment import gpu_names
from dataset_builder.trial.trials import trial_server
from dataset_builder.trial.worker import TrialOrder
from predictor.dataset import CountedNetworks
from predictor.errors import InputFileError, MeasurementError, UsageError
from predictor.readers import read_network

PlanName = Literal["default", "zoo", "calibrate", "again"]
PLANS: tuple[PlanName, ...] = get_args(PlanName)

RUNS_FILE = "runs.jsonl"
ZOO_BUILD_LIMIT_S = 1800.0
DEFAULT_MINUTES = {"default": 30.0, "calibrate": 10.0}

ATTEMPTS = 3
"""How often a configuration is measured while its row is not valid."""

RETRY_DISTANCE = 5
"""Rows between a row that is not valid and its next attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """What a sweep is asked for.

    Parameters
    ----------
    directory : Path
        The data set.
    plan : {"default", "zoo", "calibrate", "again"}, default="default"
        Which configurations.
    minutes : float, optional
        No trial begins later.
    runs : int, optional
        At most this many trials.
    backend : {"jax", "torch", "tensorflow"}, default="jax"
        Keras backend.
    device : {"cpu", "gpu"}, default="cpu"
        What computes.
    seed : int, default=1
        Seed of the design and its order.
    shard : tuple of int, default=(1, 1)
        Which part of how many, counted from 1; of a calibration always the whole.
    force_resume : bool, default=False
        Go on although machine, versions, seed or plan differ.
    retry_failed : bool, default=False
        Try configurations again that failed, or that were not valid `ATTEMPTS` times.
    require_counter : bool, default=False
        Refuse to sweep where energy would only be modelled.
    cluster : str, optional
        Address of a Dask scheduler whose workers measure; by default this host does.
    verbose : bool, default=False
        Also say what a failed trial printed.
    """

    directory: Path
    plan: PlanName = "default"
    minutes: float | None = None
    runs: int | None = None
    backend: Backend = "jax"
    device: Device = "cpu"
    seed: int = 1
    shard: tuple[int, int] = (1, 1)
    force_resume: bool = False
    retry_failed: bool = False
    require_counter: bool = False
    cluster: str | None = None
    verbose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """What a sweep did.

    Parameters
    ----------
    measured, valid, failed, skipped : int
        Rows written, valid ones among them, trials without a row, configurations
        that were done before.
    energy_j : float
        Energy of all rows written in J.
    duration_s : float
        Wall time of the sweep in s.
    window_s : float
        Wall time inside valid windows in s.
    left_s : float or None
        Time that the sweep is expected to take still, in s; None where unknown.
    interrupted : bool
        Whether the user stopped it.
    calibration : CalibrationReport or None
        What a calibration came to; None of other plans, and where nothing is measured.
    """

    measured: int = 0
    valid: int = 0
    failed: int = 0
    skipped: int = 0
    energy_j: float = 0.0
    duration_s: float = 0.0
    window_s: float = 0.0
    left_s: float | None = None
    interrupted: bool = False
    calibration: CalibrationReport | None = None


def run_sweep(
    options: SweepOptions,
    *,
    progress: Progress,
    serve: Serve = trial_server,
) -> SweepSummary:
    """Measure until the time or the plan is over.

    Parameters
    ----------
    options : SweepOptions
        What is asked for.
    progress : Progress
        Told of every trial.
    serve : callable, default=trial_server
        Starts what runs the trials of a host.

    Returns
    -------
    summary : SweepSummary
        What was done.

    Raises
    ------
    UsageError
        If options contradict, the directory is in use, or its rows were made
        elsewhere.
    MissingExtraError
        If the backend is not installed.
    MeasurementError
        If there is no GPU, or no counter where one is required.
    InputFileError
        If the directory cannot be made or rows cannot be written.
    """
    _check(options)
    try:
        options.directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputFileError(
            f"{options.directory}: cannot be made ({error}); give another --out"
        ) from error
    with owned_directory(options.directory):
        remove_unfinished(options.directory)
        job = StationJob(
            backend=options.backend,
            device=options.device,
            dataset=_name(options.directory),
            require_counter=options.require_counter,
            serve=serve,
        )
        sweep = _Sweep(options, job, progress)
        if options.plan == "zoo":
            sweep.build_zoo()
        with sweep.executor() as executor:
            return sweep.run(executor)


class _Sweep:
    def __init__(
        self, options: SweepOptions, job: StationJob, progress: Progress
    ) -> None:
        self._options = options
        self._job = job
        self._progress = progress
        directory = options.directory
        self._manifest = read_manifest(directory)
        self._rows = Journal(directory / rows_file(options.plan))
        self._anchors = Journal(directory / ANCHORS_FILE)
        self._idle = Journal(directory / IDLE_FILE)
        self._selftests = Journal(directory / SELFTESTS_FILE)
        self._failures = Journal(directory / FAILURES_FILE)
        for journal in (self._rows, self._anchors, self._idle, self._failures):
            if journal.content.torn:
                progress.say(
                    f"{journal.path.name}: an unfinished last line was set aside"
                )
            if journal.content.damaged:
                lines = ", ".join(map(str, journal.content.damaged))
                progress.say(
                    f"{journal.path.name}: damaged lines are not used: {lines}"
                )
        self._latest = {
            str(row["id"]): row for row in latest_rows(self._rows.content.rows)
        }
        self._anchor_rows = list(self._anchors.content.rows)
        self._failed = {row.get("id") for row in self._failures.content.rows}
        self._zoo: dict[str, str] = (self._manifest or {}).get("zoo", {})
        self._ordered: dict[str, TrialOrder] = {}
        self._again: list[tuple[int, str]] = []
        self._calibration: Calibration | None = None
        self._networks = CountedNetworks()
        self._entered = False
        self._summary = SweepSummary()
        self._start_s = time.monotonic()

    def build_zoo(self) -> None:
        # Once; later sweeps read the descriptions that the manifest names.
        if self._zoo:
            return
        self._progress.say("building the real networks once")
        with self._job.serve(self._job.variables) as server:
            answer = server.call(_build_zoo, (), wall_s=ZOO_BUILD_LIMIT_S)
        if answer[0] != "zoo":
            raise MeasurementError(f"the zoo cannot be built: {answer[2]}")
        self._zoo = {
            name: store_network(self._options.directory, network)
            for name, network in answer[1].items()
        }

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        say = self._progress.say
        if self._options.cluster is not None:
            from dataset_builder.cluster.executor import open_cluster

            with open_cluster(
                self._options.cluster, self._job, self._admit, say
            ) as cluster:
                yield cluster
            return
        with open_station(self._job, say) as station:
            self._admit(station.environment)
            yield LocalExecutor(station)

    def run(self, executor: Executor) -> SweepSummary:
        keep: dict[str, Callable[[Record], None]] = {
            "row": self._keep,
            "anchor": self._keep_anchor,
            "idle": partial(self._keep_other, self._idle),
            "selftest": partial(self._keep_other, self._selftests),
        }
        try:
            for record in executor.run(self._orders()):
                keep[record.kind](record)
        except KeyboardInterrupt:
            self._summary = replace(self._summary, interrupted=True)
        summary = replace(self._summary, duration_s=time.monotonic() - self._start_s)
        return replace(summary, calibration=self._calibration_report())

    def _admit(self, environment: Mapping[str, object]) -> None:
        # The first host of a data set describes it; a cluster's others must be like it.
        options = self._options
        if not self._entered:
            described = environment
            if options.cluster is not None and self._manifest is not None:
                described = self._manifest["environment"]
            self._manifest = make_manifest(
                self._manifest,
                described,
                rows=Path(rows_file(options.plan)).stem,
                plan=self._plan_fields(),
                force=options.force_resume,
            )
            if self._zoo:
                self._manifest["zoo"] = self._zoo
            self._entered = True
        assert self._manifest is not None
        if options.cluster is not None:
            self._manifest = with_host(
                self._manifest, environment, force=options.force_resume
            )
        write_manifest(options.directory, self._manifest)

    def _plan_fields(self) -> dict[str, object]:
        options, plan = self._options, str(self._options.plan)
        if plan == "again":
            plans = (self._manifest or {}).get("plans", {})
            plan = plans.get("runs", {}).get("plan", "default")
        return {"plan": plan, "seed": options.seed, "shard": list(options.shard)}

    def _orders(self) -> Iterator[TrialOrder]:
        plan, exhausted = self._plan(), False
        while not self._is_late():
            due = self._again and self._again[0][0] <= self._summary.measured
            if due or (exhausted and self._again):
                yield self._retry()
                continue
            enough = len(self._ordered) == self._options.runs
            item = None if exhausted or enough else next(plan, None)
            if item is None:
                if not self._again:
                    return
                exhausted = True
                continue
            identity = self._identity(item)
            if self._is_done(identity):
                skipped = self._summary.skipped + 1
                self._summary = replace(self._summary, skipped=skipped)
                continue
            self._ordered[identity] = order = self._order(item, identity)
            yield order

    def _plan(self) -> Iterator[Configuration]:
        options = self._options
        part, parts = options.shard
        plan: Iterator[Configuration]
        if options.plan == "zoo":
            plan = zoo_plan(self._zoo_networks(), seed=options.seed)
        elif options.plan == "calibrate":
            plan = self._calibrate()
        elif options.plan == "again":
            plan = again_plan(
                [row for row in self._latest.values() if row["valid"]],
                {name for name in self._mentioned() if self._is_done(name)},
                self._network,
                seed=options.seed,
            )
        else:
            plan = default_plan(options.seed)
        return itertools.islice(plan, part - 1, None, parts)

    def _calibrate(self) -> Iterator[Configuration]:
        mentioned = self._mentioned()
        done = {name for name in mentioned if self._is_done(name)}
        self._summary = replace(self._summary, skipped=len(done))
        self._calibration = Calibration(
            self._options.seed,
            identity=self._identity,
            look=self._finished,
            done=done,
            begun=mentioned - done,
            say=self._progress.say,
        )
        return self._calibration.plan()

    def _mentioned(self) -> set[str]:
        return {*self._latest, *map(str, self._failed)}

    def _finished(self) -> Finished:
        rows = valid_measurements(
            self._latest.values(), self._networks, self._rows.path
        )
        valid = {name for name, row in self._latest.items() if row.get("valid", True)}
        lost = {name for name in self._mentioned() - valid if self._is_done(name)}
        return Finished(rows=rows, lost=lost)

    def _calibration_report(self) -> CalibrationReport | None:
        course = self._calibration
        if course is None or not self._latest:
            return None
        course.judge(self._finished())
        return report_calibration(
            self._rows.path, course.half_widths, settled=course.settled
        )

    def _zoo_networks(self) -> dict[str, dict[str, Any]]:
        return {name: self._network(digest) for name, digest in self._zoo.items()}

    def _network(self, digest: str) -> dict[str, Any]:
        path = network_file(self._options.directory, digest)
        return dict(read_network(path).description)

    def _identity(self, item: Configuration) -> str:
        return item.identity(f"{self._job.platform}/{item.dtype}")

    def _is_done(self, identity: str) -> bool:
        row = self._latest.get(identity)
        if row is None:
            return identity in self._failed and not self._options.retry_failed
        if row.get("valid", True):
            return True
        return _attempts(row) >= ATTEMPTS and not self._options.retry_failed

    def _order(self, item: Configuration, identity: str) -> TrialOrder:
        row = self._latest.get(identity)
        return TrialOrder(
            item=item,
            identity=identity,
            fields=self._job.fields(item.dtype),
            device=self._options.device,
            limits=ZOO_LIMITS if self._options.plan == "zoo" else TrialLimits(),
            attempt=1 + (_attempts(row) if row else 0),
        )

    def _retry(self) -> TrialOrder:
        _, identity = heapq.heappop(self._again)
        order = self._ordered[identity]
        return replace(order, attempt=_attempts(self._latest[identity]) + 1)

    def _is_late(self) -> bool:
        minutes = self._minutes()
        return minutes is not None and self._elapsed_s() > 60 * minutes

    def _minutes(self) -> float | None:
        options = self._options
        if options.minutes is None and options.runs is None:
            return DEFAULT_MINUTES.get(options.plan)
        return options.minutes

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def _keep(self, record: Record) -> None:
        row, order = record.outcome.row, record.order
        if row is None:
            self._fail(record)
            return
        store_network(self._options.directory, order.item.network)
        self._rows.append(row)
        self._take(row)
        self._summary = replace(
            self._summary,
            measured=self._summary.measured + 1,
            valid=self._summary.valid + bool(row["valid"]),
            energy_j=self._summary.energy_j + row["energy_j"],
            window_s=self._summary.window_s + valid_window_s(row),
        )
        step_ms = 1000 * row["steady_duration_s"] / row["steps_measured"]
        state = "" if row["valid"] else f"  INVALID: {row['invalid_reason']}"
        self._tell(
            record,
            f"step {step_ms:9.3f} ms {row['energy_j']:8.1f} J "
            f"spread {100 * row['relative_spread']:4.1f} % "
            f"in {record.outcome.duration_s:4.1f} s{state}",
        )

    def _take(self, row: dict[str, Any]) -> None:
        identity = str(row["id"])
        self._latest[identity] = row
        due = not row["valid"] and _attempts(row) < ATTEMPTS
        if due and identity in self._ordered:
            place = self._summary.measured + RETRY_DISTANCE
            heapq.heappush(self._again, (place, identity))

    def _keep_anchor(self, record: Record) -> None:
        row = record.outcome.row
        if row is None:
            self._fail(record)
            return
        store_network(self._options.directory, record.order.item.network)
        self._anchors.append(row)
        self._anchor_rows.append(row)
        amended = amendments(
            list(self._latest.values()), self._anchor_rows, record.host
        )
        for corrected in amended:
            self._rows.append(corrected)
            self._take(corrected)
        if amended:
            what = "corrected" if amended[0]["valid"] else "to be measured again"
            self._progress.say(
                f"drift between anchors: {len(amended)} rows {what} on {record.host}"
            )

    def _keep_other(self, journal: Journal, record: Record) -> None:
        if record.outcome.row is None:
            self._progress.say(f"no {record.kind}: {record.outcome.message}")
        else:
            journal.append(record.outcome.row)

    def _fail(self, record: Record) -> None:
        item, outcome = record.order.item, record.outcome
        self._failures.append(
            {
                "id": record.order.identity,
                "network_sha256": item.network_sha256,
                "name": item.name,
                "family": item.family,
                "mode": item.mode,
                "batch_size": item.batch_size,
                "optimizer": item.optimizer,
                "dtype": item.dtype,
                "platform": f"{self._job.platform}/{item.dtype}",
                "host": record.host,
                "kind": outcome.kind,
                "message": outcome.message,
                "duration_s": round(outcome.duration_s, 3),
                "failed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        store_network(self._options.directory, item.network)
        if record.kind == "row":
            self._failed.add(record.order.identity)
            self._summary = replace(self._summary, failed=self._summary.failed + 1)
        reason = outcome.message.splitlines()[0] if outcome.message else ""
        self._tell(record, f"FAILED {outcome.kind}: {reason[:160]}")
        if self._options.verbose:
            self._progress.say(outcome.message)

    def _tell(self, record: Record, text: str) -> None:
        item, options = record.order.item, self._options
        done = self._summary.measured + self._summary.failed
        elapsed_s = self._elapsed_s()
        left_s = None
        if options.runs is not None:
            left_s = elapsed_s / done * max(0, options.runs - done) if done else None
        elif (minutes := self._minutes()) is not None:
            left_s = max(0.0, 60 * minutes - elapsed_s)
        self._summary = replace(self._summary, duration_s=elapsed_s, left_s=left_s)
        self._progress.trial(
            f"{done:4d}  {item.name:22.22s} {item.mode:9s} b{item.batch_size:<4d} "
            f"{text}",
            self._summary,
        )


def _name(directory: Path) -> str:
    # The same in every locale.
    name = os.fsencode(directory.resolve().name)
    return name.decode("utf-8", "backslashreplace")


def _attempts(row: Mapping[str, Any]) -> int:
    return int(row.get("attempt", 1))


def rows_file(plan: str) -> str:
    """Return the name of the file a plan's rows go to.

    Parameters
    ----------
    plan : str
        One of `PLANS`.

    Returns
    -------
    name : str
        File name.

    Examples
    --------
    >>> rows_file("zoo"), rows_file("default")
    ('zoo.jsonl', 'runs.jsonl')
    """
    return "zoo.jsonl" if plan == "zoo" else RUNS_FILE


def _build_zoo(connection: Any) -> None:
    from dataset_builder.plan.zoo import build_zoo

    try:
        connection.send(("zoo", build_zoo()))
    except Exception as error:  # noqa: BLE001 (reported by the parent)
        connection.send(("error", type(error).__name__, str(error)))


def _check(options: SweepOptions) -> None:
    if options.plan not in PLANS:
        raise UsageError(
            f"--plan must be one of {', '.join(PLANS)}; got {options.plan!r}"
        )
    if options.minutes is not None and not options.minutes > 0:
        raise UsageError(f"--minutes must be above 0, got {options.minutes}")
    if options.runs is not None and options.runs < 1:
        raise UsageError(f"--runs must be at least 1, got {options.runs}")
    if options.minutes is not None and options.runs is not None:
        raise UsageError("give --minutes or --runs, not both")
    part, parts = options.shard
    if not 1 <= part <= parts:
        raise UsageError(f"--shard must be i/n with 1 <= i <= n, got {part}/{parts}")
    if options.plan == "calibrate" and parts > 1:
        raise UsageError(
            "--shard does not go with --plan calibrate, which chooses by all rows; "
            "use --cluster to measure on several hosts"
        )
    if options.device not in DEVICES:
        raise UsageError(
            f"--device must be one of {', '.join(DEVICES)}; got {options.device!r}"
        )
    if options.cluster is not None and options.plan != "zoo":
        return  # every host is asked what it has when it begins
    require_backend(options.backend)
    if options.device == "gpu" and not gpu_names():
        raise MeasurementError(
            "--device gpu: no NVIDIA GPU is visible here (nvidia-smi lists none); "
            "use --device cpu"
        )
