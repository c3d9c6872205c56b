"""A check argues with numbers, and its verdict follows from them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_builder.checking import check_directory
from dataset_builder.checking.coverage import BLOCK_RUNS
from dataset_builder.checking.repeats import processes_needed
from dataset_builder.store.journal import Journal, read_journal
from dataset_builder.store.manifest import (
    network_file,
    read_manifest,
    store_network,
    write_manifest,
)
from predictor.errors import InputFileError
from tests.dataset_builder.builders import tiny_network
from tests.dataset_builder.synthetic_sets import SyntheticSet, good_set


@pytest.fixture
def made(tmp_path):
    return good_set(tmp_path / "set")


def facts(made, title, file="runs.jsonl"):
    document = check_directory(made.directory).to_dict()
    part = document["files"][file] if file else document["data_set"]
    return part[title]


def problems(made):
    return check_directory(made.directory).problems


def notes(made):
    return check_directory(made.directory).notes


def change_row(made, number, **changes):
    path = made.directory / "runs.jsonl"
    rows = list(read_journal(path).rows)
    rows[number] |= changes
    path.unlink()
    journal = Journal(path)
    for row in rows:
        journal.append(row)


def change_manifest(made, **changes):
    write_manifest(made.directory, read_manifest(made.directory) | changes)


def invalidate(made):
    for number in range(4):
        change_row(
            made,
            number,
            valid=False,
            invalid_reason="3 of 3 windows invalid: foreign load 31.2 % of the machine",
        )


def unsettle(made):
    for units in range(50, 60):
        made.trial(units, wobble=0.3)
    made.anchor()


def repeat_badly(made):
    for units in range(50, 90):
        made.trial(units, step_s=0.01)
        made.trial(units, step_s=0.015, repeat=1)


def tear(made):
    with (made.directory / "runs.jsonl").open("ab") as stream:
        stream.write(b'{"id":')


def damage(made):
    path = made.directory / "runs.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"repeat":0', b'"repeat":1', 1))


def damage_anchors(made):
    path = made.directory / "anchors.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"steps"', b'"Steps"', 1))


def lose_network(made):
    digest = read_journal(made.directory / "runs.jsonl").rows[0]["network_sha256"]
    network_file(made.directory, digest).unlink()


def alter_network(made):
    digest = read_journal(made.directory / "runs.jsonl").rows[0]["network_sha256"]
    path = network_file(made.directory, digest)
    path.write_text(path.read_text().replace('"units":2', '"units":3'))


def overlap(made):
    made.pause(-3.0)
    made.trial(77)


FAULTS = {
    "torn": (tear, "the last line is unfinished", "dataset_builder sweep"),
    "damaged": (damage, "1 damaged line (1)", "sed -i 1d"),
    "damaged anchors": (damage_anchors, "anchors.jsonl: 1 damaged", "sed -i 1d"),
    "wrong id": (
        lambda made: change_row(made, 0, id="0123456789abcdef"),
        "first 0123456789abcdef",
        "git restore",
    ),
    "network lost": (lose_network, "1 network missing", "git restore"),
    "network altered": (alter_network, "not what was measured", "git restore"),
    "manifest lost": (
        lambda made: (made.directory / "manifest.json").unlink(),
        "manifest.json is missing",
        "git restore",
    ),
    "unreadable": (
        lambda made: change_row(made, 0, energy_j=-1.0),
        "cannot be read for a fit",
        "predictor evaluate",
    ),
    "invalid": (invalidate, "85.7 % of the rows are valid", "--retry-failed"),
    "imprecise": (unsettle, "10 of 24 configurations are not known to", "--plan again"),
    "noisy": (repeat_badly, "differs by 40 % in energy", "dataset_builder sweep"),
    "dear meter": (
        lambda made: [change_row(made, n, metering_share=0.02) for n in range(28)],
        "2.00 % of a window",
        "predictor doctor",
    ),
    "two tiers": (
        lambda made: change_row(made, 0, cpu_tier="rapl"),
        "2 tiers of cpu energy are mixed",
        "--out",
    ),
    "two sources": (
        lambda made: change_row(made, 0, source="rapl"),
        "rows of 2 sources are mixed",
        "--out",
    ),
    "two kinds of hardware": (
        lambda made: change_row(made, 0, hardware="Chip B"),
        "2 kinds of hardware",
        "--out",
    ),
    "constants differ": (
        lambda made: change_row(made, 0, ram_power_w=10.0),
        "ram_power_w of Chip A is not one number but 2 numbers (10, 20 W)",
        "predictor doctor",
    ),
    "no anchors": (
        lambda made: (made.directory / "anchors.jsonl").unlink(),
        "no valid anchor",
        "dataset_builder sweep",
    ),
    "overlap": (overlap, "1 trial began before the one before had ended", "--out"),
}


def test_a_good_set_is_good_and_its_report_is_narrow(made):
    report = check_directory(made.directory)

    assert report.problems == ()
    assert report.to_text().endswith(": good\n")
    assert all(len(line) <= 80 for line in report.lines)
    assert report.to_dict()["good"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_problem_with_its_number_and_a_command(made, name):
    inject, words, command = FAULTS[name]
    inject(made)

    report = check_directory(made.directory)

    found = [one for one in report.problems if words in one.text]
    assert found, [one.text for one in report.problems]
    assert command in found[0].command
    assert all(one.command for one in report.problems)
    assert all(len(line) <= 80 for line in report.lines)
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert document["schema_version"] == 1
    assert not document["good"]
    assert "not good" in report.to_text()


def test_an_empty_directory_is_an_error_that_says_how_to_measure(tmp_path):
    with pytest.raises(InputFileError, match="dataset_builder sweep"):
        check_directory(tmp_path)


def test_a_file_without_rows_is_a_problem(tmp_path):
    made = SyntheticSet(tmp_path)
    tear(made)

    assert any("no rows" in one.text for one in problems(made))


def test_a_later_row_of_the_same_id_takes_the_place_of_the_earlier(made):
    row = read_journal(made.directory / "runs.jsonl").rows[0]
    reason = "drift of 12.0 % between anchors"
    made.append("runs.jsonl", row | {"valid": False, "invalid_reason": reason})

    assert facts(made, "rows")["rows"] == 28
    assert facts(made, "rows")["invalid_by_reason"] == {"drift": 1}
    assert facts(made, "drift", None)["measured_again"] == 1
    assert problems(made) == ()  # the same trial twice in the file is no overlap


def test_windows_are_counted_by_what_disturbed_them(made):
    row = read_journal(made.directory / "runs.jsonl").rows[0]
    reasons = [
        "foreign load 20.0 % of the machine",
        "stolen time 3.0 % of the machine",
        "GPU 0: stood still for 2.0 s",
        "throttled by its temperature",
    ]
    lost = [
        {
            "steps": 9,
            "energy_j": None,
            "duration_s": None,
            "valid": False,
            "reason": one,
        }
        for one in reasons
    ]
    change_row(made, 0, windows=[*row["windows"], *lost], attempt=3)

    found = facts(made, "rows")
    assert found["windows_invalid_by_reason"] == {
        "foreign load": 1,
        "stolen time": 1,
        "doubts of the meter": 1,
        "throttling": 1,
    }
    assert found["rows_by_attempt"] == {"1": 27, "3": 1}


def test_spread_is_over_all_windows_of_all_processes_with_drift_taken_out(tmp_path):
    made = SyntheticSet(tmp_path)
    made.trial(4, power_w=20.0)
    made.trial(4, power_w=24.0, repeat=1)
    apart = facts(made, "spread")["median"]
    assert apart == pytest.approx(0.0995859, rel=1e-4)  # of 20 20 20 24 24 24

    change_row(made, 1, drift_energy=1.2)
    assert facts(made, "spread")["median"] == pytest.approx(0.0, abs=1e-9)


def test_another_process_makes_a_level_more_precise_whatever_its_spread(tmp_path):
    made = SyntheticSet(tmp_path)
    made.trial(4, wobble=0.2)
    once = facts(made, "spread")
    made.trial(4, wobble=0.2, repeat=1)
    twice = facts(made, "spread")

    assert twice["median"] > 0.1
    assert twice["standard_error_median"] < 0.75 * once["standard_error_median"]


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_wider_spread_never_needs_fewer_processes(one, other):
    low, high = sorted((one, other))

    assert 1 <= processes_needed(low) <= processes_needed(high)


def test_too_few_duplicates_are_a_note_that_says_how_to_get_more(tmp_path):
    made = SyntheticSet(tmp_path)
    made.opening()
    for units in range(2, 40):
        made.trial(units)
    made.trial(2, repeat=1)
    made.closing()

    found = [one for one in notes(made) if "second process" in one.text]
    assert "1 of 38 configurations" in found[0].text
    assert "10 are needed" in found[0].text
    assert found[0].command.endswith("--plan again")
    assert problems(made) == ()


def test_drift_is_told_by_host_with_what_was_corrected(made):
    made.host = "ffff0000"
    made.anchor(1.0)
    made.trial(80, drift_energy=1.06, drift_duration=1.06)
    made.anchor(1.08)
    made.anchor(1.0)

    found = facts(made, "drift", None)
    assert set(found["hosts"]) == {"0a1b2c3d", "ffff0000"}
    other = found["hosts"]["ffff0000"]
    assert other["points"] == 3
    assert other["duration_highest"] == pytest.approx(0.08)
    assert other["largest_change"] == pytest.approx(0.08)
    assert other["most_rows_between"] == 1
    assert found["rows_corrected"] == 1


def test_anchors_too_far_apart_are_a_note(tmp_path):
    made = SyntheticSet(tmp_path)
    made.opening()
    for units in range(2, 30):
        made.trial(units)
    made.closing()

    assert any("up to 28 rows" in one.text for one in notes(made))


def test_a_break_between_two_sessions_is_not_time_without_an_anchor(made):
    made.pause(100_000.0)
    made.opening()
    made.trial(70)
    made.closing()

    assert facts(made, "drift", None)["hosts"]["0a1b2c3d"]["longest_between_s"] < 900
    assert not any("between two anchors" in one.text for one in notes(made))


def test_rows_after_the_last_anchor_are_a_note(made):
    made.trial(70)

    assert any("1 row before the first or after" in one.text for one in notes(made))


def test_rows_that_the_anchors_would_correct_are_a_note(made):
    made.trial(70)
    made.anchor(1.3)

    assert any(
        "1 valid row between anchors that strayed" in n.text for n in notes(made)
    )


def test_drift_that_drowns_in_noise_is_a_note(made):
    for level in (1.2, 1.0, 1.2, 1.0, 1.2):
        made.anchor(level)

    assert any("cannot be told from noise" in one.text for one in notes(made))


def test_idle_power_is_told_and_its_absence_is_a_note(made):
    made.idle(22.0)
    made.idle(90.0, valid=False)

    found = facts(made, "idle_power", None)
    assert (found["periods"], found["disturbed"]) == (3, 1)
    assert (found["lowest_w"], found["highest_w"]) == (20.0, 22.0)

    (made.directory / "idle.jsonl").unlink()
    assert any("no valid idle period" in one.text for one in notes(made))


def test_a_set_of_the_first_protocol_can_be_checked_and_be_good(tmp_path):
    made = SyntheticSet(tmp_path, protocol=1)
    for units in range(2, 8):
        made.trial(units, trial_s=8.0)
    path = tmp_path / "runs.jsonl"
    rows = read_journal(path).rows
    path.unlink()
    for row in rows:
        for name in ("ended_at", "metering_share", "attempt", "loss"):
            row.pop(name)
        row["started_at"] = row["started_at"][:19] + "+00:00"
        made.append("runs.jsonl", row | {"trial_s": 8.0})

    assert problems(made) == ()
    assert facts(made, "pace")["swept_s"] == pytest.approx(6 * 8 + 5 * 0.2, abs=1)


def test_families_and_decades_that_are_missing_are_notes_with_a_number_of_runs(made):
    texts = " ".join(one.text for one in notes(made))

    assert "families without a row: convolutional, separable" in texts
    assert "fewer than 5 rows with steps of" in texts
    assert any(one.command.endswith(f"--runs {BLOCK_RUNS}") for one in notes(made))
    found = facts(made, "coverage")
    assert found["families"] == {"dense": {"training": 14, "inference": 14}}
    assert found["sizes"]["float32"]["batch_size"]["median"] == 32
    assert sum(found["rows_by_decade_of_seconds"].values()) == 28


def test_a_family_in_one_mode_only_is_a_note(tmp_path):
    made = SyntheticSet(tmp_path)
    made.trial(4)

    assert any("dense without inference" in one.text for one in notes(made))


def test_real_networks_without_a_valid_row_are_a_note(made):
    row = made.trial(60, file="zoo.jsonl")
    change_manifest(made, zoo={"There": row["network_sha256"], "Lost": "0" * 64})

    found = [one for one in notes(made) if "1 real network without" in one.text]
    assert "Lost" in found[0].text


def test_a_network_without_a_row_is_a_note_and_no_problem(made):
    store_network(made.directory, tiny_network(99))

    assert any("1 network without a row" in one.text for one in notes(made))
    assert problems(made) == ()


def test_one_slow_start_of_the_meter_is_a_note(made):
    change_row(made, 0, metering_share=0.05)

    assert any("5.00 % at most" in one.text for one in notes(made))
    assert problems(made) == ()


def test_commands_go_on_where_the_sweep_was(made):
    change_manifest(
        made,
        environment={"backend": "torch", "device": "gpu"},
        plans={"runs": {"plan": "calibrate", "seed": 7, "shard": [1, 1]}},
    )
    tear(made)

    command = problems(made)[0].command
    for option in ("--plan calibrate", "--seed 7", "--backend torch", "--device gpu"):
        assert option in command
