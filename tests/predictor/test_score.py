"""Judging forecasts by what runs took."""

import csv
import json
import math
import random
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import predictor
from predictor import Workload
from predictor.cli import main
from predictor.dataset import row_checksum
from predictor.forecasting.recording import append_line
from predictor.intervals import Quantity
from predictor.scoring import judge_runs, read_records
from predictor.scoring.runs import Forecasted, Run

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORK = Workload(samples=64, batch_size=16, epochs=3)
SCHEMA = json.loads((files("predictor") / "schemas" / "score.json").read_text())


def run_of(ratio, *, network="a", day=0.0, source="wall", known=True, **fields):
    forecast = Forecasted(
        network=network,
        network_sha256=network,
        model="made-up",
        digest="0" * 64,
        energy_source="measured",
        confidence_level=0.9,
        energy_j=Quantity(estimate=100.0, lower=50.0, upper=200.0),
        duration_s=Quantity(estimate=10.0, lower=5.0, upper=20.0),
    )
    given = {
        "forecast": forecast,
        "hardware": "made-up device",
        "backend": "jax",
        "energy_j": 100.0 * ratio if known else None,
        "source": source if known else None,
        "duration_s": 10.0 * ratio,
        "started_at": START + timedelta(days=day),
    }
    return Run(**(given | fields))


def energy_score(runs):
    (score,) = [one for one in judge_runs(runs) if one.target == "energy_j"]
    return score


def record_of(run, **fields):
    """Write a run as `predictor.forecast` does."""
    forecast = run.forecast
    row = {
        "schema": "measurement/1",
        "energy_j": run.energy_j,
        "duration_s": run.duration_s,
        "source": run.source,
        "hardware": run.hardware,
        "backend": run.backend,
        "started_at": run.started_at.isoformat(),
        "forecast": {
            "network": forecast.network,
            "network_sha256": forecast.network_sha256,
            "confidence_level": forecast.confidence_level,
            "energy_j": forecast.energy_j.to_dict(),
            "duration_s": forecast.duration_s.to_dict(),
            "energy_source": forecast.energy_source,
            "model": {"name": forecast.model, "digest": forecast.digest},
            "is_comparable": True,
        },
        **fields,
    }
    return row | {"checksum": row_checksum(row)}


@pytest.fixture
def records(tmp_path):
    def write(*runs):
        path = tmp_path / "forecasts.jsonl"
        for run in runs:
            append_line(path, run if isinstance(run, dict) else record_of(run))
        return path

    return write


@pytest.fixture
def emissions(tmp_path):
    """Write rows as CodeCarbon does."""

    def write(*rows):
        path = tmp_path / "emissions.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


def tracked(
    *, started_at=START, duration_s=10.0, energy_j=100.0, project="codecarbon", **given
):
    ended_at = (started_at + timedelta(seconds=duration_s)).astimezone()
    return {
        "timestamp": ended_at.replace(tzinfo=None).isoformat(timespec="seconds"),
        "project_name": project,
        "run_id": f"{project}-{started_at.isoformat()}",
        "duration": duration_s,
        "energy_consumed": energy_j / 3.6e6,
        "cpu_model": "AMD EPYC",
        "gpu_model": "",
        "pue": 1.0,
        **given,
    }


