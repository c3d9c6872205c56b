"""Parts of a data set become one, whole or not at all, whatever their order."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from dataset_builder.locks import owned_directory
from dataset_builder.store.journal import Journal, latest_rows, read_journal
from dataset_builder.store.manifest import (
    make_manifest,
    network_file,
    read_manifest,
    store_network,
    write_manifest,
)
from dataset_builder.store.merging import merge_datasets
from dataset_builder.sweep import SweepOptions, run_sweep
from predictor.errors import DatasetError, InputFileError, UsageError
from tests.dataset_builder.builders import RecordingRunner, tiny_network

ENVIRONMENT = {"hardware": "EPYC", "cores": 2, "host": "aaaaaaaa", "kernel": "6.1"}


def row(units, hour=1, *, valid=True, **fields):
    """Return a row of the network with so many units, that ended at that hour."""
    return {
        "id": f"configuration {units}",
        "network": units,
        "ended_at": f"2026-01-01T{hour:02}:00:00.000+00:00",
        "valid": valid,
    } | fields


@pytest.fixture
def shard(tmp_path):
    """Write a data set, as a sweep of one shard would."""

    def write(name, rows, *, part=(1, 2), environment=ENVIRONMENT, seed=1, **files):
        directory = tmp_path / name
        directory.mkdir()
        plan = {"plan": "default", "seed": seed, "shard": list(part)}
        manifest = make_manifest(None, environment, rows="runs", plan=plan)
        write_manifest(directory, manifest)
        for file, content in {"runs": rows, **files}.items():
            journal = Journal(directory / f"{file}.jsonl")
            for item in content:
                fields = dict(item)
                if "network" in fields:
                    network = tiny_network(fields.pop("network"))
                    fields["network_sha256"] = store_network(directory, network)
                journal.append(fields)
        return directory

    return write


@pytest.fixture
def target(tmp_path):
    return tmp_path / "merged"


def rows_in(directory, name="runs.jsonl"):
    return read_journal(directory / name).rows


def counting(directory):
    return {row["id"]: row for row in latest_rows(rows_in(directory))}


def content(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def flip_a_byte_in_line(path, number):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b"true", b"tRue")
    path.write_bytes(b"".join(lines))


def test_all_rows_networks_and_hosts_of_the_parts_are_in_the_whole(shard, target):
    other = ENVIRONMENT | {"host": "bbbbbbbb", "kernel": "6.2"}
    parts = [
        shard("1", [row(1, 1), row(3, 3)], part=(1, 2), anchors=[row(9)]),
        shard("2", [row(2, 2)], part=(2, 2), environment=other, idle=[row(8)]),
    ]

    summary = merge_datasets(target, parts)

    assert [found["id"][-1] for found in rows_in(target)] == ["1", "2", "3"]
    assert summary.rows == {"runs.jsonl": 3, "anchors.jsonl": 1, "idle.jsonl": 1}
    assert (summary.sources, summary.shared, summary.hosts) == (2, 0, 2)
    for found in rows_in(target):
        assert network_file(target, found["network_sha256"]).exists()
    assert read_manifest(target)["hosts"] == {
        "aaaaaaaa": ENVIRONMENT,
        "bbbbbbbb": other,
    }
    assert not read_journal(target / "runs.jsonl").damaged


def test_the_order_of_the_parts_does_not_matter(shard, target):
    parts = [
        shard("1", [row(1, 1), row(2, 4)], part=(1, 2)),
        shard("2", [row(2, 3), row(3, 2)], part=(2, 2)),
    ]

    merge_datasets(target, parts)
    merge_datasets(target.with_name("other"), parts[::-1])

    assert content(target) == content(target.with_name("other"))


def test_merging_again_changes_nothing(shard, target):
    parts = [shard("1", [row(1)], part=(1, 2)), shard("2", [row(2)], part=(2, 2))]

    merge_datasets(target, parts)
    before = content(target)
    merge_datasets(target, parts)

    assert content(target) == before


def test_parts_may_be_merged_one_after_another(shard, target):
    parts = [shard(str(i), [row(i)], part=(i, 3)) for i in (1, 2, 3)]

    for part in parts:
        merge_datasets(target, [part])
    merge_datasets(target.with_name("at once"), parts)

    assert content(target) == content(target.with_name("at once"))
    assert read_manifest(target)["plans"]["runs"]["shard"] == [1, 1]


def test_what_is_missing_for_the_whole_plan_is_recorded(shard, target):
    parts = [shard(str(i), [row(i)], part=(i, 3)) for i in (1, 3)]

    merge_datasets(target, parts)

    assert read_manifest(target)["plans"]["runs"]["shard"] == [[1, 3], [3, 3]]


def test_a_readme_of_the_whole_stays(shard, target):
    part = shard("1", [row(1)])
    merge_datasets(target, [part])
    (target / "README.md").write_text("ours")

    merge_datasets(target, [part])

    assert (target / "README.md").read_text() == "ours"


def test_an_identical_row_is_kept_once(shard, target):
    parts = [shard("1", [row(1)]), shard("2", [row(1), row(2)])]

    summary = merge_datasets(target, parts)

    assert len(rows_in(target)) == 2
    assert summary.shared == 1


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (row(1, 1, n=1), row(1, 2, n=2), 2),
        (row(1, 1, n=1), row(1, 2, n=2, valid=False), 1),
        (row(1, 1, n=1, valid=False), row(1, 2, n=2, valid=False), 2),
    ],
)
def test_of_one_configuration_the_later_valid_row_counts(
    shard, target, first, second, kept, turn
):
    parts = [shard("1", [first]), shard("2", [second])]

    merge_datasets(target, parts[::turn])

    assert len(rows_in(target)) == 2
    assert counting(target)["configuration 1"]["n"] == kept


@pytest.mark.parametrize("turn", [1, -1])
def test_what_one_part_has_corrected_is_not_brought_back_by_another(
    shard, target, turn
):
    first, corrected = row(1, 1), row(1, 1, valid=False, invalid_reason="drift")
    parts = [shard("1", [first, corrected]), shard("2", [first])]

    merge_datasets(target, parts[::turn])

    assert len(rows_in(target)) == 2
    assert not counting(target)["configuration 1"]["valid"]


@pytest.mark.parametrize(
    ("unlike", "words"),
    [
        ({"seed": 2}, "runs: seed was 1, is 2"),
        ({"environment": ENVIRONMENT | {"cores": 4}}, "cores was 2, is 4"),
        ({"environment": ENVIRONMENT | {"meter": "x"}}, "meter was None, is 'x'"),
    ],
)
def test_parts_of_different_sweeps_are_refused_with_the_difference(
    shard, target, unlike, words
):
    parts = [shard("1", [row(1)]), shard("2", [row(2)], part=(2, 2), **unlike)]

    with pytest.raises(UsageError, match=re.escape(f"unlike 1 are 2 ({words})")):
        merge_datasets(target, parts)

    assert not target.exists()


def test_a_forced_mixture_says_so_in_its_manifest(shard, target):
    parts = [shard("1", [row(1)]), shard("2", [row(2)], seed=2)]

    merge_datasets(target, parts, force=True)

    forced = read_manifest(target)["forced_merges"]
    assert forced == [{"differing": ["2 (runs: seed was 1, is 2)"], "damaged": []}]


def test_damaged_lines_are_named_and_nothing_is_merged(shard, target):
    part = shard("1", [row(1), row(2)])
    flip_a_byte_in_line(part / "runs.jsonl", 2)

    with pytest.raises(DatasetError, match=r"runs.jsonl, line 2"):
        merge_datasets(target, [part])

    assert not target.exists()


def test_damaged_lines_are_left_out_when_forced_and_that_is_recorded(shard, target):
    part = shard("1", [row(1), row(2)])
    flip_a_byte_in_line(part / "runs.jsonl", 2)

    summary = merge_datasets(target, [part], force=True)

    assert set(counting(target)) == {"configuration 1"}
    assert any("line 2: damaged, left out" in note for note in summary.notes)
    forced = read_manifest(target)["forced_merges"]
    assert forced == [{"differing": [], "damaged": ["1/runs.jsonl, line 2"]}]


def test_rows_whose_network_is_damaged_are_damaged(shard, target):
    part = shard("1", [row(1), row(2)])
    lost = network_file(part, rows_in(part)[0]["network_sha256"])
    lost.write_text("{}")

    with pytest.raises(DatasetError, match=lost.name):
        merge_datasets(target, [part])
    merge_datasets(target, [part], force=True)

    assert set(counting(target)) == {"configuration 2"}


def test_one_intact_copy_of_a_network_suffices(shard, target):
    parts = [shard("1", [row(1, 1)]), shard("2", [row(1, 2)])]
    network_file(parts[0], rows_in(parts[0])[0]["network_sha256"]).unlink()

    merge_datasets(target, parts)

    assert len(list((target / "networks").iterdir())) == 1


def test_an_unfinished_last_line_is_left_out_and_said(shard, target):
    part = shard("1", [row(1)])
    with (part / "runs.jsonl").open("ab") as stream:
        stream.write(b'{"id": "half')

    summary = merge_datasets(target, [part])

    assert len(rows_in(target)) == 1
    assert "unfinished last line" in summary.notes[0]


def test_a_directory_that_was_not_made_by_merging_is_left_alone(shard, target):
    part = shard("1", [row(1)])
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")

    with pytest.raises(UsageError, match=r"thesis\.tex"):
        merge_datasets(target, [part])

    assert (target / "thesis.tex").read_text() == "years of work"


def test_a_data_set_that_was_measured_is_not_replaced(shard):
    with pytest.raises(UsageError, match="not made by merging"):
        merge_datasets(shard("2", [row(2)]), [shard("1", [row(1)])])


def test_something_strange_in_the_whole_is_not_thrown_away(shard, target):
    part = shard("1", [row(1)])
    merge_datasets(target, [part])
    (target / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match=r"notes\.txt"):
        merge_datasets(target, [part])

    assert (target / "notes.txt").exists()


def test_an_empty_directory_is_filled(shard, target):
    target.mkdir()

    merge_datasets(target, [shard("1", [row(1)])])

    assert len(rows_in(target)) == 1


def test_a_part_that_is_still_measured_is_not_merged(shard, target):
    part = shard("1", [row(1)])

    with owned_directory(part), pytest.raises(UsageError, match="another sweep"):
        merge_datasets(target, [part])


def test_what_is_no_data_set_is_refused_by_name(shard, target, tmp_path):
    part = shard("1", [row(1)])
    bare = shard("2", [row(2)])
    (bare / "manifest.json").unlink()

    with pytest.raises(UsageError, match="nothing to merge"):
        merge_datasets(target, [])
    with pytest.raises(InputFileError, match="missing"):
        merge_datasets(target, [part, tmp_path / "missing"])
    with pytest.raises(InputFileError, match=r"2: has no manifest\.json"):
        merge_datasets(target, [part, bare])
    with pytest.raises(UsageError, match="both what is merged and where it goes"):
        merge_datasets(part, [part])


def test_the_parts_are_left_as_they_are(shard, target):
    parts = [shard("1", [row(1, 1)]), shard("2", [row(1, 2)])]
    before = [content(part) for part in parts]

    merge_datasets(target, parts)

    assert [content(part) for part in parts] == before


def test_nothing_is_left_beside_the_whole(shard, target):
    part = shard("1", [row(1)])

    merge_datasets(target, [part])
    merge_datasets(target, [part])

    assert {path.name for path in target.parent.iterdir()} == {"1", "merged"}


class Silence:
    """Is told how a sweep goes, and says nothing."""

    def say(self, text):
        pass

    def trial(self, text, summary):
        pass


def test_shards_that_are_merged_are_what_a_plain_sweep_measures(
    tmp_path, target, monkeypatch
):
    pytest.importorskip("jax")
    monkeypatch.setenv("WATT_AHEAD_LOCK", str(tmp_path / "lock"))

    def sweep(name, runs, shard):
        run_sweep(
            SweepOptions(directory=tmp_path / name, runs=runs, shard=shard),
            progress=Silence(),
            serve=lambda variables: nullcontext(RecordingRunner(tmp_path)),
        )
        return tmp_path / name

    plain = sweep("plain", 12, (1, 1))
    merge_datasets(target, [sweep(f"{part}", 4, (part, 3)) for part in (1, 2, 3)])

    assert {*counting(target)} == {*counting(plain)}
    assert len(counting(target)) == 12
    assert len(rows_in(target, "anchors.jsonl")) == 3 * 2
    plans = [read_manifest(directory)["plans"] for directory in (plain, target)]
    assert plans[0] == plans[1]


KILLED_MERGE = """
import os, signal, sys
from pathlib import Path
from dataset_builder.store import merging
from dataset_builder.store import replacing

