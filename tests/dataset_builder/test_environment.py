"""The environment is described and identified."""

from dataset_builder.trial.environment import (
    describe_environment,
    environment_sha256,
    hardware_name,
    host_hash,
)


def test_the_hardware_says_how_many_cores():
    assert "core" in hardware_name("cpu")


def test_the_same_environment_has_the_same_hash_and_any_change_another():
    environment = describe_environment("jax", "cpu")

    same = describe_environment("jax", "cpu")
    other = {**environment, "threads": 99}
    assert environment_sha256(environment) == environment_sha256(same)
    assert environment_sha256(environment) != environment_sha256(other)


def test_a_host_is_told_apart_without_being_named():
    import socket

    assert host_hash() == host_hash()
    assert socket.gethostname() not in host_hash()
