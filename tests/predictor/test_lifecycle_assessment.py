"""Relations that hold whatever a life cycle consists of."""

import json
import math
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import predictor
from predictor import Workload, assess_lifecycle
from predictor.counting import count_network
from predictor.errors import InputFileError
from predictor.freezing import frozen_description
from predictor.intervals import Quantity
from predictor.lifecycle.comparing import pay_off
from predictor.lifecycle.energies import exactly, share_of
from predictor.readers import read_network
from tests.predictor import device

ROOT = Path(__file__).parents[2]
NETWORKS = ROOT / "data" / "networks"
LENET, RESNET = NETWORKS / "lenet5.json", NETWORKS / "resnet50.json"
MODEL = ROOT / "models" / "epyc-2core-jax"

energies = st.floats(1e-3, 1e6)


def assessed(*variants, **options):
    named = {f"v{place}": one for place, one in enumerate(variants)}
    return assess_lifecycle({"variants": named}, model=MODEL, **options)


def lenet(**keys):
    return {"network": str(LENET), "samples": 1000, "epochs": 3, **keys}


def formula(inference_j=1.0, **keys):
    base = {"samples": 100, "epochs": 2, "overhead": 4.0}
    return {"inference_energy_j": inference_j, **base, **keys}


def test_a_predicted_training_and_use_are_what_estimate_says():
    training = lenet(batch_size=64, optimizer="adam")
    use = {"inferences": 5000, "batch_size": 8}

    (found,) = assessed({"training": training, "use": use}).variants

    trained = predictor.estimate(
        LENET,
        workload=Workload(samples=1000, epochs=3, batch_size=64, optimizer="adam"),
        model=MODEL,
    )
    used = predictor.estimate(
        LENET,
        workload=Workload(mode="inference", samples=5000, batch_size=8),
        model=MODEL,
    )
    for name, one in (("training", trained), ("use", used)):
        phase = found.phases[name].sum
        for end in ("estimate", "lower", "upper"):
            assert getattr(phase.energy_j, end) == pytest.approx(
                getattr(one.energy_j, end)
            )
        assert phase.duration_s.estimate == pytest.approx(one.duration_s.estimate)
    steady_j = used.energy_j.estimate - used.cold_energy_j.estimate
    assert found.inference_energy_j.estimate == pytest.approx(steady_j / 5000)


def test_a_search_of_equal_trainings_is_so_many_times_one():
    (found,) = assessed({"training": lenet(), "search": {"trainings": 7}}).variants

    once = found.phases["training"].sum.energy_j
    assert found.phases["search"].sum.energy_j.upper == pytest.approx(7 * once.upper)


def test_a_grid_is_every_combination_and_inherits_the_rest():
    axes = {"epochs": [1, 2, 5], "samples": [100, 1000], "batch_size": [16, 32]}
    listed = [
        dict(zip(axes, values, strict=True)) for values in product(*axes.values())
    ]

    grid, trainings = assessed(
        {"training": lenet(), "search": {"grid": axes}},
        {"training": lenet(), "search": {"trainings": listed}},
    ).variants

    assert grid.variant.search.number == 12
    assert grid.phases["search"].sum.energy_j == trainings.phases["search"].sum.energy_j


def test_a_random_search_draws_from_the_grid_and_again_with_the_same_seed():
    axes = {"epochs": list(range(1, 31)), "samples": [100, 200]}

    def drawn(**search):
        variant = {"training": formula(), "search": {"grid": axes, **search}}
        (found,) = assessed(variant).variants
        return [phase.energy_j for phase, _ in found.variant.search.trainings]

    whole, some = drawn(), drawn(random=20, seed=3)
    assert len(some) == 20
    assert some == drawn(random=20, seed=3)
    assert some != drawn(random=20, seed=4)
    assert sorted(drawn(random=60)) == sorted(whole)
    assert all(some.count(one) <= whole.count(one) for one in some)


@given(
    inference_j=energies,
    overhead=st.floats(0, 100),
    epochs=st.integers(1, 100),
    inferences=st.integers(0, 10**9),
)
@settings(max_examples=30, deadline=None)
def test_given_energies_follow_the_formulas_exactly(
    inference_j, overhead, epochs, inferences
):
    training = formula(inference_j, overhead=overhead, epochs=epochs)

    (found,) = assessed(
        {
            "training": training,
            "search": {"trainings": 3},
            "use": {"inferences": inferences},
        }
    ).variants

    training_j = inference_j * 100 * epochs * (1 + overhead)
    by_hand = 4 * training_j + inferences * inference_j
    assert found.energy_j.estimate == pytest.approx(by_hand)
    assert found.energy_j.lower == found.energy_j.upper == found.energy_j.estimate
    assert found.whole.basis == "given"
    assert found.break_even_inferences.estimate == pytest.approx(
        4 * training_j / inference_j
    )


def test_at_the_break_even_use_takes_as_much_as_search_and_training():
    variant = {"training": lenet(), "search": {"trainings": 4}}
    (first,) = assessed({**variant, "use": {"inferences": 1}}).variants
    number = round(first.break_even_inferences.estimate)

    (found,) = assessed({**variant, "use": {"inferences": number}}).variants

    assert found.phases["use"].share.estimate == pytest.approx(0.5, rel=1e-3)


