"""Life cycles that are described in a file, on the command line."""

import copy
import csv
import json
import math
import random
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from predictor import PredictorError, assess_lifecycle
from predictor.cli import main
from predictor.report.lifecycle_table import render_lifecycle
from predictor.report.tabular import FORMS

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "data" / "lifecycles" / "paper.toml"
TRANSFER = ROOT / "data" / "lifecycles" / "transfer.toml"
LENET = ROOT / "data" / "networks" / "lenet5.json"
MODEL = ROOT / "models" / "epyc-2core-jax"

JOULES_PER_KWH = 3.6e6


def run(capsys, *arguments):
    status = main(["lifecycle", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def answered(capsys):
    def answer(*arguments):
        status, out, err = run(capsys, *arguments, "--format", "json")
        assert (status, err) == (0, "")
        return json.loads(out)

    return answer


@pytest.fixture
def described(tmp_path):
    def write(text, name="life.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_shipped_paper_gives_what_its_formulas_give_by_hand(answered):
    document = answered(PAPER)

    inference_j = 0.9
    training_j = inference_j * 100_000 * 10 * (1 + 4)
    life_j = 20 * training_j + training_j + 1e9 * inference_j
    assert training_j == 4.5e6
    for variant, intensity in zip(document["variants"], (20, 736.6), strict=True):
        phases = variant["phases"]
        assert phases["training"]["energy_j"]["estimate"] == pytest.approx(4.5e6)
        assert phases["search"]["energy_j"]["estimate"] == pytest.approx(90e6)
        assert phases["search"]["trainings"] == 20
        assert phases["use"]["energy_j"]["estimate"] == pytest.approx(900e6)
        assert variant["energy_j"]["estimate"] == pytest.approx(life_j)
        drawn_kwh = life_j * 1.58 / JOULES_PER_KWH
        assert drawn_kwh == pytest.approx(436.475)
        assert variant["facility_energy_kwh"]["estimate"] == pytest.approx(drawn_kwh)
        emitted = variant["emissions_gco2e"]
        assert emitted["estimate"] == pytest.approx(drawn_kwh * intensity)
        assert emitted["lower"] == emitted["upper"] == emitted["estimate"]
        assert variant["overhead"]["estimate"] == 4
        assert variant["overhead_share"] == 0.8
        assert variant["break_even_inferences"]["estimate"] == pytest.approx(105e6)
    (against,) = document["comparisons"]
    assert against["energy_ratio"]["estimate"] == 1
    assert against["emissions_ratio"]["estimate"] == pytest.approx(36.83)
    assert document["model"] is None


def test_the_table_of_the_paper_is_as_before(capsys):
    _, out, _ = run(capsys, PAPER)

    quebec = """\
quebec
            energy  90% interval  share     emissions
search      25 kWh         given   9.0%    790 g CO2e
training  1.25 kWh         given   0.5%   39.5 g CO2e
use        250 kWh         given    90%   7.9 kg CO2e
life       276 kWh         given   100%  8.73 kg CO2e
drawn by the site: 436 kWh
search: 20 trainings, all equal
overhead of training: 4 times the forward pass, 80% of training
use: 1 G inferences of 0.25 mWh
use outweighs the rest: after 105 M inferences
"""
    assert quebec in out
    assert "1 times the energy, 36.8 times the emissions" in out


@pytest.mark.parametrize("description", [PAPER, TRANSFER])
def test_the_json_is_as_its_schema_says(answered, description):
    text = (files("predictor") / "schemas" / "lifecycle.json").read_text()
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)

    Draft202012Validator(schema).validate(
        answered(description, "--price", "0.3", "--idle-power", "15", "--model", MODEL)
    )


def test_transfer_takes_less_than_training_whole_and_a_small_network_less(answered):
    document = answered(TRANSFER, "--model", MODEL)

    energy_j = {
        one["name"]: one["energy_j"]["estimate"] for one in document["variants"]
    }
    assert energy_j["dedicated"] < energy_j["transfer"] / 10
    assert energy_j["transfer"] < energy_j["whole"]
    transfer, dedicated = document["comparisons"]
    assert transfer["pay_off"]["takes_less"] == "always"
    assert dedicated["energy_ratio"]["upper"] < 0.1
    search = document["variants"][2]["phases"]["search"]
    assert (search["kind"], search["trainings"], search["candidates"]) == (
        "random",
        12,
        36,
    )


def test_phases_add_up_to_the_life_cycle(answered):
    for variant in answered(TRANSFER, "--model", MODEL)["variants"]:
        phases = [one for one in variant["phases"].values() if one]
        for key in ("energy_j", "emissions_gco2e", "facility_energy_kwh"):
            for end in ("estimate", "lower", "upper"):
                assert variant[key][end] == pytest.approx(
                    math.fsum(phase[key][end] for phase in phases)
                )
        shares = [phase["share"]["estimate"] for phase in phases]
        assert math.fsum(shares) == pytest.approx(1)


@pytest.mark.parametrize("description", [PAPER, TRANSFER])
def test_the_table_fits_eighty_columns(capsys, monkeypatch, description):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(
        *(capsys, description, "--price", "0.3", "--pue", "1.58"),
        *("--idle-power", "15", "--model", MODEL),
    )

    assert all(len(line) <= 80 for line in out.splitlines())
    assert "~" not in out


def test_the_csv_has_a_line_for_each_phase_and_for_the_life(capsys):
    _, out, _ = run(capsys, PAPER, "--format", "csv")

    rows = list(csv.DictReader(out.splitlines()))
    assert [row["phase"] for row in rows[:4]] == ["search", "training", "use", "life"]
    assert float(rows[3]["energy_j"]) == pytest.approx(994.5e6)
    assert float(rows[3]["inferences"]) == 1e9
    assert rows[0]["cost"] == ""


def test_json_says_the_same_as_toml(answered, described):
    use = {"inferences": 10, "inference_energy_j": 3.0}
    as_json = described(json.dumps({"variants": {"a": {"use": use}}}), "life.json")
    as_toml = described("[variants.a.use]\ninferences = 10\ninference_energy_j = 3.0")

    assert answered(as_json) == answered(as_toml)


GIVEN = """
[place]
carbon_intensity = 100
pue = 1.5
price = 0.2
[variants.a.use]
inferences = 3_600_000
inference_energy_j = 1.0
"""


@pytest.mark.parametrize(
    ("arguments", "emissions_g", "cost"),
    [
        ((), 150, 0.3),
        (("--carbon-intensity", "20"), 30, 0.3),
        (("--pue", "1"), 100, 0.2),
        (("--price", "1"), 150, 1.5),
        (("--region", "CAN-QC"), 31.2 * 1.5, 0.3),
    ],
)
def test_a_flag_beats_the_description(
    answered, described, arguments, emissions_g, cost
):
    (variant,) = answered(described(GIVEN), *arguments)["variants"]

    assert variant["emissions_gco2e"]["estimate"] == pytest.approx(emissions_g)
    assert variant["cost"]["estimate"] == pytest.approx(cost)


def test_the_description_beats_a_configuration_file(
    answered, described, tmp_path, monkeypatch
):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.predictor]\nregion = "DEU"\npue = 3\nprice = 9'
    )
    monkeypatch.chdir(tmp_path)

    (said,) = answered(described(GIVEN))["variants"]
    (silent,) = answered(described(GIVEN[GIVEN.index("[variants") :]))["variants"]

    assert said["emissions_gco2e"]["estimate"] == pytest.approx(150)
    assert silent["carbon"]["region"] == "DEU"
    assert silent["cost"]["estimate"] == pytest.approx(27)


