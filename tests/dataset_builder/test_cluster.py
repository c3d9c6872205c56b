"""A cluster measures what one host would, once each, whatever happens to workers.

Scheduler, workers and trial processes are real; only the trials' work is sleep.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest

from dataset_builder.cluster import dask_pool, roster
from dataset_builder.cluster import executor as cluster_module
from dataset_builder.cluster.executor import open_cluster
from dataset_builder.store.journal import read_journal
from dataset_builder.sweep import SweepOptions, run_sweep
from predictor.errors import MeasurementError, MissingExtraError, UsageError
from predictor.measuring_lock import lock_status
from tests.dataset_builder.builders import RecordingRunner
from tests.dataset_builder.cluster_kit import (
    ROOT,
    Processes,
    is_alive,
    parent,
    sleeping,
    some_orders,
    station_job,
    trial_pids,
    wait_for,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(cluster_module, "POLL_S", 0.2)
    monkeypatch.setattr(roster, "GRACE_S", 0.2)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler without workers."""
    pytest.importorskip("distributed")
    with Processes(tmp_path_factory.mktemp("scheduler")) as processes:
        yield processes.scheduler()[1]


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """Address of a scheduler with two workers of this host, and their lock."""
    pytest.importorskip("distributed")
    directory = tmp_path_factory.mktemp("standing")
    with Processes(directory) as processes:
        address = processes.scheduler()[1]
        processes.worker(address, nanny=True, threads=2)
        processes.worker(address, threads=4)
        yield address, directory / "lock"


@pytest.fixture
def processes(tmp_path):
    with Processes(tmp_path) as started:
        yield started


@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes"


def measured(address, job, orders, admit=lambda environment: None):
    with open_cluster(address, job, admit) as executor:
        return list(executor.run(iter(orders)))


def rows_of(records, kind="row"):
    return [record.outcome.row for record in records if record.kind == kind]


def identities(records):
    return Counter(row["id"] for row in rows_of(records))


def once_each(orders):
    return Counter(order.identity for order in orders)


def began(records):
    return min(record.outcome.row["started_at"] for record in records)


def ended(records):
    return max(record.outcome.row["ended_at"] for record in records)


def overlaps(records):
    """Return pairs of trials that one host measured at the same time."""
    spans = sorted(
        (
            row["host"],
            datetime.fromisoformat(row["started_at"]),
            datetime.fromisoformat(row["ended_at"]),
        )
        for record in records
        if record.kind != "idle"
        for row in [record.outcome.row]
    )
    return [
        (first, second)
        for first, second in pairwise(spans)
        if first[0] == second[0] and second[1] < first[2]
    ]


def test_workers_of_one_host_measure_everything_once_one_at_a_time(standing, notes):
    scheduler, _ = standing
    job = station_job(sleeping(notes))
    orders = some_orders(job, 5)

    records = measured(scheduler, job, orders)

    assert identities(records) == once_each(orders)
    assert overlaps(records) == []
    kinds = [record.kind for record in records]
    assert kinds == ["idle", "anchor"] + 5 * ["row"] + ["anchor", "idle"]


