"""One worker of a host measures; who cannot is refused, and hope ends with the last."""

import pytest

from dataset_builder.cluster import roster as roster_module
from dataset_builder.cluster.roster import Roster, Worker
from predictor.errors import MeasurementError, UsageError

REASON = UsageError("another kind of host")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(roster_module, "GRACE_S", -1.0)


@pytest.fixture
def said():
    return []


@pytest.fixture
def roster(said):
    """A roster of two workers on host a, and one on host b."""
    made = Roster(said.append)
    for address, host in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        made.workers[address] = Worker(address, stage="spare", host=host)
    return made


def addresses(workers):
    return {worker.address for worker in workers}


def test_one_worker_of_every_host_is_next(roster):
    found = roster.successors()

    assert sorted(worker.host for worker in found) == ["a", "b"]


def test_others_of_a_host_are_spare_while_one_measures(roster):
    roster.workers["a1"].stage = "measuring"

    assert addresses(roster.successors()) == {"b1"}


def test_a_spare_worker_follows_one_that_is_lost(roster):
    roster.admit(roster.workers["a1"])
    del roster.workers["a1"]

    assert addresses(roster.successors()) == {"a2", "b1"}


def test_a_host_is_refused_with_all_its_workers(roster, said):
    roster.refuse(roster.workers["a1"], REASON)

    assert addresses(roster.successors()) == {"b1"}
    assert said == ["refused: another kind of host"]
    roster.keep_up_hope()


def test_the_reason_is_raised_when_all_hosts_are_refused(roster):
    roster.refuse(roster.workers["a1"], REASON)
    roster.refuse(roster.workers["b1"], REASON)

    with pytest.raises(UsageError, match="another kind of host"):
        roster.keep_up_hope()


def test_a_host_that_measured_may_come_again_though_all_others_are_refused(
    roster, said
):
    roster.admit(roster.workers["b1"])
    roster.refuse(roster.workers["a1"], REASON)
    del roster.workers["b1"]

    roster.keep_up_hope()
    roster.keep_up_hope()

    assert said.count("waiting for a worker") == 1


def test_an_empty_cluster_is_waited_for_only_so_long(said, monkeypatch):
    roster = Roster(said.append)

    roster.keep_up_hope()
    assert said == ["waiting for a worker"]

    monkeypatch.setattr(roster_module, "WORKER_WAIT_S", -1.0)
    with pytest.raises(MeasurementError, match="no worker has come"):
        roster.keep_up_hope()
