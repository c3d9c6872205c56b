"""The manifest tells where rows come from, and refuses what does not belong."""

import pytest

from dataset_builder.store.manifest import (
    make_manifest,
    network_file,
    read_manifest,
    remove_unfinished,
    store_network,
    write_atomically,
    write_manifest,
)
from predictor.errors import DatasetError, InputFileError, UsageError
from predictor.readers import read_network
from tests.dataset_builder.builders import tiny_network

HERE = {"hardware": "Chip A", "threads": 2}
PLAN = {"plan": "default", "seed": 1, "shard": [1, 1]}


def manifest(stored=None, environment=HERE, plan=PLAN, **options):
    return make_manifest(stored, environment, rows="runs", plan=plan, **options)


def test_a_manifest_comes_back_as_written(tmp_path):
    first = manifest()
    write_manifest(tmp_path, first)

    assert read_manifest(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_going_on_in_the_same_place_changes_nothing_that_matters():
    first = manifest()

    assert manifest(first) == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"environment": {**HERE, "hardware": "Chip B"}}, "Chip A.*Chip B"),
        ({"environment": {**HERE, "threads": 1}}, "threads was 2, is 1"),
        ({"plan": {**PLAN, "seed": 2}}, "seed was 1, is 2"),
        ({"plan": {**PLAN, "plan": "calibrate"}}, "plan was 'default'"),
        ({"plan": {**PLAN, "shard": [2, 3]}}, "shard"),
    ],
)
def test_another_place_or_plan_is_refused_with_the_difference(change, words):
    with pytest.raises(UsageError, match=words):
        manifest(manifest(), **change)


def test_a_forced_resume_goes_on_and_is_recorded():
    merged = manifest(manifest(), environment={**HERE, "threads": 1}, force=True)

    assert merged["environment"]["threads"] == 1
    assert "threads was 2" in merged["forced_resumes"][0]["differing"][0]


def test_real_networks_may_follow_synthetic_ones_under_another_seed():
    merged = make_manifest(manifest(), HERE, rows="zoo", plan={**PLAN, "seed": 7})

    assert set(merged["plans"]) == {"runs", "zoo"}


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_manifest_is_an_error(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)

    with pytest.raises(DatasetError):
        read_manifest(tmp_path)


def test_a_manifest_of_another_format_is_refused():
    with pytest.raises(DatasetError, match="format 99"):
        manifest({**manifest(), "format": 99})


def test_a_stored_network_is_found_under_its_own_hash(tmp_path):
    digest = store_network(tmp_path, tiny_network())

    assert store_network(tmp_path, tiny_network()) == digest
    assert read_network(network_file(tmp_path, digest)).sha256 == digest


def test_what_a_killed_sweep_had_not_finished_writing_is_removed(tmp_path):
    digest = store_network(tmp_path, tiny_network())
    kept = network_file(tmp_path, digest)
    for place in (tmp_path / ".manifest.json.7.tmp", kept.with_name(".ab.json.7.tmp")):
        place.write_text("{")
    (tmp_path / ".other").write_text("")

    remove_unfinished(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [".other", "networks"]
    assert list(kept.parent.iterdir()) == [kept]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "file"
    target.mkdir()

    with pytest.raises(InputFileError):
        write_atomically(target, "text")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
