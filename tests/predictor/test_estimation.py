"""Relations that every answer keeps."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import predictor
from predictor.dataset import read_measurements
from predictor.errors import OutOfDomainError, UsageError
from predictor.report.formats import FORMATS, render
from predictor.workload import Workload
from tests.predictor import device

NETWORK = device.mlp(64, 128, 64, 10)


@pytest.fixture(scope="module")
def ask(model_folder):
    def answer(network=NETWORK, *, options=None, **workload):
        return predictor.estimate(
            network,
            workload=Workload(**workload),
            model=model_folder,
            **(options or {}),
        )

    return answer


def steady_j(answer):
    return answer.energy_j.estimate - answer.cold_energy_j.estimate


def test_the_estimate_is_near_the_truth_of_the_device(ask):
    workload = Workload(batch_size=32, samples=32_000)

    answer = ask(batch_size=32, samples=32_000)

    truth = device.step_energy_j(device.count(NETWORK), workload) * 1000
    assert steady_j(answer) == pytest.approx(truth, rel=0.2)


@pytest.mark.parametrize("lever", ["epochs", "samples"])
@settings(max_examples=10, deadline=None)
@given(value=st.integers(1, 10**6), batch_size=st.integers(1, 300))
def test_doubling_the_work_doubles_the_steady_part_exactly(
    ask, lever, value, batch_size
):
    once = ask(**{lever: value, "batch_size": batch_size})
    twice = ask(**{lever: 2 * value, "batch_size": batch_size})

    assert twice.cold_energy_j == once.cold_energy_j
    assert steady_j(twice) == pytest.approx(2 * steady_j(once), rel=1e-12)


def test_inference_is_cheaper_than_training(ask):
    assert steady_j(ask(mode="inference")) < steady_j(ask(mode="training"))


def test_a_frozen_base_is_cheaper_than_a_trainable_one(ask):
    frozen = json.loads(json.dumps(NETWORK))
    for layer in frozen["config"]["layers"][1:-1]:
        layer["config"]["trainable"] = False

    assert steady_j(ask(frozen)) < steady_j(ask(NETWORK))


def test_layer_shares_add_up_to_one(ask):
    for mode in ("training", "inference"):
        shares = [layer.energy_share for layer in ask(mode=mode).layers]

        assert sum(shares) == pytest.approx(1.0)
        assert min(shares) >= 0.0


def test_energy_is_power_times_time(ask):
    answer = ask()

    product = answer.power_w.estimate * answer.duration_s.estimate
    assert product == pytest.approx(answer.energy_j.estimate)


def test_emissions_are_energy_times_intensity_times_pue(ask):
    options = {"carbon_intensity_g_per_kwh": 100.0, "pue": 1.5, "price_per_kwh": 0.2}

    answer = ask(options=options)

    energy_kwh = answer.energy_j.estimate / 3.6e6
    assert answer.emissions_gco2e.estimate == pytest.approx(energy_kwh * 150.0)
    assert answer.cost.estimate == pytest.approx(energy_kwh * 0.3)
    assert answer.energy_j == ask().energy_j


def test_the_interval_holds_the_estimate_and_grows_with_confidence(ask):
    widths = []
    for level in (0.5, 0.8, 0.9, 0.99):
        energy_j = ask(options={"confidence_level": level}).energy_j

        assert energy_j.lower <= energy_j.estimate <= energy_j.upper
        widths.append(energy_j.upper / energy_j.lower)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_outside_the_fitted_range_is_said_widens_and_strict_refuses(ask):
    inside = ask()
    outside = ask(device.mlp(50_000, 40_000, 40_000))

    assert inside.verdict.in_domain
    assert not outside.verdict.in_domain
    assert any(notice.code == "out_of_range" for notice in outside.warnings)
    ratio = outside.energy_j.upper / outside.energy_j.lower
    assert ratio > inside.energy_j.upper / inside.energy_j.lower
    with pytest.raises(OutOfDomainError):
        ask(device.mlp(50_000, 40_000, 40_000), options={"strict": True})


@pytest.mark.parametrize(
    "options",
    [
        {"pue": 0.9},
        {"pue": float("nan")},
        {"confidence_level": 1.0},
        {"price_per_kwh": -1.0},
        {"region": "ATLANTIS"},
        {"carbon_intensity_g_per_kwh": float("inf")},
    ],
)
def test_an_option_out_of_range_is_a_usage_error(ask, options):
    with pytest.raises(UsageError):
        ask(options=options)


def test_the_document_has_the_promised_fields(ask):
    document = ask().to_dict()

    assert list(document) == [
        "schema_version",
        "network",
        "workload",
        "hardware",
        "confidence_level",
        "energy_j",
        "energy_kwh",
        "duration_s",
        "power_w",
        "emissions_gco2e",
        "cold_energy_j",
        "carbon",
        "cost",
        "layers",
        "in_domain",
        "warnings",
        "assumptions",
        "matters_most",
        "model",
    ]
    assert document["energy_j"]["estimate"] == pytest.approx(
        document["energy_kwh"]["estimate"] * 3.6e6
    )


@pytest.mark.parametrize("form", FORMATS)
def test_no_name_of_a_stranger_reaches_the_output_raw(ask, form):
    network = device.mlp(4, 3, name="\x1b[31m<script>|evil|\x07")
    network["config"]["layers"][1]["config"]["name"] = "[bold]\x1b]0;x\x07<b>"

    text = render(ask(network), form)

    assert "\x1b" not in text
    assert "\x07" not in text
    if form == "html":
        assert "<script>" not in text
        assert "<b>" not in text


def test_layers_become_a_frame(ask):
    frame = ask().to_frame()

    assert frame["energy_share"].sum() == pytest.approx(1.0)


def test_a_model_without_times_still_answers(tmp_path):
    from predictor.artefact import save_model
    from predictor.dataset import step_table
    from predictor.fitting import fit_model

    made = [{**item, "duration_s": None} for item in device.rows(8)]
    for item in made:
        del item["cold_duration_s"]
    items = read_measurements([device.write_rows(tmp_path / "runs.jsonl", made)])
    save_model(
        fit_model(items, name="m"), tmp_path / "m", example=step_table(items[:1])
    )

    answer = predictor.estimate(NETWORK, model=tmp_path / "m")

    assert answer.duration_s is None
    assert answer.power_w is None
    assert answer.energy_j.estimate > 0
    for form in FORMATS:
        assert render(answer, form)


def test_the_model_card_is_yaml_whose_emissions_are_the_estimate(ask):
    yaml = pytest.importorskip("yaml")
    answer = ask(samples=32_000_000, options={"region": "DEU"})
    _, header, text = render(answer, "model-card").split("---\n")
    block = yaml.safe_load(header)["co2_eq_emissions"]

    assert block["emissions"] == pytest.approx(answer.emissions_gco2e.estimate, 1e-3)
    assert block["geographical_location"] == "DEU"
    assert "measured energy" in block["source"]
    assert "90% interval" in text
    assert len(text.strip().splitlines()) == 1


def test_what_matters_most_is_settled_thing_by_thing(ask):
    place = {"region": "DEU"}

    # The made-up device is not this machine, and that matters before all.
    assert ask().matters_most.code == "other_hardware"
    here = replace(ask(), warnings=())
    assert here.matters_most.code == "workload"
    assert "defaults" in here.matters_most.message
    asked = replace(ask(samples=5000), warnings=())
    assert asked.matters_most.code == "carbon"
    settled = replace(ask(samples=5000, options=place), warnings=())
    assert settled.matters_most.code == "not_counted"


def test_layers_say_what_their_energy_is_for(ask):
    few = ask(device.mlp(8, 8, 8), batch_size=1)
    many = ask(device.mlp(512, 512, 512), batch_size=256)

    def drivers(answer):
        return {one.driven_by for one in answer.layers if one.energy_share > 0.1}

    assert "launches" in drivers(few) | {None}
    assert drivers(many) & {"macs", "bytes"}