@pytest.fixture
def score(capsys):
    def answer(*arguments):
        status = main(["score", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return answer


@pytest.fixture
def document(score):
    def answer(*arguments):
        status, out, err = score(*arguments, "--format", "json")
        assert (status, err) == (0, "")
        found = json.loads(out)
        Draft202012Validator(SCHEMA).validate(found)
        return found

    return answer


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_a_real_training_is_recorded_and_judged(
    keras, document, score, tmp_path, model_folder
):
    import numpy as np

    path, energies = tmp_path / "forecasts.jsonl", iter(range(1, 10_000))
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    callback = predictor.callbacks.KerasForecast(
        WORK,
        model=model_folder,
        record=path,
        energy_counter_j=lambda: float(next(energies)),
        energy_source="wall",
    )
    data = np.ones((64, 8), "float32")
    model.fit(
        *(data, data[:, :2]), batch_size=16, epochs=3, verbose=0, callbacks=[callback]
    )

    energy, time = document(path)["results"]
    row = json.loads(path.read_text())
    for result, target in ((energy, "energy_j"), (time, "duration_s")):
        forecast = row["forecast"][target]["estimate"]
        assert result["target"] == target
        assert result["bias"]["ratio"] == pytest.approx(row[target] / forecast)
        assert result["mape"] == pytest.approx(abs(forecast / row[target] - 1))
    assert energy["energy_kind"] == "measured"
    assert "made-up" in score(path)[1]


def test_errors_coverage_and_bias_are_those_of_the_runs():
    runs = [run_of(ratio, network=str(ratio)) for ratio in (0.5, 1.0, 2.0, 4.0)]

    score = energy_score(runs)

    assert (score.n, score.networks) == (4, 4)
    assert score.mape == pytest.approx((1 + 0 + 0.5 + 0.75) / 4)
    assert score.worst_ape == pytest.approx(1.0)
    assert score.within_20 == pytest.approx(1 / 4)
    assert score.coverage.share == pytest.approx(3 / 4)
    assert score.coverage.lower == pytest.approx(0.194, abs=1e-3)  # of 3 in 4
    assert score.coverage.upper == pytest.approx(0.994, abs=1e-3)
    assert score.bias.ratio == pytest.approx(2**0.5)
    assert score.bias.lower < 1 < score.bias.upper
    assert score.bias.verdict == "within chance"


def test_a_bias_beyond_chance_is_named_with_its_factor(records, score):
    draw = random.Random(0)
    runs = [
        run_of(1.5 * math.exp(draw.gauss(0, 0.05)), network=str(n)) for n in range(8)
    ]

    bias = energy_score(runs).bias
    out = " ".join(score(records(*runs))[1].split())

    assert bias.verdict == "beyond chance"
    assert bias.ratio == pytest.approx(1.5, rel=0.05)
    assert f"multiply forecasts by {bias.ratio:.3g}," in out


def test_the_interval_of_the_bias_holds_the_truth_as_often_as_it_says():
    draw = random.Random(1)
    held = 0
    for _ in range(300):
        runs = [
            run_of(math.exp(draw.gauss(0.2, 0.3)), network=str(n)) for n in range(6)
        ]
        bias = energy_score(runs).bias
        held += bias.lower <= math.exp(0.2) <= bias.upper

    assert 0.91 * 300 <= held <= 0.99 * 300


def test_repeats_of_a_network_are_no_further_evidence_of_others():
    once = [run_of(ratio, network=str(ratio)) for ratio in (1.2, 1.4, 1.6)]
    often = [run for run in once for _ in range(10)]

    few, many = energy_score(once), energy_score(often)

    assert (many.n, many.networks) == (30, 3)
    assert many.bias.lower == pytest.approx(few.bias.lower)
    assert many.bias.upper == pytest.approx(few.bias.upper)
    assert many.coverage == few.coverage


def test_of_one_network_it_is_said_that_it_is_one(records, score):
    runs = [run_of(1.5 + 0.01 * n, day=0.0) for n in range(4)]

    assert energy_score(runs).bias.of == "runs of one network"
    assert "which says nothing of others" in " ".join(score(records(*runs))[1].split())


def test_two_runs_are_too_few_to_tell():
    score = energy_score([run_of(1.5, network="a"), run_of(1.6, network="b", day=1)])

    assert score.bias.verdict == "too few to tell"
    assert score.coverage.verdict == "too few to tell"
    assert score.drift.verdict == "too few to tell"


def test_a_machine_that_drifts_is_told_from_one_that_does_not():
    draw = random.Random(2)
    noise = [math.exp(draw.gauss(0, 0.02)) for _ in range(12)]
    steady = [run_of(one, day=n) for n, one in enumerate(noise)]
    drifting = [run_of(one * 1.05**n, day=n) for n, one in enumerate(noise)]

    assert energy_score(steady).drift.verdict == "no trend seen"
    found = energy_score(drifting).drift
    assert found.verdict == "a trend"
    assert found.change == pytest.approx(1.05**11, rel=0.1)
    assert found.span_days == pytest.approx(11)


def test_other_networks_later_on_are_no_drift_of_the_machine():
    draw = random.Random(3)
    ratios = [1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 3.0, 3.0]

    def runs(days):
        return [
            run_of(ratio * math.exp(draw.gauss(0, 0.01)), network=str(ratio), day=day)
            for ratio, day in zip(ratios, days, strict=True)
        ]

    drift = energy_score(runs(range(8))).drift
    assert (drift.of, drift.verdict) == ("the same networks", "no trend seen")
    alone = [run_of(1.1**n, network=str(n), day=n) for n in range(8)]
    assert energy_score(alone).drift.of == "different networks"
    assert energy_score(alone).drift.change == pytest.approx(1.1**7)


def test_many_runs_are_judged_in_bounded_time():
    runs = [run_of(1 + 0.001 * (n % 7), network=str(n % 3), day=n) for n in range(5000)]

    score = energy_score(runs)

    assert score.n == 5000
    assert score.drift.n == 2000


def test_intervals_that_hold_too_seldom_are_called_too_narrow():
    runs = [run_of(5.0, network=str(n)) for n in range(5)]

    assert energy_score(runs).coverage.verdict == "too narrow"


def test_what_was_measured_and_what_was_modelled_are_judged_apart(document, records):
    path = records(
        run_of(1.0), run_of(2.0, source="modelled"), run_of(3.0, known=False)
    )

    results = document(path)["results"]

    kinds = [one["energy_kind"] for one in results if one["target"] == "energy_j"]
    times = [one["n"] for one in results if one["target"] == "duration_s"]
    assert sorted(kinds) == ["measured", "modelled"]
    assert times == [3]


def test_hardware_and_models_are_judged_apart(document, records):
    other = record_of(run_of(1.0))
    other["forecast"]["model"]["digest"] = "1" * 64
    del other["checksum"]
    path = records(run_of(1.0), run_of(1.0, hardware="another"), other)

    assert len(document(path)["results"]) == 3 * 2


def test_a_row_of_codecarbon_gives_its_energy_to_the_run_it_fell_in(
    document, records, emissions
):
    path = records(
        run_of(1.0, known=False), run_of(1.0, known=False, network="b", day=1)
    )
    table = emissions(
        tracked(
            started_at=START + timedelta(days=1, seconds=-0.4),
            energy_j=300.0,
            duration_s=10.5,
            pue=1.5,
        ),
        tracked(started_at=START + timedelta(days=2)),
        tracked(started_at=START, duration_s=1000.0, run_id="another"),
    )

    found = document(path, table)

    energy = found["results"][0]
    assert (energy["target"], energy["n"]) == ("energy_j", 1)
    assert energy["energy_kind"] == "modelled"
    assert energy["bias"]["ratio"] == pytest.approx(2.0)  # 300 J less PUE, of 100 J
    assert found["left_out"] == [
        {"reason": "tracked run without a forecast", "count": 2}
    ]


def test_a_row_of_codecarbon_bears_the_name_of_a_run(document, records, emissions):
    path = records(run_of(1.0, known=False, network="resnet"))
    elsewhere = START + timedelta(hours=5)  # by a clock of another time zone

    found = document(
        path,
        emissions(tracked(started_at=elsewhere, project="resnet", duration_s=10.2)),
    )

    assert [one["target"] for one in found["results"]] == ["energy_j", "duration_s"]


def test_a_record_keeps_its_own_energy(document, records, emissions):
    found = document(records(run_of(1.0)), emissions(tracked(energy_j=900.0)))

    assert found["results"][0]["bias"]["ratio"] == pytest.approx(1.0)
    assert found["left_out"][0]["count"] == 1


@pytest.fixture
def estimate_file(network_file, model_folder, tmp_path, capsys):
    path = tmp_path / "estimate.json"
    command = ["estimate", network_file, "--model", model_folder]
    assert main([*map(str, command), "--format", "json", "-o", str(path)]) == 0
    return path


@pytest.mark.parametrize("project", ["mlp", "codecarbon"])
def test_an_estimate_and_codecarbon_are_enough(
    project, document, estimate_file, emissions
):
    estimate = json.loads(estimate_file.read_text())
    rows = [
        tracked(
            project=project,
            started_at=START + timedelta(days=day),
            energy_j=2 * estimate["energy_j"]["estimate"],
            duration_s=3 * estimate["duration_s"]["estimate"],
        )
        for day in range(2)
    ]

    found = document(emissions(*rows), "--estimate", estimate_file, "--meter", "rapl")

    energy, time = found["results"]
    assert estimate["network"]["name"] == "mlp"
    assert energy["bias"]["ratio"] == pytest.approx(2.0, rel=1e-3)
    assert time["bias"]["ratio"] == pytest.approx(3.0, rel=1e-3)
    assert (energy["source"], energy["energy_kind"]) == ("rapl", "measured")
    assert (energy["n"], energy["networks"]) == (2, 1)


def test_of_several_rows_of_one_run_the_last_counts(document, estimate_file, emissions):
    rows = [
        tracked(project="mlp", duration_s=length, run_id="one") for length in (5.0, 9.0)
    ]

    found = document(emissions(*rows), "--estimate", estimate_file)

    assert found["runs"] == 1


def test_what_a_real_tracker_writes_is_read(document, estimate_file, tmp_path, capsys):
    pytest.importorskip("codecarbon")
    from codecarbon.output_methods.emissions_data import EmissionsData
    from codecarbon.output_methods.file import FileOutput

    texts = dict.fromkeys(EmissionsData.__dataclass_fields__, "")
    numbers = {"duration": 2.0, "energy_consumed": 1e-5, "pue": 1}
    given = {"timestamp": "2026-01-01T12:00:00", "project_name": "mlp", "run_id": "1"}
    data = EmissionsData(**(texts | given | numbers))
    FileOutput("emissions.csv", str(tmp_path)).out(data, data)
    capsys.readouterr()

    found = document(tmp_path / "emissions.csv", "--estimate", estimate_file)

    assert found["runs"] == 1


def test_a_line_that_was_cut_off_is_counted_and_left_out(document, records):
    path = records(run_of(1.0), run_of(1.1))
    path.write_bytes(path.read_bytes()[:-30])

    found = document(path)

    assert found["runs"] == 1
    assert found["left_out"][0]["count"] == 1


def test_of_several_records_of_one_id_the_last_counts(records):
    first, second = (record_of(run_of(ratio), id="x") for ratio in (1.0, 3.0))

    (run,) = read_records(records(first, second)).runs

    assert run.energy_j == pytest.approx(300.0)


def test_csv_has_a_line_for_each_result(score, records):
    status, out, _ = score(records(run_of(1.0)), "--format", "csv")

    rows = list(csv.DictReader(out.splitlines()))
    assert status == 0
    assert [row["target"] for row in rows] == ["energy_j", "duration_s"]
    assert float(rows[0]["bias_ratio"]) == pytest.approx(1.0)
    assert None not in rows[0]


def test_the_table_has_every_number_with_its_interval(score, records):
    runs = [run_of(1 + 0.1 * n, network=str(n), day=n) for n in range(6)]

    status, out, _ = score(records(*runs))

    assert status == 0
    assert "100% (54%-100%) of 90%" in out
    assert "energy (wall)" in out
    assert "R2" not in out


def damaged(**fields):
    return record_of(run_of(1.0), **fields)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no JSON object"),
        (b"[1, 2]\n", "no JSON object"),
        (b'{"schema": "measurement/1"}\n', "no run to judge"),
        (json.dumps(damaged(energy_j=-1.0)), "energy_j"),
        (json.dumps(damaged(energy_j="many")), "energy_j"),
        (json.dumps(damaged(duration_s=None)), "duration_s"),
        (json.dumps(damaged(source="guess")), "source"),
        (json.dumps(damaged(started_at="soon")), "started_at"),
        (json.dumps(damaged(hardware=3)), "hardware"),
        (json.dumps(damaged(forecast={"model": 1})), "model"),
        (json.dumps(damaged() | {"energy_j": 7.0}), "altered"),
    ],
)
def test_a_damaged_record_is_refused_in_a_sentence(content, sentence, tmp_path, score):
    path = tmp_path / "records.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    status, out, err = score(path)

    assert (status, out) == (4, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"a": 1}, "no column timestamp"),
        (tracked(energy_consumed="nan"), "energy_consumed"),
        (tracked(energy_consumed=0), "energy_consumed"),
        (tracked(timestamp="then"), "timestamp"),
        (tracked(pue=-1), "pue"),
        (tracked(), "no run to judge"),
    ],
)
def test_a_damaged_csv_is_refused_in_a_sentence(row, sentence, emissions, score):
    status, out, err = score(emissions(row))

    assert (status, out) == (4, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "xml"),
        ("--meter", "thermometer"),
        ("--wrong",),
    ],
)
def test_wrong_usage_exits_2(arguments, records, score):
    status, out, err = score(records(run_of(1.0)), *arguments)

    assert (status, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", ["{}", "[]", '{"schema_version": 1}', "nonsense"])
def test_what_is_no_estimate_is_refused(content, tmp_path, score, emissions):
    path = tmp_path / "estimate.json"
    path.write_text(content)

    status, _, err = score(emissions(tracked()), "--estimate", path)

    assert status == 4
    assert "estimate.json" in err


def test_a_file_that_is_missing_is_named(score):
    status, _, err = score(Path("no") / "such.jsonl")

    assert status == 4
    assert "such.jsonl" in err


def test_names_in_a_record_do_not_steer_the_terminal(records, score):
    _, out, _ = score(records(run_of(1.0, hardware="evil\x1b[31m")))

    assert "\x1b" not in out
    assert "evil?[31m" in out
