"""Fixtures: rows of a made-up device and a model fitted on them."""

import json
import os

import pytest

from predictor.artefact import save_model
from predictor.dataset import read_measurements, step_table
from predictor.fitting import fit_model
from tests.predictor import device
from tests.predictor.git_repository import GitRepository


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


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two networks on ``main``, and a branch to change them on."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GIT_", "PREDICTOR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = GitRepository(tmp_path / "repository")
    made.mlp("nets/one.json")
    made.mlp("nets/two.json", 32, 16)
    made.write("package.json", '{"name": "no network"}')
    made.commit("base")
    made.git("checkout", "--quiet", "-b", "change")
    monkeypatch.chdir(made.folder)
    return made
