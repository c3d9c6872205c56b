"""A layer that nobody knows is an error, or a stated approximation."""

import json
import math

import pytest

import predictor
from predictor import Workload
from predictor.cli import main
from predictor.counting import count_network
from predictor.errors import UnsupportedLayerError, UsageError
from predictor.readers import read_network
from tests.predictor.networks import layer, sequential

OWN = {"class_name": "MyLayer", "registered_name": "Custom>MyLayer", "config": {}}
DENSE = layer("Dense", units=32)
KNOWN = sequential((64,), DENSE, DENSE)
UNKNOWN = sequential((64,), DENSE, {**OWN, "config": {"name": "mine"}}, DENSE)


def width(answer):
    return math.log(answer.energy_j.upper / answer.energy_j.lower)


def test_it_is_named_by_default():
    with pytest.raises(
        UnsupportedLayerError, match=r"'mine' .* 'MyLayer'.*approximate"
    ):
        predictor.estimate(UNKNOWN)


def test_approximated_it_reads_and_writes_its_tensors():
    network = read_network(UNKNOWN).architecture

    counts = count_network(network, on_unknown="approximate")

    (mine,) = counts.approximated
    assert mine.name == "mine"
    assert mine.output_shapes == ((32,),)
    assert [(one.macs, one.read, one.written) for one in mine.forward] == [(0, 32, 32)]
    assert counts.params == count_network(read_network(KNOWN).architecture).params


def test_the_answer_says_so_and_is_less_sure(model_folder):
    options = {"model": model_folder, "workload": Workload(samples=100_000)}
    sure = predictor.estimate(KNOWN, **options)

    answer = predictor.estimate(UNKNOWN, on_unknown="approximate", **options)

    assert not answer.verdict.in_domain
    assert any("mine (MyLayer)" in one.message for one in answer.warnings)
    assert answer.energy_j.estimate > sure.energy_j.estimate
    assert width(answer) > 1.5 * width(sure)


def test_many_at_once_say_the_same(model_folder):
    job = Workload(samples=1000)
    options = {"model": model_folder, "on_unknown": "approximate"}
    alone = predictor.estimate(UNKNOWN, workload=job, **options)

    found = predictor.estimate_many([(UNKNOWN, job), (KNOWN, job)], **options)

    assert found.energy_j.upper[0] == pytest.approx(alone.energy_j.upper)
    assert list(found.in_domain) == [False, True]


def test_where_all_is_known_nothing_changes(model_folder):
    exact = predictor.estimate(KNOWN, model=model_folder)

    answer = predictor.estimate(KNOWN, model=model_folder, on_unknown="approximate")

    assert answer.energy_j == exact.energy_j


def test_another_word_is_refused():
    with pytest.raises(UsageError, match="error or approximate, got 'guess'"):
        predictor.estimate(KNOWN, on_unknown="guess")


def test_strict_refuses_it(tmp_path, capsys):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(UNKNOWN))

    statuses = [
        main(["estimate", str(path), *options])
        for options in (
            [],
            ["--on-unknown", "approximate"],
            ["--on-unknown", "approximate", "--strict"],
            ["--on-unknown", "guess"],
        )
    ]

    said = capsys.readouterr()
    assert statuses == [4, 0, 5, 2]
    assert "priced by the" in said.out
    assert "Traceback" not in said.err


def test_inspect_shows_it(tmp_path, capsys):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(UNKNOWN))

    assert main(["inspect", str(path), "--on-unknown", "approximate"]) == 0
    assert "mine" in capsys.readouterr().out