def test_two_sweeps_on_the_same_workers_take_turns(standing, notes):
    scheduler, _ = standing
    job = station_job(sleeping(notes))
    halves = some_orders(job, 3), some_orders(job, 6)[3:]
    found = {}

    def sweep(part):
        found[part] = measured(scheduler, job, halves[part])

    threads = [threading.Thread(target=sweep, args=(part,)) for part in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [identities(found[part]) for part in (0, 1)] == list(map(once_each, halves))
    assert overlaps(found[0] + found[1]) == []


@pytest.mark.parametrize("nanny", [False, True])
def test_a_worker_killed_in_a_trial_loses_nothing(scheduler, processes, notes, nanny):
    processes.worker(scheduler, nanny=nanny)
    if not nanny:  # which starts another one itself
        processes.worker(scheduler)
    job = station_job(sleeping(notes, 0.3))
    orders = some_orders(job, 4)
    victim = orders[2].identity
    killed = []

    def kill():
        trial = wait_for(
            lambda: [pid for pid, name in trial_pids(notes).items() if name == victim]
        )[0]
        station = parent(parent(trial))
        os.kill(parent(station), signal.SIGKILL)
        wait_for(lambda: not is_alive(trial) and not is_alive(station), 5.0)
        killed.append(trial)

    killer = threading.Thread(target=kill)
    killer.start()
    records = measured(scheduler, job, orders)
    killer.join()

    assert killed
    assert identities(records) == once_each(orders)
    assert overlaps(records) == []
    assert list(trial_pids(notes).values()).count(victim) == 2
    assert not any(row["foreign_variables"] for row in rows_of(records))
    assert [record.kind for record in records].count("anchor") == 3


def test_a_trial_that_is_the_end_of_every_station_is_given_up(standing, notes):
    scheduler, _ = standing
    orders = some_orders(station_job(sleeping(notes)), 3)
    deadly = orders[1].identity
    job = station_job(sleeping(notes, deadly=deadly))

    records = measured(scheduler, job, orders)

    failed = [record for record in records if record.outcome.row is None]
    assert [record.order.identity for record in failed] == [deadly]
    assert failed[0].outcome.kind == "killed"
    assert "3 workers were lost" in failed[0].outcome.message
    assert set(identities(r for r in records if r not in failed)) == set(
        once_each(orders)
    ) - {deadly}


DRIVER = """
import sys
from pathlib import Path
from dataset_builder.cluster.executor import open_cluster
from tests.dataset_builder.builders import RecordingRunner
from tests.dataset_builder.cluster_kit import sleeping, some_orders, station_job

if __name__ == "__main__":
    job = station_job(sleeping(Path(sys.argv[2]), float(sys.argv[3])))
    with open_cluster(sys.argv[1], job, lambda environment: None) as executor:
        list(executor.run(iter(some_orders(job, 2))))
"""


@pytest.mark.parametrize(
    ("number", "trial_s"), [(signal.SIGINT, 30.0), (signal.SIGKILL, 1.0)]
)
def test_a_sweep_that_ends_early_leaves_no_trial_and_no_lock_behind(
    standing, notes, number, trial_s
):
    scheduler, lock = standing
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, scheduler, str(notes), str(trial_s)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: notes.exists() and trial_pids(notes))
    driver.send_signal(number)
    driver.wait(10.0)

    wait_for(lambda: lock_status(lock).state == "free", 10.0)
    wait_for(lambda: not any(map(is_alive, trial_pids(notes))), 10.0)


def test_a_scheduler_that_is_lost_ends_the_sweep_with_a_sentence(processes, notes):
    pytest.importorskip("distributed")
    scheduler, address = processes.scheduler()
    processes.worker(address)
    job = station_job(sleeping(notes, 0.3))

    def measure():
        with open_cluster(address, job, lambda environment: None) as executor:
            for _ in executor.run(iter(some_orders(job, 9))):
                scheduler.kill()

    with pytest.raises(MeasurementError, match="is lost; what was measured is kept"):
        measure()

    wait_for(lambda: not any(map(is_alive, trial_pids(notes))), 10.0)


def test_a_host_that_is_refused_measures_nothing_and_the_reason_is_raised(
    standing, notes
):
    scheduler, _ = standing
    job = station_job(sleeping(notes))

    def refuse(environment):
        raise UsageError(f"{environment['cores']} cores are not what we had")

    with pytest.raises(UsageError, match="cores are not what we had"):
        measured(scheduler, job, some_orders(job, 2), refuse)

    assert not trial_pids(notes)


def test_a_worker_of_another_version_is_refused(standing, notes, monkeypatch):
    scheduler, _ = standing
    job = station_job(sleeping(notes))
    monkeypatch.setattr(cluster_module, "this_version", lambda: ("0.0.1", "ab12"))

    with pytest.raises(UsageError, match=r"this is 0\.0\.1 \(code ab12\)"):
        measured(scheduler, job, some_orders(job, 1))


def test_a_cluster_without_workers_is_not_waited_for_without_end(
    scheduler, notes, monkeypatch
):
    job = station_job(sleeping(notes))
    monkeypatch.setattr(roster, "WORKER_WAIT_S", 0.5)

    with pytest.raises(MeasurementError, match="no worker has come"):
        measured(scheduler, job, some_orders(job, 1))


def test_a_scheduler_that_does_not_answer_is_named(notes, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask_pool, "CONNECT_S", 0.5)
    job = station_job(sleeping(notes))

    with pytest.raises(MeasurementError, match=r"answers at tcp://127\.0\.0\.1:9"):
        measured("tcp://127.0.0.1:9", job, [])


