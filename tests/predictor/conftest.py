"""Fixtures: rows of a made-up device and a model fitted on them."""

import json

import pytest

from predictor.artefact import save_model
from predictor.dataset import read_measurements, step_table
from predictor.fitting import fit_model
from tests.predictor import device


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    return device.write_rows(
        tmp_path_factory.mktemp("rows") / "runs.jsonl", device.rows()
    )


@pytest.fixture(scope="session")
def measurements(rows_file):
    return read_measurements([rows_file])


@pytest.fixture(scope="session")
def fitted(measurements):
    return fit_model(measurements, name="made-up")


@pytest.fixture(scope="session")
def model_folder(fitted, measurements, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "made-up"
    save_model(fitted, folder, example=step_table(measurements[:1]))
    return folder


@pytest.fixture
def network_file(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(device.mlp(64, 128, 64, 10)))
    return path
