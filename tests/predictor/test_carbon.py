"""Carbon intensity is looked up offline and says what it is."""

import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor import carbon
from predictor.carbon import (
    WORLD,
    carbon_intensity,
    check_pue,
    emissions_gco2e,
    facility_energy_j,
    known_regions,
)
from predictor.errors import InputFileError, MissingExtraError, UsageError
from predictor.units import JOULES_PER_KWH


@pytest.fixture
def _fresh_table():
    carbon._table.cache_clear()
    yield
    carbon._table.cache_clear()


def raw_table():
    package = Path(find_spec("codecarbon").origin).parent
    return json.loads((package / carbon._TABLE_PATH).read_text(encoding="utf-8"))


def test_every_known_region_has_a_positive_number_a_year_and_a_source():
    answers = [carbon_intensity(code) for code in known_regions()]

    assert len(answers) > 200
    for answer in answers:
        assert 0 < answer.carbon_intensity_g_per_kwh < 1500
        assert 2000 < answer.year < 2100
        assert "CodeCarbon" in answer.source


def test_the_number_is_that_of_the_table():
    entry = raw_table()["DEU"]

    answer = carbon_intensity("DEU")

    assert answer.carbon_intensity_g_per_kwh == entry["carbon_intensity"]
    assert answer.year == entry["year"]


def test_the_case_of_a_code_does_not_matter():
    assert carbon_intensity(" deu ") == carbon_intensity("DEU")


def test_no_place_is_the_world_and_says_so():
    answer = carbon_intensity()

    assert answer == carbon_intensity("world")
    assert (answer.region, answer.year) == (WORLD, 2023)
    assert "Ember" in answer.source


def test_the_world_average_agrees_with_the_table_weighted_by_generation():
    entries = raw_table().values()
    generated = math.fsum(entry["total_TWh"] for entry in entries)
    emitted = math.fsum(e["total_TWh"] * e["carbon_intensity"] for e in entries)

    world = carbon_intensity().carbon_intensity_g_per_kwh
    assert world == pytest.approx(emitted / generated, rel=0.02)


@given(st.floats(0, 1e6))
def test_an_override_is_taken_as_given(number):
    answer = carbon_intensity("DEU", override_g_per_kwh=number)

    assert answer.carbon_intensity_g_per_kwh == number
    assert (answer.region, answer.year) == ("DEU", None)
    assert answer.source == "given by the user"


@pytest.mark.parametrize("number", [-1.0, math.nan, math.inf])
def test_an_impossible_override_is_a_usage_error(number):
    with pytest.raises(UsageError, match="at least 0"):
        carbon_intensity(override_g_per_kwh=number)


@pytest.mark.parametrize(
    ("written", "suggested"),
    [("DEX", "DEU"), ("Germany", "DEU"), ("DE", "DEU"), ("Untied Kingdom", "GBR")],
)
def test_an_unknown_region_is_a_usage_error_with_similar_ones(written, suggested):
    with pytest.raises(UsageError, match=suggested) as info:
        carbon_intensity(written)

    assert "--carbon-intensity" in str(info.value)


@pytest.mark.parametrize("written", ["", "QQQQQQ", "CAF"])
def test_a_region_without_a_number_is_never_zero(written):
    with pytest.raises(UsageError, match="no carbon intensity is known"):
        carbon_intensity(written)


@pytest.mark.usefixtures("_fresh_table")
def test_without_codecarbon_a_region_names_the_package(monkeypatch):
    monkeypatch.setattr(carbon, "find_spec", lambda name: None)

    assert carbon_intensity().region == WORLD
    with pytest.raises(MissingExtraError, match="codecarbon"):
        carbon_intensity("DEU")


@pytest.mark.usefixtures("_fresh_table")
@pytest.mark.parametrize("content", [None, "{"])
def test_a_damaged_table_is_an_error_that_says_so(monkeypatch, tmp_path, content):
    package = tmp_path / "__init__.py"
    if content is not None:
        table = tmp_path / carbon._TABLE_PATH
        table.parent.mkdir(parents=True)
        table.write_text(content, encoding="utf-8")
    spec = type("Spec", (), {"origin": str(package)})
    monkeypatch.setattr(carbon, "find_spec", lambda name: spec)

    with pytest.raises(InputFileError, match="cannot be read"):
        carbon_intensity("DEU")


def test_looking_up_does_not_import_codecarbon():
    code = (
        "import sys; from predictor.carbon import carbon_intensity; "
        "carbon_intensity('DEU'); print('codecarbon' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert process.stdout.strip() == "False"


@given(
    energy_j=st.floats(0, 1e15),
    intensity=st.floats(0, 2000),
    pue=st.floats(1, 5),
)
def test_emissions_are_energy_times_pue_times_intensity(energy_j, intensity, pue):
    emissions = emissions_gco2e(energy_j, carbon_intensity_g_per_kwh=intensity, pue=pue)

    assert emissions == pytest.approx(energy_j / JOULES_PER_KWH * pue * intensity)
    assert facility_energy_j(energy_j, pue=pue) >= energy_j


@pytest.mark.parametrize("pue", [0.99, 0.0, -1.0, math.nan, math.inf])
def test_an_impossible_pue_is_a_usage_error(pue):
    with pytest.raises(UsageError, match="at least 1"):
        check_pue(pue)
    with pytest.raises(UsageError, match="at least 1"):
        emissions_gco2e(1.0, carbon_intensity_g_per_kwh=1.0, pue=pue)
