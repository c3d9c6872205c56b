"""From a plan to a data set: trials one after another, rows as they finish."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from dataset_builder.configuration import Configuration
from dataset_builder.environment import (
    describe_environment,
    gpu_names,
)
from dataset_builder.journal import Journal
from dataset_builder.locks import HostLock, host_lock_path, owned_directory
from dataset_builder.manifest import (
    make_manifest,
    network_file,
    read_manifest,
    store_network,
    write_manifest,
)
from dataset_builder.settings import (
    DEVICES,
    ZOO_LIMITS,
    Backend,
    Device,
    TrialLimits,
    require_backend,
    trial_variables,
)
from dataset_builder.space import calibration_plan, default_plan
from dataset_builder.trials import Outcome, TrialRunner, trial_server
from dataset_builder.worker import TrialOrder, log_tail
from dataset_builder.zoo import zoo_plan
from predictor.errors import InputFileError, MeasurementError, UsageError
from predictor.hardware import usable_cores
from predictor.readers import read_network

PlanName = Literal["default", "zoo", "calibrate"]
PLANS: tuple[PlanName, ...] = get_args(PlanName)

RUNS_FILE = "runs.jsonl"
FAILURES_FILE = "failures.jsonl"
ZOO_BUILD_LIMIT_S = 1800.0
DEFAULT_MINUTES = {"default": 30.0, "zoo": 24 * 60.0, "calibrate": 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """What a sweep is asked for.

    Parameters
    ----------
    directory : Path
        The data set.
    plan : {"default", "zoo", "calibrate"}, default="default"
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
        Which part of how many, counted from 1.
    force_resume : bool, default=False
        Go on although machine, versions, seed or plan differ.
    retry_failed : bool, default=False
        Try configurations again that failed, or whose row is not valid.
    require_counter : bool, default=False
        Refuse to sweep where energy would only be modelled.
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
    interrupted : bool
        Whether the user stopped it.
    """

    measured: int = 0
    valid: int = 0
    failed: int = 0
    skipped: int = 0
    energy_j: float = 0.0
    duration_s: float = 0.0
    window_s: float = 0.0
    interrupted: bool = False


def run_sweep(
    options: SweepOptions,
    *,
    say: Callable[[str], None],
    serve: Callable[
        [Callable[[str], Mapping[str, str | None]]],
        AbstractContextManager[TrialRunner],
    ] = trial_server,
) -> SweepSummary:
    """Measure until the time or the plan is over.

    Parameters
    ----------
    options : SweepOptions
        What is asked for.
    say : callable
        Told one line of progress at a time.
    serve : callable, default=trial_server
        Starts what runs the trials.

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
        environment = describe_environment(options.backend, options.device)
        manifest = make_manifest(
            read_manifest(options.directory),
            environment,
            rows=Path(rows_file(options.plan)).stem,
            plan={
                "plan": options.plan,
                "seed": options.seed,
                "shard": list(options.shard),
            },
            force=options.force_resume,
        )
        write_manifest(options.directory, manifest)
        with serve(_variables(options)) as server:
            return _Sweep(options, environment, manifest, server, say).run()


