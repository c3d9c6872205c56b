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

from predictor.carbon import (
    WORLD,
    carbon_intensity,
    check_pue,
    emissions_gco2e,
    facility_energy_j,
    find_regions,
    known_regions,
    regions,
    tables,
)
from predictor.errors import InputFileError, MissingExtraError, UsageError
from predictor.units import JOULES_PER_KWH


@pytest.fixture
def _fresh_table():
    tables.shipped_regions.cache_clear()
    yield
    tables.shipped_regions.cache_clear()


def raw_table(path=tables.COUNTRIES):
    folder = Path(find_spec("codecarbon").origin).parent / "data"
    return json.loads((folder / path).read_text(encoding="utf-8"))


def test_every_known_region_has_a_positive_number_a_year_and_a_source():
    answers = [carbon_intensity(code) for code in known_regions()]

    assert len(answers) > 340
    for answer in answers:
        assert 0 < answer.carbon_intensity_g_per_kwh < 1500
        assert answer.year is None or 2000 < answer.year < 2100
        assert answer.region == WORLD or "CodeCarbon" in answer.source


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
    [
        ("CAN-QU", "CAN-QC"),
        ("Iowa", "USA-IA"),
        ("aws:us-east-1", "gcp:us-east1"),
        ("DEX", "DEU"),
        ("Germany", "DEU"),
        ("DE", "DEU"),
        ("Untied Kingdom", "GBR"),
    ],
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
    monkeypatch.setattr(tables, "find_spec", lambda name: None)

    assert carbon_intensity().region == WORLD
    with pytest.raises(MissingExtraError, match="codecarbon"):
        carbon_intensity("DEU")


@pytest.mark.usefixtures("_fresh_table")
@pytest.mark.parametrize("content", [None, "{", "[]", '{"DEU": {}}', '{"DEU": 1}'])
def test_a_damaged_table_is_an_error_that_says_so(monkeypatch, tmp_path, content):
    package = tmp_path / "__init__.py"
    if content is not None:
        table = tmp_path / "data" / tables.COUNTRIES
        table.parent.mkdir(parents=True)
        table.write_text(content, encoding="utf-8")
    spec = type("Spec", (), {"origin": str(package)})
    monkeypatch.setattr(tables, "find_spec", lambda name: spec)

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


def test_a_state_of_the_usa_has_the_number_of_its_table_in_grams():
    pounds_per_mwh = raw_table(tables.STATES)["iowa"]["emissions"]

    answer = carbon_intensity("USA-IA")

    assert answer.carbon_intensity_g_per_kwh == pytest.approx(
        pounds_per_mwh * 0.45359237
    )
    assert answer.year == raw_table(tables.STATES)["_source"]["year"]
    assert "eGRID" in answer.source


def test_a_canadian_province_is_its_mix_over_the_life_cycle():
    mix, factors = raw_table(tables.CANADA)["quebec"], raw_table(tables.FACTORS)
    by_hand = (
        mix["naturalGas"] * factors["natural_gas"]
        + mix["petroleum"] * factors["petroleum"]
        + mix["biomass"] * factors["biomass"]
        + mix["solar"] * factors["solar"]
        + mix["wind"] * factors["wind"]
        + mix["hydro"] * factors["hydroelectricity"]
    ) / 100.01

    answer = carbon_intensity("CAN-QC")

    assert answer.carbon_intensity_g_per_kwh == pytest.approx(by_hand, abs=0.05)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("ca-qc", "CAN-QC"),
        ("US-IA", "USA-IA"),
        ("cn-bj", "CHN-BJ"),
        ("swe-se1", "SWE-SE1"),
        (" GCP:US-Central1", "gcp:us-central1"),
    ],
)
def test_parts_of_countries_are_found_in_either_writing(written, code):
    assert carbon_intensity(written).region == code


def test_all_provinces_states_zones_and_cloud_regions_are_there():
    kinds = [region.kind for region in regions()]

    assert kinds.count("subdivision") == 51 + 13 + 30
    assert kinds.count("grid zone") == 9
    assert kinds.count("cloud") >= 40
    assert len({region.code for region in regions()}) == len(kinds)


def test_a_search_finds_by_code_name_and_kind():
    assert {region.code for region in find_regions("Iowa")} == {
        "USA-IA",
        "gcp:us-central1",
    }
    assert [region.code for region in find_regions("ca-qc")] == ["CAN-QC"]
    assert {region.kind for region in find_regions("grid zone")} == {"grid zone"}
    assert find_regions() == regions()


def test_a_search_without_result_is_a_usage_error():
    with pytest.raises(UsageError, match=r"similar are .*DEU"):
        find_regions("Germania")
