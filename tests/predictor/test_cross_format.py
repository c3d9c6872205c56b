"""The same network through every reader has the same counts and the same estimate."""

import contextlib
import io
import json
import os
import warnings

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
torch = pytest.importorskip("torch")
pytest.importorskip("jax")

from predictor import Workload, estimate  # noqa: E402
from predictor.counting import count_network  # noqa: E402
from predictor.readers import Request, read_network  # noqa: E402
from tests.predictor.pairs import PAIRS  # noqa: E402

LARGEST_DIFFERENCE = 0.01
"""Of the energies: a merged direction here is a copy of its own there."""

ON_WHOLE_NUMBERS = {"recurrent"}
OPTIMISED_AWAY = {"mobile", "residual", "transformer"}
"""Have a batch normalisation or a dropout, which the exporter would leave out."""


@pytest.fixture(scope="module", params=PAIRS)
def sources(request, tmp_path_factory):
    """Every form of one network, with the shapes of its inputs where it lacks them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the frameworks, about their own parts
        return written(request.param, tmp_path_factory.mktemp(request.param))


def written(name, folder):
    ours, theirs, shapes = PAIRS[name]()
    description = folder / "net.json"
    description.write_text(ours.to_json())
    ours.save(folder / "net.keras")
    kind = torch.int64 if name in ON_WHOLE_NUMBERS else torch.float32
    inputs = tuple(torch.zeros(1, *shape, dtype=kind) for shape in shapes)
    for weight in theirs.parameters():  # the exporter joins those that are equal
        torch.nn.init.normal_(weight)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        torch.onnx.export(
            theirs.eval(),
            inputs,
            folder / "net.onnx",
            dynamo=True,
            optimize=name not in OPTIMISED_AWAY,
            opset_version=24,
        )
    return {
        "keras-json": (description, ()),
        "keras-archive": (folder / "net.keras", ()),
        "keras-model": (ours, ()),
        "torch-module": (theirs, tuple(shapes)),
        "onnx": (folder / "net.onnx", ()),
    }


def test_all_formats_have_the_same_counts(sources):
    found = {}
    for name, (source, shapes) in sources.items():
        file = read_network(source, Request(input_shapes=shapes))
        assert file.format == name
        counts = count_network(file.architecture, shapes)
        found[name] = (counts.params, counts.trainable_params, counts.macs)

    assert set(found.values()) == {found["keras-json"]}
    model = sources["keras-model"][0]
    assert found["keras-json"][0] == model.count_params()


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_all_formats_have_the_same_estimate(sources, mode):
    job = Workload(mode=mode, samples=32_000)
    energies_j = {
        name: estimate(source, workload=job, input_shapes=shapes).energy_j.estimate
        for name, (source, shapes) in sources.items()
    }

    expected = pytest.approx(energies_j["keras-json"], rel=LARGEST_DIFFERENCE)
    assert all(energy_j == expected for energy_j in energies_j.values())


def test_a_description_survives_json_and_back(sources):
    description, _ = sources["keras-json"]

    parsed = read_network(json.loads(description.read_text()))

    assert parsed.sha256 == read_network(description).sha256
