"""A temporary directory ends with its owner, or with the next one."""

import os
import tempfile

import pytest

from dataset_builder.trial.scratch import NEW_S, PREFIX, scratch_directory
from predictor.errors import InputFileError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def grow_old(directory):
    before_s = directory.stat().st_mtime - NEW_S - 1.0
    os.utime(directory, (before_s, before_s))


def abandoned(temporary, name="left"):
    directory = temporary / f"{PREFIX}{name}"
    directory.mkdir()
    (directory / "trial.log").write_text("text")
    return directory


def test_it_is_gone_after_an_error_too(temporary):
    def interrupted():
        with scratch_directory() as directory:
            (directory / "file").write_text("text")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_owner_left_is_removed_by_the_next(temporary):
    left = abandoned(temporary)
    grow_old(left)

    with scratch_directory():
        assert not left.exists()


def test_a_directory_that_somebody_holds_stays(temporary):
    with scratch_directory() as held:
        grow_old(held)
        with scratch_directory():
            pass

        assert held.exists()


def test_a_directory_whose_owner_may_be_about_to_lock_it_stays(temporary):
    new = abandoned(temporary)

    with scratch_directory():
        assert new.exists()


def test_other_directories_are_left_alone(temporary):
    other = temporary / "other"
    other.mkdir()
    grow_old(other)

    with scratch_directory():
        assert other.exists()


def test_no_room_for_it_is_an_error_with_advice(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    with pytest.raises(InputFileError, match="TMPDIR"), scratch_directory():
        pass
