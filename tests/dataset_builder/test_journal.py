"""No fault of disk or process loses or alters a row."""

import json
import resource
import signal

import pytest

from dataset_builder.store.journal import Journal, read_journal, row_checksum
from predictor.errors import InputFileError

ROWS = [{"id": f"{n}", "energy_j": n + 0.5, "name": "Größe"} for n in range(3)]


@pytest.fixture
def journal_file(tmp_path):
    path = tmp_path / "runs.jsonl"
    journal = Journal(path)
    for row in ROWS:
        journal.append(row)
    return path


def ids(content):
    return [row["id"] for row in content.rows]


def test_rows_come_back_as_written(journal_file):
    content = read_journal(journal_file)

    plain = [{k: v for k, v in row.items() if k != "checksum"} for row in content.rows]
    assert plain == ROWS
    assert (content.torn, content.damaged) == (b"", ())


def test_a_missing_file_is_an_empty_journal(tmp_path):
    assert read_journal(tmp_path / "none.jsonl").rows == ()


def test_cut_at_any_byte_intact_rows_stay_and_the_next_is_readable(journal_file):
    whole = journal_file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(ends[0], len(whole)):
        journal_file.write_bytes(whole[:length])

        journal = Journal(journal_file)
        journal.append({"id": "next"})

        intact = sum(end <= length for end in ends)
        again = Journal(journal_file).content
        assert ids(again) == [*"012"[:intact], "next"]
        assert again.torn == b""
        assert again.damaged == ()


def test_a_torn_line_is_set_aside_not_thrown_away(journal_file):
    with journal_file.open("ab") as stream:
        stream.write(b'{"id": "torn')

    Journal(journal_file)

    aside = journal_file.with_name("runs.jsonl.torn")
    assert aside.read_bytes() == b'{"id": "torn\n'


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_flipped_bit_is_found_and_its_line_named(journal_file, line):
    lines = journal_file.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b".5", b".7")
    journal_file.write_bytes(b"".join(lines))

    content = read_journal(journal_file)

    assert content.damaged == (line,)
    assert ids(content) == [i for i in "012" if i != f"{line - 1}"]


def test_numbers_that_json_does_not_have_are_refused(journal_file):
    before = journal_file.read_bytes()

    with pytest.raises(ValueError, match="JSON compliant"):
        Journal(journal_file).append({"energy_j": float("nan")})

    assert journal_file.read_bytes() == before


def test_a_full_disk_is_an_error_that_leaves_earlier_rows_alone(journal_file):
    journal = Journal(journal_file)
    before = journal_file.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, hard))
    try:
        with pytest.raises(InputFileError, match="make room"):
            journal.append({"id": "too long"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert journal_file.read_bytes() == before
    journal.append({"id": "again"})
    assert ids(read_journal(journal_file)) == [*"012", "again"]


def test_the_checksum_depends_on_every_value_and_not_on_the_order():
    row = {"a": 1, "b": [1, 2]}

    assert row_checksum(row) == row_checksum(dict(reversed(row.items())))
    assert row_checksum(row) != row_checksum({**row, "b": [2, 1]})


def test_a_line_is_plain_json(journal_file):
    lines = journal_file.read_text(encoding="utf-8").splitlines()

    assert [json.loads(line)["id"] for line in lines] == ["0", "1", "2"]