TRAINING = """
[variants.a.training]
network = "net.json"
samples = 100
epochs = 2
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "variants must be 1 to 100 tables"),
        ("[variants]", "variants must be 1 to 100 tables"),
        ("[variants.a]", "needs a phase"),
        ("variants = 3", "variants: must be a table"),
        ("[variants.a.trainin]\nenergy_j = 1", "do you mean 'training'?"),
        ("[variants.a.training]\nenergy = 1", "do you mean 'energy_j'?"),
        ("[variants.a.training]\nenergy_j = -1", "energy_j must be a finite number"),
        ("[variants.a.training]\nenergy_j = nan", "energy_j must be a finite number"),
        ("[variants.a.training]\nenergy_j = inf", "energy_j must be a finite number"),
        ("[variants.a.training]\nenergy_j = 0", "above 0"),
        ("[variants.a.training]\nenergy_j = 1e-300", "above 0, at least 1e-30"),
        ('[variants.a.training]\nenergy_j = "1"', "energy_j must be a number"),
        ("[variants.a.training]\nenergy_j = true", "energy_j must be a number"),
        ("[variants.a.training]\nenergy_j = 1\nepochs = 2", "does not go with"),
        ("[variants.a.training]\nsamples = 1\nepochs = 1", "network is missing"),
        ("[variants.a.training]\nnetwork = 3\nsamples = 1\nepochs = 1", "must be text"),
        ('[variants.a.training]\nnetwork = "x"\nepochs = 1', "samples is missing"),
        (TRAINING, "variants.a.training: cannot read"),
        (TRAINING + "epoch = 3", "do you mean 'epochs'?"),
        (TRAINING + "overhead = 3", "does not go with a network"),
        (TRAINING + "batch_size = 0", "batch_size must be 1 to"),
        (TRAINING + "batch_size = 1.5", "whole number"),
        (TRAINING + "frozen = 1.5", "0.0 to 1.0"),
        (TRAINING + "frozen = -1", "frozen must be 0 to"),
        (TRAINING + 'optimizer = "sdg"', "optimizer must be one of"),
        (TRAINING + 'on_unknown = "guess"', "on_unknown must be one of"),
        (TRAINING + "input_shape = [0]", "must be 1 to"),
        (TRAINING + "[place]\npue = 0.5", "pue must be a finite number of at least 1"),
        (TRAINING + '[place]\nregion = "QQ"', "no carbon intensity is known"),
        (TRAINING + "[answer]\nconfidence = 2", "confidence must be 0.5 to 0.99"),
        (TRAINING + "[answer]\nidle_power_w = 0", "above 0"),
        (
            "[variants.a.training]\ninference_energy_j = 1\nsamples = 1\nepochs = 1",
            "overhead is missing",
        ),
        ("[variants.a.use]\ninference_energy_j = 1", "inferences is missing"),
        ("[variants.a.use]\ninferences = 1", "network is missing"),
        ("[variants.a.use]\ninferences = -1\nenergy_j = 1", "must be 0 to"),
        ("[variants.a.use]\ninferences = 1e30\nenergy_j = 1", "must be 0 to"),
        ("[variants.a.use]\ninferences = 0\nenergy_j = 1", "of which there are 0"),
        (TRAINING + "[variants.a.search]", "trainings is missing"),
        (TRAINING + "[variants.a.search]\ntrainings = []", "1 to 10,000 tables"),
        (TRAINING + "[variants.a.search]\ntrainings = [3]", "must be a table"),
        (TRAINING + "[variants.a.search]\ntrainings = 2\nseed = 1", "needs a grid"),
        (TRAINING + "[variants.a.search.grid]", "needs a list of values"),
        (TRAINING + "[variants.a.search.grid]\nepochs = 3", "must be a list"),
        (TRAINING + "[variants.a.search.grid]\nepochs = []", "must be a list"),
        (TRAINING + "[variants.a.search.grid]\nepoch = [1]", "do you mean 'epochs'?"),
        (TRAINING + "[variants.a.search.grid]\nepochs = [0]", "epochs must be 1 to"),
        (
            TRAINING + "[variants.a.search]\nrandom = 3\n"
            "[variants.a.search.grid]\nepochs = [1, 2]",
            "at most the 2 trainings",
        ),
        (
            TRAINING + "[variants.a.search]\ntrainings = 3\n"
            "[variants.a.search.grid]\nepochs = [1, 2]",
            "not both",
        ),
        (
            TRAINING + "[variants.a.search.grid]\n"
            f"epochs = {list(range(1, 201))}\nsamples = {list(range(1, 201))}",
            "the grid has 4e+04 trainings",
        ),
        (
            TRAINING
            + "[variants.a.search]\nrandom = 5\n[variants.a.search.grid]\n"
            + "".join(
                f"{key} = {list(range(1, 501))}\n"
                for key in (
                    *("epochs", "samples", "batch_size", "frozen"),
                    *("sequence_length", "overhead"),
                )
            ),
            "the grid has 1.56e+16 trainings",
        ),
        ("this is no TOML", "is no TOML file"),
        ("a = " + "[" * 3000, "is no TOML file"),
        ("a" + ".a" * 3000 + " = 1", "a line is longer than"),
        ("a" + ".a" * 1500 + " = 1", "nested deeper than"),
        ('{"variants": {}}', "is no TOML file"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(capsys, described, text, said):
    status, out, err = run(capsys, described(text))

    assert (status, out) == (4, "")
    assert said in err
    assert err.startswith("predictor: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no valid JSON"),
        ('{"variants": {"a": {"use": {"inferences": NaN}}}}', "not allowed"),
        ('{"variants": {}, "variants": {}}', "stands twice"),
        ("[" * 100_000, "nested deeper"),
        ("[]", "must be a table"),
    ],
)
def test_what_is_wrong_in_json_is_said_in_one_sentence(capsys, described, text, said):
    status, out, err = run(capsys, described(text, "life.json"))

    assert (status, out) == (4, "")
    assert said in err


def test_a_file_that_is_missing_or_a_folder_is_said(capsys, tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        status, _, err = run(capsys, path)

        assert status == 4
        assert "there is no such file" in err


def test_a_large_file_is_not_read(capsys, described):
    path = described("#" + "\n#" * 200_000)

    status, _, err = run(capsys, path)

    assert status == 4
    assert "larger than" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pue", "0.5"),
        ("--carbon-intensity", "nan"),
        ("--carbon-intensity", "1e308"),
        ("--price", "-1"),
        ("--idle-power", "0"),
        ("--confidence", "2"),
        ("--region", "QQ"),
        ("--format", "xml"),
    ],
)
def test_a_flag_out_of_range_is_wrong_usage(capsys, arguments):
    status, out, err = run(capsys, PAPER, *arguments)

    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_strict_refuses_what_was_never_measured(capsys):
    status, out, err = run(capsys, TRANSFER, "--model", MODEL, "--strict")

    assert (status, out) == (5, "")
    assert "variants.whole.training" in err


STRANGE = (
    *(None, True, 0, -1, 3.5, 0.5, 1e30, 1e308, 5e-324, math.nan, math.inf, 10**400),
    *("", "base", "x" * 500, "\x1b[31m", str(LENET), [], [1], [None], {}, {"a": 1}),
    *([{}], {"epochs": [1, 2]}, {"batch_size": [1, 2], "samples": [1]}, "float16"),
)


def places_in(value):
    inside = value.items() if isinstance(value, dict) else ()
    for key, one in inside:
        yield value, key
        yield from places_in(one)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_description_is_answered_or_refused_but_never_fails(seed):
    drawn = random.Random(seed)
    whole = tomllib.loads(PAPER.read_text())
    training = {"network": str(LENET), "samples": 100, "epochs": 1}
    whole["variants"]["iowa"]["training"] = training
    shown, refused = [], []
    for _ in range(150):
        damaged = copy.deepcopy(whole)
        found = list(places_in(damaged))
        table, key = drawn.choice(found)
        other = drawn.choice([key for _, key in found])
        table[drawn.choice([key, other])] = copy.deepcopy(drawn.choice(STRANGE))
        try:
            assessment = assess_lifecycle(damaged, model=MODEL)
        except PredictorError as error:
            refused.append(str(error))
        else:
            shown += [render_lifecycle(assessment, form) for form in FORMS]
    assert shown
    assert refused
    assert not any("\n" in sentence for sentence in refused)
    assert not any("\x1b" in text for text in (*shown, *refused))
