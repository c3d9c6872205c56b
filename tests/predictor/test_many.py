"""Many workloads at once get the answers that each would get alone."""

import json

import numpy as np
import pytest

import predictor
from predictor import Workload
from predictor.errors import InputFileError, UsageError
from tests.predictor import device

NETWORKS = [
    device.mlp(64, 128, 64, 10),
    device.cnn(16, 8, 8),
    device.mlp(8, 2_000_000),  # far outside the fitted range
]
TRANSFORMER = {
    "model_type": "gpt2",
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "vocab_size": 100,
    "n_positions": 64,
}
JOBS = [
    Workload(mode=mode, batch_size=batch_size, samples=samples, epochs=epochs, **more)
    for mode in ("training", "inference")
    for batch_size in (1, 7, 32)
    for samples, epochs in ((1, 1), (1000, 3))
    for more in ({}, {"optimizer": "adam"}, {"dtype": "bfloat16"})
]


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_each_answer_is_the_one_it_would_get_alone(model_folder, level):
    options = {
        "model": model_folder,
        "confidence_level": level,
        "pue": 1.3,
        "carbon_intensity_g_per_kwh": 100.0,
    }
    candidates = [(network, job) for job in JOBS for network in NETWORKS]

    found = predictor.estimate_many(candidates, **options)

    assert len(found) == len(candidates)
    names = ("energy_j", "duration_s", "energy_kwh", "emissions_gco2e")
    for place, (network, job) in enumerate(candidates):
        alone = predictor.estimate(network, workload=job, **options)
        for name in names:
            one, many = getattr(alone, name), getattr(found, name)
            for part in ("estimate", "lower", "upper"):
                got = getattr(many, part)[place]
                assert got == pytest.approx(getattr(one, part), rel=1e-9)
        assert found.in_domain[place] == alone.verdict.in_domain
    assert not found.in_domain.all()


def test_the_same_network_read_in_another_way_is_another_network(model_folder):
    def energy_j(length):
        job = Workload(mode="inference")
        found = predictor.estimate_many(
            [(TRANSFORMER, job)], model=model_folder, sequence_length=length
        )
        return found.energy_j.estimate[0]

    assert energy_j(8) < energy_j(64)
    assert energy_j(8) == energy_j(8)


def test_a_path_is_read_once_however_often_it_comes(model_folder, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(NETWORKS[0]))

    found = predictor.estimate_many(
        [(str(path), job) for job in JOBS], model=model_folder
    )

    assert len(found.networks) == 1
    assert set(found.network) == {0}


def test_the_table_has_a_row_for_each_workload(model_folder):
    jobs = [Workload(epochs=epochs) for epochs in (1, 2, 3)]

    frame = predictor.estimate_many(
        ((NETWORKS[0], job) for job in jobs), model=model_folder
    ).to_frame()

    assert list(frame["epochs"]) == [1, 2, 3]
    assert (frame["energy_j_lower"] < frame["energy_j"]).all()
    assert (frame["duration_s"] < frame["duration_s_upper"]).all()


def test_what_limits_the_answers_is_said_once(model_folder):
    found = predictor.estimate_many(
        [(NETWORKS[0], job) for job in JOBS], model=model_folder
    )

    codes = [notice.code for notice in found.warnings]
    assert codes.count("other_dtype") == 1
    assert {"linear", "not_counted", "carbon"} <= {
        one.code for one in found.assumptions
    }


def test_no_candidates_get_no_answers(model_folder):
    found = predictor.estimate_many([], model=model_folder)

    assert len(found) == 0
    assert found.energy_j.upper.shape == (0,)
    assert found.to_frame().empty


@pytest.mark.parametrize(
    ("candidate", "options", "error"),
    [
        (("nowhere.json", Workload()), {}, InputFileError),
        ((NETWORKS[0], Workload()), {"confidence_level": 2.0}, UsageError),
        ((NETWORKS[0], Workload()), {"pue": 0.5}, UsageError),
        ((TRANSFORMER, Workload()), {"decode": True}, UsageError),
    ],
)
def test_wrong_candidates_and_terms_are_refused(
    model_folder, candidate, options, error
):
    with pytest.raises(error):
        predictor.estimate_many([candidate], model=model_folder, **options)


def test_estimates_grow_with_the_batch_as_one_by_one(model_folder):
    sizes = np.arange(1, 200)

    found = predictor.estimate_many(
        [
            (NETWORKS[1], Workload(batch_size=int(size), samples=int(size)))
            for size in sizes
        ],
        model=model_folder,
    )

    alone = [
        predictor.estimate(
            NETWORKS[1],
            workload=Workload(batch_size=int(size), samples=int(size)),
            model=model_folder,
        ).energy_j.estimate
        for size in sizes[::20]
    ]
    assert found.energy_j.estimate[::20] == pytest.approx(alone, rel=1e-9)