def test_the_overhead_is_training_over_inference_on_the_same_samples():
    (found,) = assessed({"training": lenet(samples=10**9)}).variants

    def steady_j(mode):
        job = Workload(mode=mode, samples=10**9, epochs=3)
        one = predictor.estimate(LENET, workload=job, model=MODEL)
        return one.energy_j.estimate - one.cold_energy_j.estimate

    by_hand = steady_j("training") / steady_j("inference") - 1
    assert found.overhead.estimate == pytest.approx(by_hand)
    assert found.overhead.lower < by_hand < found.overhead.upper


def test_freezing_more_never_takes_more():
    counts = [
        assessed({"training": {**lenet(), "frozen": share}}).variants[0]
        for share in (0.0, 0.5, 1.0)
    ]

    energy_j = [one.energy_j.estimate for one in counts]
    assert energy_j == sorted(energy_j, reverse=True)
    assert energy_j[0] > energy_j[-1]


@pytest.mark.parametrize(
    ("frozen", "trainable"),
    [
        (0, 61_706),
        (8, 0),
        (1.0, 0),
        ("base", 84 * 10 + 10),
        ("dense_1", 84 * 10 + 10),
        ("dense", 84 * 10 + 10 + 120 * 84 + 84),
        (1, 61_706 - 156),
    ],
)
def test_what_is_frozen_is_well_defined(frozen, trainable):
    file = read_network(LENET)
    counts = count_network(file.architecture)

    described = frozen_description(file, counts, frozen)

    left = count_network(read_network(described).architecture)
    assert left.trainable_params == trainable
    assert left.params == counts.params
    assert counts.trainable_params == 61_706  # what was read is not changed


def test_a_nested_base_freezes_as_one_layer_and_names_may_be_missing():
    base = device.mlp(8, 16, 16, name="base_net")
    head = {"class_name": "Dense", "config": {"units": 3}}
    file = read_network(
        {"class_name": "Sequential", "config": {"name": "n", "layers": [base, head]}}
    )

    frozen = frozen_description(file, count_network(file.architecture), "base")

    left = count_network(read_network(frozen).architecture)
    assert left.trainable_params == 16 * 3 + 3


def test_a_layer_that_is_not_there_is_said_with_similar_ones():
    training = lenet(frozen="dens_1")

    with pytest.raises(InputFileError, match=r"training: frozen: .*'dense_1'"):
        assessed({"training": training})


def test_too_many_frozen_layers_are_said():
    with pytest.raises(InputFileError, match="has 8 layers besides inputs"):
        assessed({"training": lenet(frozen=9)})


def test_the_same_life_twice_is_once_exactly():
    variant = {"training": lenet(), "use": {"inferences": 100}}

    (against,) = assessed(variant, variant).comparisons

    assert against.energy_ratio.lower == pytest.approx(1)
    assert against.energy_ratio.upper == pytest.approx(1)
    assert against.pay_off.takes_less == "equal"


def test_a_ratio_of_single_trainings_is_the_one_of_compare():
    other = {**lenet(), "network": str(NETWORKS / "mlp_small.json")}

    (against,) = assessed({"training": lenet()}, {"training": other}).comparisons

    job = Workload(samples=1000, epochs=3)
    estimates = [
        predictor.estimate(path, workload=job, model=MODEL)
        for path in (LENET, other["network"])
    ]
    ratio = predictor.compare(estimates).ratios[1].energy
    assert against.energy_ratio.estimate == pytest.approx(ratio.estimate)
    assert against.energy_ratio.lower == pytest.approx(ratio.lower)
    assert against.energy_ratio.upper == pytest.approx(ratio.upper)


def test_a_ratio_is_never_wider_than_that_of_the_ends():
    use = {"inferences": 10_000}
    found = assessed(
        {"training": lenet(), "use": use, "search": {"trainings": 2}},
        {
            "training": lenet(frozen="base"),
            "use": use,
            "search": {"energy_j": 50.0},
        },
    )

    first, second = (one.energy_j for one in found.variants)
    (against,) = found.comparisons
    assert against.energy_ratio.lower >= second.lower / first.upper * (1 - 1e-9)
    assert against.energy_ratio.upper <= second.upper / first.lower * (1 + 1e-9)
    assert against.energy_ratio.lower < against.energy_ratio.estimate
    assert against.energy_ratio.upper > against.energy_ratio.estimate


@given(energies, energies, energies, energies)
def test_at_the_number_where_one_pays_off_both_take_the_same(
    once, each, once_2, each_2
):
    paid = pay_off(
        exactly(once),
        exactly(each),
        against_invested_j=exactly(once_2),
        against_inference_j=exactly(each_2),
    )

    if paid.inferences is None:
        less = {"always": True, "never": False}.get(paid.takes_less)
        for number in (0, 10, 10**9):
            mine, theirs = once + number * each, once_2 + number * each_2
            assert less is None or (mine <= theirs) is less or mine == theirs
    else:
        mine = once + paid.inferences * each
        assert mine == pytest.approx(once_2 + paid.inferences * each_2, rel=1e-6)
        assert paid.lower == pytest.approx(paid.upper)


