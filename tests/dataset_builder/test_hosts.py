"""Hosts of one kind measure for one data set; others are refused with the reason."""

import pytest

from dataset_builder.store.hosts import environment_differences, with_host
from predictor.errors import UsageError

ENVIRONMENT = {
    "hardware": "EPYC (2 cores)",
    "cores": 2,
    "packages": {"keras": "3.15.1"},
    "host": "aaaaaaaa",
    "kernel": "6.1",
    "memory_bytes": 2**34,
}
MANIFEST = {"environment": ENVIRONMENT, "plans": {}}


def test_sister_machines_differ_in_nothing_that_matters():
    sister = ENVIRONMENT | {"host": "b", "kernel": "6.2", "memory_bytes": 2**34 - 4096}

    assert environment_differences(ENVIRONMENT, sister) == []


def test_gpus_of_one_kind_differ_in_their_identity_only():
    def with_gpu(identity, power_limit_w=700.0):
        device = {"identity": identity, "power_limit_w": power_limit_w}
        return ENVIRONMENT | {"gpus": {"driver": "570", "devices": [device]}}

    assert environment_differences(with_gpu("a"), with_gpu("b")) == []
    assert environment_differences(with_gpu("a"), with_gpu("a", 350.0)) != []


def test_every_host_is_recorded_with_its_environment():
    other = ENVIRONMENT | {"host": "bbbbbbbb"}

    manifest = with_host(with_host(MANIFEST, ENVIRONMENT), other)

    assert manifest["hosts"] == {"aaaaaaaa": ENVIRONMENT, "bbbbbbbb": other}
    assert manifest["environment"] == ENVIRONMENT


def test_a_host_that_comes_again_changes_nothing():
    once = with_host(MANIFEST, ENVIRONMENT)

    assert with_host(once, ENVIRONMENT) == once


@pytest.mark.parametrize(
    ("unlike", "words"),
    [
        ({"hardware": "Xeon"}, "hardware was 'EPYC .2 cores.', is 'Xeon'"),
        ({"packages": {}}, r"packages\.\w+ was .*, is None"),
        ({"meter": {"source": "rapl"}}, r"meter\.source was None, is 'rapl'"),
    ],
)
def test_a_host_of_another_kind_is_refused_with_the_difference(unlike, words):
    with pytest.raises(UsageError, match=words):
        with_host(MANIFEST, ENVIRONMENT | {"host": "bbbbbbbb"} | unlike)


def test_a_host_forced_in_is_recorded_once():
    other = ENVIRONMENT | {"host": "bbbbbbbb", "cores": 4}

    once = with_host(MANIFEST, other, force=True)

    forced = {"host": "bbbbbbbb", "differing": ["cores was 2, is 4"]}
    assert once["forced_hosts"] == [forced]
    assert with_host(once, other, force=True) == once