target, *sources = map(Path, sys.argv[2:])
calls = 0

def dying(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

Path.rename = dying(Path.rename)
Path.mkdir = dying(Path.mkdir)
os.fsync = dying(os.fsync)
merging.merge_datasets(target, sources)
"""


@pytest.mark.slow
def test_a_merge_killed_at_any_step_leaves_the_old_or_the_new_whole(
    shard, target, tmp_path
):
    first, second = shard("1", [row(1)]), shard("2", [row(2)], part=(2, 2))
    merge_datasets(target, [first])
    old = content(target)
    merge_datasets(target.with_name("expected"), [first, second])
    new = content(target.with_name("expected"))
    backup = tmp_path / "backup"
    shutil.copytree(target, backup)
    steps = 0
    while True:
        steps += 1
        process = subprocess.run(
            [sys.executable, "-c", KILLED_MERGE, str(steps), target, first, second],
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        aside = target.with_name(".merged.old")
        there = target if target.exists() else aside
        assert content(there) in (old, new)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        merge_datasets(target, [first])  # clears up, and loses nothing
        assert content(target) in (old, new)
        shutil.rmtree(target)
        shutil.copytree(backup, target)
    assert steps > 8
    assert content(target) == new


def test_a_full_disk_leaves_the_old_whole(shard, target, monkeypatch):
    first, second = shard("1", [row(1)]), shard("2", [row(2)], part=(2, 2))
    merge_datasets(target, [first])
    before = content(target)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputFileError, match="No space left"):
        merge_datasets(target, [first, second])

    assert content(target) == before
    assert json.loads((target / "manifest.json").read_text())["plans"]