def test_what_is_no_address_is_refused(notes):
    pytest.importorskip("distributed")
    job = station_job(sleeping(notes))

    with pytest.raises(UsageError, match="must be a scheduler's address"):
        measured("nowhere", job, [])


def test_a_missing_extra_is_named(notes, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    job = station_job(sleeping(notes))

    with pytest.raises(MissingExtraError, match=r"watt-ahead\[cluster\]"):
        measured("tcp://127.0.0.1:9", job, [])


def test_a_sweep_on_a_cluster_measures_what_a_plain_one_does(
    standing, notes, tmp_path, monkeypatch
):
    pytest.importorskip("jax")
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))
    scheduler, _ = standing
    options = SweepOptions(directory=tmp_path / "plain", runs=4)
    runner = RecordingRunner(tmp_path)

    run_sweep(
        options,
        progress=Silence(),
        serve=lambda variables: contextlib.nullcontext(runner),
    )
    on_cluster = replace(options, directory=tmp_path / "cluster", cluster=scheduler)
    run_sweep(on_cluster, progress=Silence(), serve=sleeping(notes, 0.1))

    found = [
        Counter(row["id"] for row in read_journal(tmp_path / name / "runs.jsonl").rows)
        for name in ("plain", "cluster")
    ]
    assert found[0] == found[1]
    assert found[0].total() == 4


class Silence:
    """Is told how a sweep goes, and says nothing."""

    def say(self, text):
        pass

    def trial(self, text, summary):
        pass


@pytest.fixture
def two_hosts(tmp_path):
    """Yield two prefixes that run a program on hosts of their own: networks, names."""
    made, prefixes = [], []
    name = "import os, socket, sys; socket.sethostname(sys.argv[1]); "
    name += "os.execv(sys.argv[2], sys.argv[2:])"

    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    try:
        for number in (1, 2):
            host = f"wa{os.getpid() % 100000}h{number}"
            net = f"10.213.{number}"
            ip("netns", "add", host)
            made.append(host)
            ip("link", "add", f"{host}a", "type", "veth", "peer", "name", f"{host}b")
            ip("link", "set", f"{host}b", "netns", host)
            ip("addr", "add", f"{net}.1/30", "dev", f"{host}a")
            ip("link", "set", f"{host}a", "up")
            ip("-n", host, "addr", "add", f"{net}.2/30", "dev", f"{host}b")
            ip("-n", host, "link", "set", f"{host}b", "up")
            ip("-n", host, "link", "set", "lo", "up")
            inside = ["ip", "netns", "exec", host, "unshare", "--uts"]
            prefix = [*inside, sys.executable, "-c", name, host]
            subprocess.run([*prefix, "/bin/true"], check=True, capture_output=True)
            prefixes.append((f"{net}.1", prefix))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        pytest.skip(f"no network namespaces here: {reason}")
    else:
        yield prefixes
    finally:
        for host in made:
            subprocess.run(["ip", "netns", "del", host], check=False)


def test_two_hosts_measure_side_by_side_each_one_at_a_time(
    scheduler, processes, notes, two_hosts
):
    port = scheduler.rpartition(":")[2]
    for number, (gateway, prefix) in enumerate(two_hosts):
        address, lock = f"tcp://{gateway}:{port}", f"lock{number}"
        processes.worker(address, prefix=prefix, lock=lock, nanny=not number)
        processes.worker(address, prefix=prefix, lock=lock)
    job = station_job(sleeping(notes, 0.3))
    handed_out, environments, records = [], [], []

    def orders():
        for order in some_orders(job, 100):
            rows = Counter(row["host"] for row in rows_of(records))
            if len(rows) == 2 and min(rows.values()) >= 3:
                return
            handed_out.append(order)
            yield order

    with open_cluster(scheduler, job, environments.append) as executor:
        for record in executor.run(orders()):
            records.append(record)

    assert identities(records) == once_each(handed_out)
    assert overlaps(records) == []
    hosts = {row["host"] for row in rows_of(records)}
    assert {environment["host"] for environment in environments} == hosts
    for host in hosts:
        kinds = [record.kind for record in records if record.host == host]
        assert kinds[:2] == ["idle", "anchor"]
        assert kinds[-2:] == ["anchor", "idle"]
    first, second = (
        [record for record in records if record.host == host] for host in hosts
    )
    assert began(first) < ended(second)
    assert began(second) < ended(first)
