"""The sequence of configurations is reproducible and spread from its start."""

import itertools
from collections import Counter, defaultdict

import pytest

from dataset_builder.plan.cost import count_description, guess_step
from dataset_builder.plan.families import FAMILIES
from dataset_builder.plan.probes import PROBES
from dataset_builder.plan.space import (
    BLOCK,
    LARGEST_BATCH,
    MEMORY_LIMIT_BYTES,
    PARAMS_LIMIT,
    STEP_BOUNDS_S,
    STEP_LIMIT_S,
    calibration_plan,
    default_plan,
)


@pytest.fixture(scope="module")
def plan():
    return list(itertools.islice(default_plan(seed=1), 700))


def layers_of(items, kind):
    for item in items:
        for layer in item.network["config"]["layers"]:
            if layer["class_name"] == kind:
                yield layer["config"]


def key(item):
    return item.identity("cpu/jax")


def test_the_same_seed_gives_the_same_sequence(plan):
    again = itertools.islice(default_plan(seed=1), 60)

    assert [key(item) for item in again] == [key(item) for item in plan[:60]]


def test_another_seed_gives_other_networks(plan):
    other = itertools.islice(default_plan(seed=2), 60)

    assert not {item.group for item in other} & {item.group for item in plan}


def test_no_configuration_comes_twice(plan):
    assert len({key(item) for item in plan}) == len(plan)


def test_the_first_twenty_hold_every_whole_family_both_modes_and_probes(plan):
    first = plan[:20]

    assert set(FAMILIES) <= {item.family for item in first}
    assert {item.mode for item in first} == {"training", "inference"}
    assert any(item.family in PROBES for item in first)


def test_every_family_appears_in_proportion(plan):
    counts = Counter(item.family for item in plan)

    assert set(counts) == set(FAMILIES) | set(PROBES) == set(BLOCK)
    probes = sum(counts[family] for family in PROBES)
    assert 0.35 < probes / len(plan) < 0.5


def test_networks_are_measured_in_both_modes_under_one_group(plan):
    modes = defaultdict(set)
    for item in plan[:600]:
        modes[item.group].add(item.mode)

    both = sum(len(found) == 2 for found in modes.values())
    assert both > 0.8 * len(modes)


def test_about_five_per_cent_come_again_after_their_first_time(plan):
    repeats = [place for place, item in enumerate(plan) if item.repeat]
    first = {
        (i.group, i.mode, i.batch_size): n for n, i in reversed([*enumerate(plan)])
    }

    assert 0.03 < len(repeats) / len(plan) < 0.09
    for place in repeats:
        item = plan[place]
        assert first[item.group, item.mode, item.batch_size] < place


def test_no_step_is_guessed_beyond_the_limits(plan):
    for item in plan[:200]:
        count = count_description(item.network)
        cost = guess_step(
            count,
            mode=item.mode,
            batch_size=item.batch_size,
            optimizer=item.optimizer,
        )

        assert cost.duration_s <= STEP_LIMIT_S
        assert cost.memory_bytes <= MEMORY_LIMIT_BYTES
        assert count.params <= PARAMS_LIMIT


def test_guessed_steps_span_three_decades_and_most_are_as_long_as_real_ones(plan):
    seconds = sorted(
        guess_step(
            count_description(item.network), mode=item.mode, batch_size=item.batch_size
        ).duration_s
        for item in plan[:300]
    )

    assert seconds[-10] / seconds[10] > 1e3
    assert 0.03 < sum(value < STEP_BOUNDS_S[0] for value in seconds) / 300 < 0.25
    assert sum(value > STEP_BOUNDS_S[1] for value in seconds) / 300 > 0.4


def test_the_space_holds_what_real_networks_contain(plan):
    batches = [item.batch_size for item in plan]
    sides = [
        c["batch_shape"][1]
        for c in layers_of(plan, "InputLayer")
        if len(c["batch_shape"]) == 4
    ]
    convolutions = list(layers_of(plan, "Conv2D"))
    kernels = {max(config["kernel_size"]) for config in convolutions}
    depths = [len(item.network["config"]["layers"]) for item in plan]

    assert min(batches) == 1
    assert 200 <= max(batches) <= LARGEST_BATCH
    assert min(sides) <= 4
    assert max(sides) >= 200
    assert {1, 3, 5, 7} <= kernels
    assert min(config["filters"] for config in convolutions) <= 4
    assert max(config["filters"] for config in convolutions) >= 1024
    assert any("strides" in config for config in convolutions)
    assert any(config.get("groups", 1) > 1 for config in convolutions)
    assert max(depths) > 120
    assert {"adam", "sgd", "rmsprop"} <= {item.optimizer for item in plan}
    assert {item.dtype for item in plan} == {"float32", "bfloat16"}
    assert len({item.epochs for item in plan}) > 1


def test_inference_has_one_epoch_and_no_optimizer(plan):
    inference = [item for item in plan if item.mode == "inference"]

    assert {(item.epochs, item.optimizer) for item in inference} == {(1, "sgd")}


def test_a_calibration_is_the_default_sequence_without_repeats_and_16_bit(plan):
    calibration = list(itertools.islice(calibration_plan(seed=1), 50))

    expected = [i for i in plan if i.repeat == 0 and i.dtype == "float32"][:50]
    assert [key(item) for item in calibration] == [key(item) for item in expected]
