"""The command that lists regions."""

import csv
import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from predictor.carbon import regions
from predictor.cli import main


def run(capsys, *arguments):
    status = main(["regions", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_json_is_as_its_schema_says(capsys):
    schema = json.loads((files("predictor") / "schemas" / "regions.json").read_text())
    Draft202012Validator.check_schema(schema)

    status, out, _ = run(capsys, "--format", "json")
    document = json.loads(out)

    assert status == 0
    Draft202012Validator(schema).validate(document)
    assert [one["code"] for one in document["regions"]] == [
        region.code for region in regions()
    ]


def test_the_table_fits_eighty_columns_and_cuts_nothing(capsys):
    _, out, _ = run(capsys)

    assert all(len(line) <= 80 for line in out.splitlines())
    assert "~" not in out
    assert all(region.code in out for region in regions())


def test_each_line_names_its_source_below(capsys):
    _, out, _ = run(capsys, "quebec")

    assert "31.2  2023  [1]" in out
    assert "[1] mix of generation" in out


def test_the_csv_has_a_line_for_each_region(capsys):
    _, out, _ = run(capsys, "germany", "--format", "csv")

    rows = list(csv.DictReader(out.splitlines()))
    assert {row["code"] for row in rows} >= {"DEU", "gcp:europe-west3"}
    assert all(float(row["carbon_intensity_g_per_kwh"]) > 0 for row in rows)


@pytest.mark.parametrize("arguments", [["atlantis"], ["--format", "xml"], ["a", "b"]])
def test_wrong_usage_is_one_sentence_and_status_two(capsys, arguments):
    status, out, err = run(capsys, *arguments)

    assert (status, out) == (2, "")
    assert err.startswith("predictor: error: ")
    assert err.count("\n") == 1