class _Sweep:
    def __init__(
        self,
        options: SweepOptions,
        environment: Mapping[str, object],
        manifest: dict[str, Any],
        server: TrialRunner,
        say: Callable[[str], None],
    ) -> None:
        self._options = options
        self._environment = environment
        self._manifest = manifest
        self._server = server
        self._say = say
        directory = options.directory
        self._journal = Journal(directory / rows_file(options.plan))
        self._failures = Journal(directory / FAILURES_FILE)
        for journal in (self._journal, self._failures):
            if journal.content.torn:
                say(f"{journal.path.name}: an unfinished last line was set aside")
            if journal.content.damaged:
                lines = ", ".join(map(str, journal.content.damaged))
                say(f"{journal.path.name}: damaged lines are not used: {lines}")
        self._lock = HostLock(host_lock_path(), say)
        self._limits = ZOO_LIMITS if options.plan == "zoo" else TrialLimits()
        self._platform = f"{options.device}/{options.backend}"
        self._summary = SweepSummary()
        self._start_s = time.monotonic()

    def run(self) -> SweepSummary:
        rows, failures = self._journal.content.rows, self._failures.content.rows
        done = {row.get("id") for row in rows if row.get("valid", True)}
        if not self._options.retry_failed:
            done |= {row.get("id") for row in (*rows, *failures)}
        try:
            for item in self._plan():
                identity = item.identity(f"{self._platform}/{item.dtype}")
                if identity in done:
                    self._summary = replace(
                        self._summary, skipped=self._summary.skipped + 1
                    )
                    continue
                if self._is_over():
                    break
                self._trial(item, identity)
        except KeyboardInterrupt:
            self._summary = replace(self._summary, interrupted=True)
        finally:
            self._lock.release()
        duration_s = time.monotonic() - self._start_s
        return replace(self._summary, duration_s=duration_s)

    def _plan(self) -> Iterator[Configuration]:
        options = self._options
        part, parts = options.shard
        if options.plan == "zoo":
            plan = zoo_plan(self._zoo_networks(), seed=options.seed)
        elif options.plan == "calibrate":
            plan = calibration_plan(options.seed)
        else:
            plan = default_plan(options.seed)
        return itertools.islice(plan, part - 1, None, parts)

    def _zoo_networks(self) -> dict[str, dict[str, Any]]:
        # Built once; later sweeps read the descriptions that the manifest names.
        directory, names = self._options.directory, self._manifest.get("zoo")
        if names is None:
            self._say("building the real networks once")
            answer = self._server.call(_build_zoo, (), wall_s=ZOO_BUILD_LIMIT_S)
            if answer[0] != "zoo":
                raise MeasurementError(f"the zoo cannot be built: {answer[2]}")
            names = {
                name: store_network(directory, network)
                for name, network in answer[1].items()
            }
            self._manifest["zoo"] = names
            write_manifest(directory, self._manifest)
        return {
            name: dict(read_network(network_file(directory, digest)).description)
            for name, digest in names.items()
        }

    def _is_over(self) -> bool:
        options, summary = self._options, self._summary
        if options.runs is not None:
            return summary.measured + summary.failed >= options.runs
        minutes = options.minutes or DEFAULT_MINUTES[options.plan]
        return time.monotonic() - self._start_s > 60 * minutes

    def _trial(self, item: Configuration, identity: str) -> None:
        environment = self._environment
        order = TrialOrder(
            item=item,
            identity=identity,
            fields={
                "hardware": environment["hardware"],
                "backend": environment["backend"],
                "platform": f"{self._platform}/{item.dtype}",
                "threads": environment["threads"],
                "host": environment["host"],
                "environment": self._manifest["environment_sha256"][:16],
                "source_dataset": self._options.directory.resolve().name,
            },
            device=self._options.device,
            limits=self._limits,
            directory=str(self._server.home),
            log=str(self._server.log),
        )
        self._lock.acquire()
        outcome = self._server.run(order)
        if outcome.row is None:
            self._fail(item, identity, outcome)
        else:
            self._keep(item, outcome.row, outcome.duration_s)

    def _keep(self, item: Configuration, row: dict[str, Any], trial_s: float) -> None:
        if self._options.require_counter and row["source"] == "modelled":
            raise MeasurementError(
                "no energy counter can be read here, and --require-counter was given; "
                "make RAPL readable, use a GPU with NVML, or leave the option out"
            )
        store_network(self._options.directory, item.network)
        self._journal.append(row)
        summary = self._summary
        in_windows_s = valid_window_s(row)
        self._summary = replace(
            summary,
            measured=summary.measured + 1,
            valid=summary.valid + bool(row["valid"]),
            energy_j=summary.energy_j + row["energy_j"],
            window_s=summary.window_s + in_windows_s,
        )
        step_ms = 1000 * row["steady_duration_s"] / row["steps_measured"]
        state = "" if row["valid"] else f"  INVALID: {row['invalid_reason']}"
        self._progress(
            item,
            f"step {step_ms:9.3f} ms {row['energy_j']:8.1f} J "
            f"spread {100 * row['relative_spread']:4.1f} % in {trial_s:4.1f} s{state}",
        )

    def _fail(self, item: Configuration, identity: str, outcome: Outcome) -> None:
        self._failures.append(
            {
                "id": identity,
                "network_sha256": item.network_sha256,
                "name": item.name,
                "family": item.family,
                "mode": item.mode,
                "batch_size": item.batch_size,
                "optimizer": item.optimizer,
                "dtype": item.dtype,
                "platform": f"{self._platform}/{item.dtype}",
                "kind": outcome.kind,
                "message": outcome.message,
                "duration_s": round(outcome.duration_s, 3),
                "failed_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
        store_network(self._options.directory, item.network)
        self._summary = replace(self._summary, failed=self._summary.failed + 1)
        reason = outcome.message.splitlines()[0] if outcome.message else ""
        self._progress(item, f"FAILED {outcome.kind}: {reason[:160]}")
        if self._options.verbose:
            self._say(log_tail(self._server.log))

    def _progress(self, item: Configuration, text: str) -> None:
        summary, options = self._summary, self._options
        done = summary.measured + summary.failed
        elapsed_s = time.monotonic() - self._start_s
        if options.runs is not None:
            left_s = elapsed_s / done * (options.runs - done)
        else:
            minutes = options.minutes or DEFAULT_MINUTES[options.plan]
            left_s = max(0.0, 60 * minutes - elapsed_s)
        left = "" if options.plan == "zoo" else f"  {left_s / 60:.0f} min left"
        self._say(
            f"{done:4d}  {item.name:22.22s} {item.mode:9s} b{item.batch_size:<4d} "
            f"{text}{left}"
        )


def valid_window_s(row: Mapping[str, Any]) -> float:
    """Return the time that a row's trial spent inside valid windows.

    Parameters
    ----------
    row : mapping
        A row of a sweep.

    Returns
    -------
    window_s : float
        Time in s.

    Examples
    --------
    >>> window = {"duration_s": 1.5, "valid": True}
    >>> valid_window_s({"windows": [window, window, {**window, "valid": False}]})
    3.0
    """
    windows = row.get("windows", [])
    return float(sum(item["duration_s"] for item in windows if item["valid"]))


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
    from dataset_builder.zoo import build_zoo

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
    if options.device not in DEVICES:
        raise UsageError(
            f"--device must be one of {', '.join(DEVICES)}; got {options.device!r}"
        )
    require_backend(options.backend)
    if options.device == "gpu" and not gpu_names():
        raise MeasurementError(
            "--device gpu: no NVIDIA GPU is visible here (nvidia-smi lists none); "
            "use --device cpu"
        )


def _variables(
    options: SweepOptions,
) -> Callable[[str], Mapping[str, str | None]]:
    return lambda home: trial_variables(
        backend=options.backend,
        device=options.device,
        home=home,
        threads=usable_cores(),
    )