def test_where_saving_is_not_sure_the_end_is_open():
    paid = pay_off(
        exactly(100.0),
        Quantity(estimate=1.0, lower=0.5, upper=4.0),
        against_invested_j=exactly(0.0),
        against_inference_j=exactly(3.0),
    )

    assert (paid.takes_less, paid.inferences) == ("from", 50.0)
    assert paid.lower == pytest.approx(40.0)
    assert paid.upper is None


@given(energies, energies)
def test_shares_add_up_to_one(one, other):
    share, rest = (
        share_of(exactly(one), exactly(other)),
        share_of(exactly(other), exactly(one)),
    )

    assert share.estimate + rest.estimate == pytest.approx(1)


def test_the_static_share_is_idle_power_times_time_over_energy():
    phases = {
        "training": {"energy_j": 1000.0, "duration_s": 30.0},
        "use": {"inferences": 10, "energy_j": 500.0, "duration_s": 20.0},
    }

    (found,) = assessed(phases, idle_power_w=12.0).variants

    assert found.phases["training"].static_share.estimate == pytest.approx(0.36)
    assert found.static_share.estimate == pytest.approx(12 * 50 / 1500)


def test_an_unknown_static_share_is_said_and_is_not_zero():
    no_time = assessed({"training": {"energy_j": 10.0}}, idle_power_w=1.0)
    no_power = assessed({"training": {"energy_j": 10.0, "duration_s": 5.0}})
    too_much = assessed(
        {"training": {"energy_j": 10.0, "duration_s": 5.0}}, idle_power_w=3.0
    )

    for found in (no_time, no_power, too_much):
        assert found.variants[0].static_share is None
        said = {one.code for one in (*found.warnings, *found.assumptions)}
        assert "static_unknown" in said


def test_a_predicted_static_share_lies_in_an_interval():
    (found,) = assessed({"training": lenet()}, idle_power_w=10.0).variants

    share = found.static_share
    assert 0 < share.lower < share.estimate < share.upper <= 1


def test_what_is_outside_the_fitted_range_is_said_once_for_each_phase():
    search = {"grid": {"batch_size": [2**14, 2**15, 2**16], "epochs": [1, 2]}}
    variant = {"training": lenet(), "search": search}

    found = assessed(variant, variant)

    said = [one.message for one in found.warnings if one.code == "out_of_range"]
    assert len(said) == 2
    for place, message in enumerate(said):
        assert message.startswith(f"variants.v{place}.search: 3 kinds of steps")


def test_relative_paths_start_at_the_description(tmp_path, monkeypatch):
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "net.json").write_text(LENET.read_text())
    described = {"variants": {"a": {"training": lenet(network="net.json")}}}
    path = folder / "life.json"
    path.write_text(json.dumps(described))
    monkeypatch.chdir(tmp_path)

    found = assess_lifecycle(path, model=MODEL)

    assert found.variants[0].energy_j.estimate > 0


def test_a_network_may_stand_in_the_description_itself():
    network = json.loads(LENET.read_text())

    inline, by_path = assessed(
        {"training": lenet(network=network)}, {"training": lenet()}
    ).variants

    assert inline.energy_j == by_path.energy_j


def test_a_description_that_contains_itself_is_refused():
    described = {"variants": {}}
    described["variants"]["a"] = described

    with pytest.raises(InputFileError, match="nested deeper"):
        assess_lifecycle(described)


def test_no_use_and_no_inferences_take_nothing():
    (found,) = assessed({"training": formula(), "use": {"inferences": 0}}).variants

    assert found.phases["use"].sum.energy_j.estimate == 0
    assert found.break_even_inferences.estimate == pytest.approx(1000.0)
    assert found.energy_j.estimate == pytest.approx(1000.0)


def test_a_life_that_takes_nothing_has_no_ratio():
    nothing = {"use": {"inferences": 0, "inference_energy_j": 1.0}}

    found = assessed(nothing, {"training": formula()})

    assert found.comparisons[0].energy_ratio is None
    assert math.isfinite(found.variants[1].energy_j.estimate)


def test_the_largest_numbers_stay_finite():
    most = 2**63 - 1
    training = formula(1e30, samples=most, epochs=most, overhead=1e30)

    found = assessed(
        {
            "training": training,
            "search": {"trainings": most},
            "use": {"inferences": most, "inference_energy_j": 1e-30},
        },
        price_per_kwh=1e30,
        carbon_intensity_g_per_kwh=1e30,
    )

    json.dumps(found.to_dict(), allow_nan=False)


def test_every_variant_may_have_a_place_of_its_own():
    variant = {"training": {"energy_j": 3.6e6}}

    here, there = assessed(
        variant, {**variant, "place": {"region": "CAN-QC", "pue": 2.0}}
    ).variants

    assert here.emissions_gco2e(here.energy_j).estimate == pytest.approx(480)
    assert there.emissions_gco2e(there.energy_j).estimate == pytest.approx(62.4)
