"""Fault 5: disks that are full, broken or read-only; real ones, mounted here."""

import json
import subprocess
import sys

import pytest

from tests.faults.sessions import ROOT
from tests.faults.small_disk import namespace

pytestmark = pytest.mark.slow
pytest.importorskip("jax")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What came of sweeps on such disks."""
    place = tmp_path_factory.mktemp("disk")
    command, reason = namespace(place)
    if not command:
        pytest.skip(f"nothing can be mounted here: {reason}")
    program = [sys.executable, "-m", "tests.faults.small_disk", str(place)]
    ended = subprocess.run(
        [*command, *program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def validity(rows):
    return {identity: valid for identity, _, valid in rows}


def is_clear(attempt):
    """Tell whether a sweep ended with one sentence, and left nothing half."""
    return (
        attempt["status"] == 4
        and attempt["said"].startswith("dataset_builder: error: ")
        and attempt["said"].count("\n") == 1
        and attempt["empty"] == attempt["unfinished"] == []
    )


def test_a_disk_that_is_full_at_any_write_is_a_clear_error(found):
    full = [one["full"] for one in found["blocks"]]

    assert len(full) > 8
    assert full[-1]["status"] == 0
    assert all(is_clear(attempt) for attempt in full[:-1])
    said = " ".join(attempt["said"] for attempt in full)
    for file in ("manifest.json", "networks/", "runs.jsonl", "anchors.jsonl"):
        assert file in said
    assert "make room and start again" in said


def test_rows_before_a_full_disk_stay_and_the_sweep_goes_on_when_there_is_room(found):
    for one in found["blocks"]:
        before, after = one["full"]["rows"], one["afterwards"]["rows"]
        assert one["afterwards"]["status"] == 0, one["afterwards"]["said"]
        assert after[: len(before)] == before
        assert validity(after) == validity(found["whole"]["rows"])


def test_a_torn_tail_stays_where_there_is_no_room_to_set_it_aside(found):
    torn = found["torn"]

    assert is_clear(torn["full"])
    assert torn["untouched"]
    assert torn["afterwards"]["status"] == 0
    assert torn["aside"] == '{"id": "torn\n'


def test_a_read_only_directory_is_a_clear_error(found):
    there = found["read_only"]

    assert is_clear(there["old"])
    assert "Read-only file system" in there["old"]["said"]
    assert there["old"]["rows"] == there["before"]["rows"]
    status, said = there["new"]
    assert status == 4
    assert "cannot be made" in said
    assert "name another place for it in TMPDIR" in there["scratch"]


def test_a_disk_that_answers_with_errors_is_a_clear_error(found):
    if "broken" not in found:
        pytest.skip(f"no disk can be broken here: {found['no_broken_disk']}")
    there = found["broken"]

    assert there["status"] == 4
    assert "Input/output error" in there["said"]
    assert there["said"].count("\n") == 1
    assert len(there["rows"]) == 2
    assert there["afterwards"]["status"] == 0, there["afterwards"]["said"]
    assert there["afterwards"]["rows"][:2] == there["rows"]
    assert len(validity(there["afterwards"]["rows"])) == 4
