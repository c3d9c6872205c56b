"""The real networks are many, of all kinds, and read without Keras."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from dataset_builder.plan.cost import count_description
from dataset_builder.plan.zoo import ZOO, zoo_plan
from tests.dataset_builder.builders import tiny_network

NETWORKS = {entry.name: tiny_network(n + 1) for n, entry in enumerate(ZOO)}


def test_there_are_enough_real_networks_of_enough_kinds():
    applications = [entry for entry in ZOO if entry.build is None]

    assert len(applications) >= 14
    assert len(ZOO) - len(applications) >= 4
    assert {"dense", "recurrent", "attention"} <= {entry.family for entry in ZOO}
    assert len({entry.name for entry in ZOO}) == len(ZOO)


def test_each_is_measured_in_both_modes_and_then_all_in_another_order():
    plan = list(zoo_plan(NETWORKS, seed=1))

    half = len(plan) // 2
    first, second = (
        [(i.name, i.mode) for i in part] for part in (plan[:half], plan[half:])
    )
    assert set(Counter(name for name, _ in first).values()) == {2}
    assert [item.repeat for item in plan] == [0] * half + [1] * half
    assert sorted(second) == sorted(first)
    assert second != first


def test_the_order_depends_on_the_seed_alone():
    names = [[item.name for item in zoo_plan(NETWORKS, seed=s)] for s in (1, 1, 2)]

    assert names[0] == names[1] != names[2]


BUILD = """
import json, math, sys
import keras
from dataset_builder.plan import zoo
names = sys.argv[1:]
zoo.ZOO = tuple(entry for entry in zoo.ZOO if entry.name in names)
found = {}
for name, network in zoo.build_zoo().items():
    with keras.StatelessScope(initialize_variables=False):
        model = keras.models.model_from_json(json.dumps(network))
    trainable = sum(math.prod(w.shape) for w in model.trainable_weights)
    found[name] = [network, model.count_params(), trainable]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_minimal_descriptions_are_read_by_keras_and_by_us_with_the_same_counts():
    pytest.importorskip("keras")
    names = [entry.name for entry in ZOO if entry.build] + ["MobileNetV3Small"]
    process = subprocess.run(
        [sys.executable, "-c", BUILD, *names],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "KERAS_BACKEND": "jax"},
    )

    found = json.loads(process.stdout)
    assert set(found) == set(names)
    for network, params, trainable_params in found.values():
        count = count_description(network)
        assert (count.params, count.trainable_params) == (params, trainable_params)
        assert "_initializer" not in json.dumps(network)
