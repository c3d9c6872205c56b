"""The guess that keeps monsters out grows with the work."""

from dataset_builder.plan.cost import count_description, guess_step
from tests.dataset_builder.builders import tiny_network

COUNT = count_description(tiny_network(units=512))


def test_a_larger_batch_never_takes_less():
    costs = [
        guess_step(COUNT, mode="training", batch_size=batch) for batch in (1, 8, 64)
    ]

    assert costs == sorted(costs, key=lambda cost: cost.duration_s)
    assert costs == sorted(costs, key=lambda cost: cost.memory_bytes)


def test_training_takes_more_than_inference():
    training = guess_step(COUNT, mode="training", batch_size=8)
    inference = guess_step(COUNT, mode="inference", batch_size=8)

    assert training.duration_s > inference.duration_s
    assert training.memory_bytes > inference.memory_bytes


def test_an_optimizer_with_state_takes_more_memory():
    plain, adam = (
        guess_step(COUNT, mode="training", batch_size=8, optimizer=name)
        for name in ("sgd", "adam")
    )

    assert adam.memory_bytes > plain.memory_bytes
    assert adam.duration_s > plain.duration_s
