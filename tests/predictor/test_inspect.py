"""`predictor inspect` lists what a network is made of."""

import csv
import io
import json

import pytest

from predictor.cli import main
from tests.predictor.networks import layer, sequential

NETWORK = sequential(
    (8, 8, 3),
    layer("Conv2D", "conv", filters=4, kernel_size=3),
    layer("Dropout", "drop", rate=0.5),
    layer("Flatten", "flat"),
    layer("Dense", "=head", units=2, trainable=False),
)


@pytest.fixture
def inspect(tmp_path, capsys):
    def run(*options, network=NETWORK):
        path = tmp_path / "net.json"
        path.write_text(json.dumps(network))
        status = main(["inspect", str(path), *options])
        return status, capsys.readouterr()

    return run


def test_the_layers_add_up_to_the_network(inspect):
    _, shown = inspect("--format", "json")

    document = json.loads(shown.out)
    network, layers = document["network"], document["layers"]
    conv, head = 3 * 3 * 3 * 4 + 4, 6 * 6 * 4 * 2 + 2
    assert sum(one["params"] for one in layers) == network["params"] == conv + head
    assert network["trainable_params"] == conv
    assert sum(one["macs"] for one in layers) == network["macs"]
    assert network["flops"] == 2 * network["macs"]
    assert layers[0]["output_shapes"] == [[6, 6, 4]]


def test_bytes_are_those_of_inference(inspect):
    _, shown = inspect("--format", "json")

    conv, drop, flat, head = json.loads(shown.out)["layers"]
    assert conv["bytes"] == 4 * (8 * 8 * 3 + 6 * 6 * 4 + conv["params"])
    assert (drop["bytes"], flat["bytes"]) == (0, 0)
    assert head["bytes"] == 4 * (6 * 6 * 4 + 2 + head["params"])


def test_csv_has_a_line_per_layer_and_no_formula(inspect):
    _, shown = inspect("--format", "csv")

    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert [row["name"] for row in rows] == ["conv", "drop", "flat", "'=head"]


def test_a_table_fits_a_terminal_whatever_the_names(inspect):
    long = sequential((4,), layer("Dense", "[bold]" + "x" * 500 + "\x1b[31m", units=2))

    status, shown = inspect(network=long)

    assert status == 0
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "\x1b" not in shown.out
    assert "[bold]" in shown.out


def test_what_was_taken_for_granted_is_said(inspect):
    config = {
        "model_type": "gpt2",
        "n_embd": 8,
        "n_layer": 1,
        "n_head": 2,
        "vocab_size": 50,
        "n_positions": 16,
    }

    _, shown = inspect("--sequence-length", "9", network=config)

    assert "assumed: a sample is a sequence of 9 positions" in shown.out


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--format", "xml"], 2, "--format must be one of table, json, csv"),
        (["--decode"], 2, "config.json only"),
    ],
)
def test_wrong_options_are_refused(inspect, options, status, message):
    found, shown = inspect(*options)

    assert found == status
    assert message in shown.err


OPEN = sequential((None, None, 3), layer("Conv2D", "conv", filters=4, kernel_size=3))


def test_sizes_left_open_are_given(inspect):
    fixed = sequential((20, 10, 3), *OPEN["config"]["layers"][1:])

    _, asked = inspect("--format", "csv", "--input-shape", "20,10,3", network=OPEN)
    _, written = inspect("--format", "csv", network=fixed)

    assert asked.out == written.out


@pytest.mark.parametrize(
    ("shapes", "status", "message"),
    [
        ([], 4, "--input-shape"),
        (["20,10"], 4, "expects inputs of shape"),
        (["20,10,4"], 4, "expects inputs of shape"),
        (["20,10,3", "5"], 4, "takes 1 inputs, got 2"),
        (["20x10x3"], 2, "sizes such as 224,224,3, got '20x10x3'"),
        (["20,-10,3"], 2, "sizes such as 224,224,3"),
        (["9" * 40], 2, "sizes such as 224,224,3"),
        (["0,10,3"], 4, "a size must be 1 to 2"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(inspect, shapes, status, message):
    options = [part for shape in shapes for part in ("--input-shape", shape)]

    found, shown = inspect(*options, network=OPEN)

    assert found == status
    assert message in shown.err
    assert "Traceback" not in shown.err
