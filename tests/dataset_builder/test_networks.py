"""Steps become arrays of whole batches, within the memory allowed."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.plan.minimal import minimal
from dataset_builder.trial.networks import KerasJob, smallest_vocabulary
from predictor.errors import MeasurementError
from tests.dataset_builder.builders import tiny_configuration


def tensor(*shape, dtype="float32"):
    return SimpleNamespace(shape=(None, *shape), dtype=dtype)


class RecordingModel:
    """Takes the place of a Keras model and remembers what it was fed."""

    def __init__(self, inputs=(3,), outputs=(4,)):
        self.inputs = [tensor(*inputs)]
        self.outputs = [tensor(*outputs)]
        self.weights = []
        self.calls = []

    def fit(self, x, y, *, batch_size, epochs, shuffle, verbose):
        self.calls.append((len(x), batch_size, epochs))
        self.x, self.y = x, y

    def predict(self, x, *, batch_size, verbose):
        self.calls.append((len(x), batch_size, 1))


def job(limit_bytes=10_000, model=None, **options):
    model = model or RecordingModel()
    return KerasJob(model, tiny_configuration(**options), data_limit_bytes=limit_bytes)


@given(
    st.integers(1, 5000),
    st.sampled_from(["training", "inference"]),
    st.integers(1, 64),
    st.integers(1, 4),
)
def test_a_layout_has_enough_whole_batches_within_the_memory(
    steps, mode, batch, epochs
):
    samples, passes, calls = job(mode=mode, batch_size=batch, epochs=epochs).layout(
        steps
    )

    done = samples * passes * calls // batch
    assert samples % batch == 0
    assert steps <= done < 1.5 * steps + passes * calls
    assert samples == batch or samples * 4 * (3 + 4) <= 2 * 10_000
    assert 1 in (passes, calls)


def test_training_runs_what_was_prepared():
    model = RecordingModel()
    training = job(model=model, batch_size=8, epochs=2)

    steps = training.prepare(20)
    training.run()

    (samples, batch, epochs), *rest = model.calls
    assert rest == []
    assert samples * epochs // batch == steps >= 20


def test_inference_calls_as_often_as_the_layout_says():
    model = RecordingModel()
    inference = job(model=model, mode="inference", batch_size=8)

    steps = inference.prepare(500)
    inference.run()

    assert len(model.calls) > 1
    assert sum(samples for samples, _, _ in model.calls) // 8 == steps


def test_classes_are_within_range_and_regression_targets_have_the_outputs_shape():
    classifier, regressor = RecordingModel(), RecordingModel()
    for model, loss in ((classifier, "classification"), (regressor, "regression")):
        one = job(model=model, batch_size=8, loss=loss)
        one.prepare(4)
        one.run()

    assert 0 <= classifier.y.min() <= classifier.y.max() < 4
    assert len(set(classifier.y.tolist())) > 1
    assert regressor.y.shape == (len(regressor.x), 4)


def test_an_input_of_open_size_is_refused():
    with pytest.raises(MeasurementError, match="open shape"):
        job(model=RecordingModel(inputs=(None, 3)))


def test_a_minimal_description_keeps_what_shapes_depend_on():
    layer = {
        "class_name": "Conv2D",
        "registered_name": "Conv2D",
        "build_config": {"input_shape": [None, 8, 8, 3]},
        "config": {
            "filters": 4,
            "trainable": True,
            "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}},
            "kernel_initializer": {"class_name": "GlorotUniform"},
            "kernel_regularizer": None,
        },
    }
    frozen = {"config": {"trainable": False, "dtype": "int32"}}

    assert minimal(layer) == {"class_name": "Conv2D", "config": {"filters": 4}}
    assert minimal(frozen) == frozen


def test_tokens_fit_the_smallest_table():
    tables = [
        {"class_name": "Embedding", "config": {"input_dim": rows}} for rows in (90, 40)
    ]

    assert smallest_vocabulary({"layers": tables}) == 40
    assert smallest_vocabulary({}) == 2
