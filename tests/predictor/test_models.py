"""Which fitted model answers."""

import shutil

import pytest

from predictor import models
from predictor.errors import ModelFileError


@pytest.fixture
def own(tmp_path, monkeypatch, model_folder):
    monkeypatch.setattr(models, "user_models_folder", lambda: tmp_path / "own")
    monkeypatch.setattr(models, "SHIPPED", (tmp_path / "shipped",))
    shutil.copytree(model_folder, tmp_path / "shipped" / models.DEFAULT_MODEL)
    return tmp_path / "own"


def test_without_one_of_its_own_the_shipped_model_answers(own):
    chosen = models.choose_model()

    assert chosen.folder.name == models.DEFAULT_MODEL
    assert chosen.tier == "generic"


def test_the_machines_own_model_answers_first(own, model_folder, monkeypatch):
    shutil.copytree(model_folder, own / "mine")
    monkeypatch.setattr(models, "this_hardware", lambda: "made-up device")

    chosen = models.choose_model()

    assert chosen.folder == own / "mine"
    assert chosen.tier == "calibrated"


def test_another_machines_model_does_not_answer_by_itself(own, model_folder):
    shutil.copytree(model_folder, own / "other")

    assert models.choose_model().folder.name == models.DEFAULT_MODEL


@pytest.mark.parametrize("name", ["made-up", "MADE-UP DEVICE", models.DEFAULT_MODEL])
def test_a_model_is_found_by_its_name_or_hardware(own, name):
    assert (
        models.choose_model(hardware=name).model.platform.hardware == "made-up device"
    )


def test_an_unknown_name_lists_the_known_ones(own):
    with pytest.raises(ModelFileError, match=models.DEFAULT_MODEL):
        models.choose_model(hardware="abacus")
