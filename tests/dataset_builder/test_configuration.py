"""A configuration is known by its content."""

import dataclasses

import pytest

from tests.dataset_builder.builders import tiny_configuration

BASE = tiny_configuration(optimizer="adam", epochs=2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network_sha256", "0" * 64),
        ("mode", "inference"),
        ("batch_size", 33),
        ("epochs", 3),
        ("optimizer", "sgd"),
        ("dtype", "bfloat16"),
        ("loss", "regression"),
        ("repeat", 1),
    ],
)
def test_every_part_of_the_work_changes_the_identity(field, value):
    other = dataclasses.replace(BASE, **{field: value})

    assert other.identity("cpu") != BASE.identity("cpu")


def test_the_platform_changes_the_identity():
    assert BASE.identity("cpu/jax") != BASE.identity("cpu/torch")


def test_a_name_for_people_does_not_change_the_identity():
    named = dataclasses.replace(BASE, name="another name")

    assert named.identity("cpu") == BASE.identity("cpu")


def test_training_inference_and_repeats_of_a_network_share_a_group():
    other = tiny_configuration(mode="inference", batch_size=1)

    assert other.group == dataclasses.replace(BASE, repeat=1).group == BASE.group
    assert tiny_configuration(units=5).group != BASE.group
