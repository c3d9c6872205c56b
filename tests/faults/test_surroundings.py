"""Fault 22: locales, homes, names and streams that are not as usual."""

import os

import pytest

from tests.faults.sessions import Place

pytestmark = pytest.mark.slow
pytest.importorskip("jax")

NAME = "größte Messung ☃"
PLAIN_LOCALE = {
    "LC_ALL": "C",
    "LANG": None,
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": None,
}


@pytest.fixture
def place(tmp_path):
    with Place(tmp_path / "a place") as made:
        yield made
        assert made.left_after(5.0) == []


def has_one_row(place, name="data"):
    return place.settled(name) == 1 and place.journal(name).damaged == ()


def test_a_locale_without_letters_takes_any_name_and_home(place, tmp_path):
    home = tmp_path / "Zuhause für größere"
    home.mkdir()
    environment = {**PLAIN_LOCALE, "HOME": str(home)}

    ended = place.sweep("--runs", "1", name=NAME, environment=environment)

    assert ended.status == 0, ended.err
    assert has_one_row(place, NAME)
    (row, *_) = place.journal(NAME).rows
    assert row["source_dataset"] == NAME
    assert "Traceback" not in ended.err


def test_a_locale_of_another_encoding_is_no_hindrance(place):
    environment = {**PLAIN_LOCALE, "LC_ALL": "en_US.ISO-8859-1"}

    ended = place.sweep("--runs", "1", name=NAME, environment=environment)

    assert ended.status == 0, ended.err
    assert place.journal(NAME).rows[0]["source_dataset"] == NAME


@pytest.mark.parametrize("home", [None, "/proc"])
def test_a_home_that_is_missing_or_read_only_is_not_needed(place, home):
    ended = place.sweep("--runs", "1", environment={"HOME": home})

    assert ended.status == 0, ended.err
    assert has_one_row(place)


@pytest.mark.parametrize(
    "shell",
    [
        'exec "$@" >&-',
        'exec "$@" <&- >&- 2>&-',
        '{ "$@"; echo $? >&3; } 3>&2 2>/dev/null | true',
        '{ "$@"; echo $? >&3; } 3>&2 2>&1 | true',
    ],
)
def test_streams_that_nobody_reads_cost_neither_rows_nor_status(place, shell):
    ended = place.sweep("--runs", "1", shell=shell)

    status = ended.err.strip() if "echo" in shell else str(ended.status)
    assert status == "0"
    assert has_one_row(place)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_result_that_cannot_be_written_is_one_sentence_and_status_4(place):
    ended = place.sweep("--runs", "1", shell='exec "$@" >/dev/full')

    assert ended.status == 4
    assert ended.err.splitlines()[-1].startswith("dataset_builder: error: stdout: ")
    assert has_one_row(place)


def test_a_temporary_directory_of_too_long_a_name_is_one_sentence(place):
    place.base.joinpath("long" * 30).mkdir()
    environment = {"TMPDIR": str(place.base / ("long" * 30))}

    ended = place.sweep("--runs", "1", environment=environment)

    assert ended.status == 6
    assert "no trial can be started here" in ended.err
    assert ended.err.count("\n") == 1
