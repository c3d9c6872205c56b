"""Regressors on a device whose prices are known."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from predictor.dataset import step_table
from predictor.errors import ModelFileError
from predictor.features import QUANTITIES, STEP_COLUMNS, describe_steps
from predictor.fitting import targets_of
from predictor.regressors import (
    BASELINES,
    CANDIDATES,
    REGRESSORS,
    TrainingRows,
    fit_regressors,
)
from predictor.regressors.boosting import export_boosting, gradient_boosting
from predictor.regressors.physical import fit_physical
from predictor.regressors.positive_sum import PositiveSum
from predictor.regressors.trees import Trees, nodes_of
from predictor.regressors.whole_step import fit_whole_step
from predictor.workload import Workload
from tests.predictor import device


@pytest.fixture(scope="module")
def table(measurements):
    return step_table(measurements)


@pytest.fixture(scope="module")
def target(measurements):
    return targets_of(measurements, "energy_j")


@pytest.fixture(scope="module")
def rows(measurements, table, target):
    groups = [item.group for item in measurements]
    return TrainingRows(table=table, target=target, groups=groups)


@pytest.fixture(scope="module")
def regressors(rows):
    return fit_regressors(list(REGRESSORS), rows)


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_stored_regressor_predicts_the_same(name, regressors, table):
    stored = {key: np.array(v) for key, v in regressors[name].to_arrays().items()}

    restored = REGRESSORS[name].from_arrays(stored, regressors)

    assert np.array_equal(restored.predict(table), regressors[name].predict(table))


@pytest.mark.parametrize("name", REGRESSORS)
def test_missing_arrays_are_refused(name):
    with pytest.raises(ModelFileError):
        REGRESSORS[name].from_arrays({}, {})


@pytest.mark.parametrize("name", REGRESSORS)
def test_four_rows_are_enough_to_fit(name, rows):
    few = rows.take(np.arange(4))

    predicted = fit_regressors([name], few)[name].predict(few.table)

    assert np.isfinite(predicted).all()
    assert (predicted > 0).all()


@pytest.mark.parametrize("name", REGRESSORS)
def test_predictions_are_positive_far_outside_the_fit(name, regressors):
    huge = device.count(device.mlp(100_000, 100_000))
    tiny = device.count(device.mlp(1, 1))
    table = describe_steps([(huge, Workload(batch_size=4096)), (tiny, Workload())])

    predicted = regressors[name].predict(table)

    assert np.isfinite(predicted).all()
    assert (predicted > 0).all()


@pytest.mark.parametrize("name", REGRESSORS)
def test_fitting_twice_gives_the_same_bits(name, table, rows, regressors):
    again = fit_regressors([name], rows)[name]

    assert np.array_equal(again.predict(table), regressors[name].predict(table))


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidates_beat_every_baseline_where_they_were_fitted(
    name, regressors, table, target
):
    def error(which):
        return np.abs(np.log(regressors[which].predict(table) / target)).mean()

    assert error(name) < min(error(baseline) for baseline in BASELINES)


def test_physical_extrapolates_to_a_network_a_hundred_times_larger(regressors):
    physical = regressors["physical"]
    network = device.count(device.cnn(64, 256, 256, 256))
    workload = Workload(mode="training", batch_size=128)

    predicted = physical.predict(describe_steps([(network, workload)]))[0]

    assert predicted == pytest.approx(device.step_energy_j(network, workload), rel=0.5)


def test_physical_prices_what_it_never_saw(regressors):
    pooled = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_shape": [None, 64, 64, 8]},
                },
                {"class_name": "MaxPooling2D", "config": {}},
            ]
        },
    }
    step = describe_steps([(device.count(pooled), Workload(mode="inference"))])

    cost = regressors["physical"].costs(step).operations

    assert (cost > 0).all()


@pytest.mark.parametrize("name", ["physical", "hybrid"])
def test_a_device_three_times_dearer_is_learned_from_few_rows_of_it(name, rows, table):
    base = fit_regressors(["physical", "hybrid"], rows)
    few = np.arange(0, len(rows.groups), 6)
    dearer = replace(rows, target=3.0 * base[name].predict(table))

    moved = fit_regressors([name], replace(dearer.take(few), base=base))[name]
    alone = fit_regressors([name], dearer.take(few))[name]

    def error(regressor):
        return np.abs(np.log(regressor.predict(table) / dearer.target)).mean()

    assert error(moved) < 0.1
    assert error(moved) < 0.5 * error(alone)


def test_what_few_rows_do_not_tell_costs_as_on_the_device_they_start_from(rows, table):
    there = fit_physical(table, rows.target)
    inference = np.flatnonzero(table.step_column("training") == 0)
    here = fit_physical(
        table.take(inference),
        5.0 * rows.target[inference],
        base=there,
    )
    training = np.flatnonzero(table.step_column("training") == 1)

    ratio = here.predict(table.take(training)) / there.predict(table.take(training))

    assert ratio == pytest.approx(5.0, rel=0.25)


def test_operations_and_overhead_add_up_to_the_prediction(regressors, table):
    for name in ("physical", "hybrid", "whole_step"):
        regressor = regressors[name]
        total = regressor.costs(table).total(table)

        assert regressor.predict(table) == pytest.approx(total, rel=1e-12)


def test_what_a_backend_saves_across_layers_is_learned_by_the_whole_step(
    regressors, rows, table
):
    hybrid = regressors["hybrid"]
    crowded = table.step_column("log_launches") > np.median(
        table.step_column("log_launches")
    )
    fused = hybrid.predict(table) * np.where(crowded, 0.7, 1.0)

    whole = fit_whole_step(table, fused, hybrid)

    def error(regressor):
        return np.abs(np.log(regressor.predict(table) / fused)).mean()

    assert error(whole) < 0.3 * error(hybrid)


def test_a_correction_of_the_whole_step_fades_outside_the_fitted_range(
    regressors, rows, table
):
    hybrid = regressors["hybrid"]
    whole = fit_whole_step(table, 2.0 * rows.target, hybrid)
    moved = np.array([50.0 * (name == "log_batch_size") for name in STEP_COLUMNS])
    far = replace(table, steps=table.steps + moved)

    def correction(at):
        return np.abs(np.log(whole.predict(at) / hybrid.predict(at)))

    assert np.median(correction(table)) > 0.5
    assert correction(far).max() < 1e-6


def test_boosted_trees_equal_scikit_learn(table, target):
    original = gradient_boosting(0).fit(table.steps, np.log(target))

    exported = export_boosting(original)

    expected = original.predict(table.steps)
    assert np.log(exported.predict(table)) == pytest.approx(expected, abs=1e-9)


@parametrize_with_checks([PositiveSum()])
def test_our_estimator_keeps_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


def test_a_positive_sum_refuses_negative_amounts_and_costs():
    with pytest.raises(ValueError, match="Negative"):
        PositiveSum().fit([[1.0], [-1.0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="positive"):
        PositiveSum().fit([[1.0], [2.0]], [1.0, 0.0])


def test_a_price_that_no_row_tells_is_the_one_the_others_share():
    amounts = np.array([[1.0, 2.0, 0.0], [3.0, 1.0, 0.0], [2.0, 2.0, 0.0]])

    prices = PositiveSum().fit(amounts, amounts @ [4.0, 4.0, 9.0]).prices_

    assert prices == pytest.approx(4.0, rel=0.01)


@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_the_rows_tell_how_strong_the_prior_should_be(spread):
    random = np.random.default_rng(0)
    amounts = random.exponential(size=(200, 8))
    prices = np.exp(random.standard_normal(8))
    costs = amounts @ prices * np.exp(spread * random.standard_normal(200))

    def evidence(assumed):
        return PositiveSum(residual_spread=assumed).fit(amounts, costs).log_evidence_

    assert max([0.005, 0.02, 0.2, 0.4], key=evidence) == spread


@pytest.mark.parametrize("step", [-0.01, 0.01])
def test_no_price_near_the_fitted_ones_suits_the_rows_better(step):
    random = np.random.default_rng(1)
    amounts = random.exponential(size=(30, 5))
    costs = amounts.sum(axis=1) * np.exp(0.3 * random.standard_normal(30))
    basis = np.column_stack([np.eye(5), np.ones(5)])
    fitted = PositiveSum(basis=basis, residual_spread=0.1).fit(amounts, costs)

    def loss(latents):
        residual = abs(np.log(amounts @ np.exp(basis @ latents) / costs))
        huber = np.where(residual < 0.5, residual**2 / 2, 0.5 * (residual - 0.25))
        return huber.sum() / 0.1**2 + (latents[:-1] ** 2).sum() / 2

    best = loss(fitted.latents_)

    assert all(best < loss(fitted.latents_ + step * other) for other in np.eye(6))


@pytest.mark.parametrize(
    "damage",
    [
        {"left": np.array([0, -1, -1])},
        {"left": np.array([9, -1, -1])},
        {"feature": np.array([7, -1, -1])},
        {"value": np.array([0.0, np.nan, 0.0])},
        {"threshold": np.array([0.0])},
        {"roots": np.array([5])},
        {"roots": np.array([0, 1])},
        {"right": np.array([1, -1, -1])},
        {"threshold": np.array([np.nan, 0.0, 0.0])},
    ],
)
def test_damaged_trees_are_refused(damage):
    stump = {
        "roots": np.array([0]),
        "feature": np.array([0, -1, -1]),
        "threshold": np.zeros(3),
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "value": np.array([0.0, -1.0, 1.0]),
    }
    assert Trees.from_arrays(stump, n_features=1).predict(np.zeros((1, 1))) == [-1.0]

    with pytest.raises(ModelFileError):
        Trees.from_arrays({**stump, **damage}, n_features=1)


def test_a_tree_larger_than_any_that_is_grown_is_refused():
    # Every second node is a leaf on its parent's left, the next one all the rest.
    feature = np.where(np.arange(129) % 2, -1, 0)
    feature[-1] = -1
    tree = {
        "roots": np.array([0]),
        "feature": feature,
        "threshold": np.zeros(129),
        "left": np.where(feature == 0, np.arange(129) + 1, -1),
        "right": np.where(feature == 0, np.arange(129) + 2, -1),
        "value": np.zeros(129),
    }

    with pytest.raises(ModelFileError):
        Trees.from_arrays(tree, n_features=1)
    with pytest.raises(ValueError, match="65 leaves"):
        Trees(**tree).predict(np.zeros((1, 1)))


@pytest.mark.parametrize("leaves", [2, 3, 16, 17, 33, 64])
def test_trees_answer_as_those_that_were_grown(leaves):
    random = np.random.default_rng(leaves)
    seen, values = random.standard_normal((300, 5)), random.standard_normal(300)
    grown = [
        DecisionTreeRegressor(max_leaf_nodes=leaves, max_features=2, random_state=seed)
        .fit(seen, values)
        for seed in range(7)
    ]  # fmt: skip
    trees = Trees.from_nodes(
        [nodes_of(one.tree_, one.tree_.value[:, 0, 0]) for one in grown]
    )
    asked = np.concatenate([seen, 3.0 * random.standard_normal((300, 5))])

    expected = np.sum([one.predict(asked) for one in grown], axis=0)

    assert trees.predict(asked) == pytest.approx(expected)


def test_windows_that_were_never_seen_cost_nothing():
    networks = [device.mlp(8, *widths) for widths in ((16,), (32, 8), (64, 64), (9,))]
    job = Workload(mode="inference", batch_size=4)
    dense = describe_steps([(device.count(network), job) for network in networks])
    target = np.array(
        [device.step_energy_j(device.count(network), job) for network in networks]
    )
    rows = TrainingRows(table=dense, target=target, groups=["a", "b", "c", "d"])
    physical = fit_regressors(["physical"], rows)["physical"]
    convolution = describe_steps([(device.count(device.cnn(8, 8, 8)), job)])
    truth = device.step_energy_j(device.count(device.cnn(8, 8, 8)), job)

    assert (physical.prices[:, :, QUANTITIES.index("window_bytes")] == 0).all()
    assert truth / 10 < physical.predict(convolution)[0] < truth * 10


def test_the_start_of_a_step_in_a_mode_that_was_never_seen_costs_nothing():
    job = Workload(mode="inference", batch_size=4)
    network = device.count(device.mlp(8, 16))
    rows = TrainingRows(
        table=describe_steps([(network, job)]), target=np.array([0.01]), groups=["a"]
    )
    physical = fit_regressors(["physical"], rows)["physical"]

    assert physical.overheads[0] > 0
    assert physical.overheads[1] == 0
