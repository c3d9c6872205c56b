"""Forecasts inside training scripts, and what they leave behind."""

import gc
import json
import logging
import random
import subprocess
import sys
import time
from datetime import datetime

import pytest

import predictor
from dataset_builder.testkit.nvml import FakeGpu, FakeNvml
from predictor import Budgets, Workload
from predictor.callbacks import KerasForecast
from predictor.counting import count_network
from predictor.dataset import read_measurements
from predictor.errors import ArchitectureError, DatasetError
from predictor.fitting import fit_model
from predictor.forecasting.counters import machine_counter
from predictor.forecasting.linear import Line, forecast_of
from predictor.forecasting.recording import append_line
from predictor.forecasting.refining import refined
from predictor.intervals import Quantity
from predictor.readers import (
    Request,
    describe_operators,
    read_network,
    read_network_description,
)
from predictor.sensors import RaplZone
from tests.predictor import device

EPOCHS = 4
WORK = Workload(samples=64, batch_size=16, epochs=EPOCHS)
POWER_W = 50.0


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("RANK", "SLURM_PROCID", "WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger="predictor")
    return lambda: [
        record.getMessage() for record in caplog.records if record.name == "predictor"
    ]


@pytest.fixture
def record(tmp_path):
    return tmp_path / "forecasts.jsonl"


def counter_j():
    return POWER_W * time.perf_counter()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def loop(folder, *, epochs=EPOCHS, work=WORK, body=lambda: time.sleep(0.01), **asked):
    """Run a loop that only takes time, and return how many epochs it had."""
    done = 0
    network = asked.pop("network", device.mlp(64, 32, 10))
    with predictor.forecast(network, workload=work, model=folder, **asked) as run:
        for _ in run.epochs(range(epochs)):
            body()
            done += 1
    return done


def fit(keras, callback, *, epochs=EPOCHS, **given):
    """Train a small Keras model with a callback."""
    import numpy as np

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16), keras.layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    data = np.ones((64, 8), "float32"), np.ones((64, 2), "float32")
    asked = {"batch_size": 16, "verbose": 2, "epochs": epochs, **given}
    return model.fit(*data, callbacks=[callback], **asked).history["loss"]


def test_a_keras_training_is_forecast_refined_and_recorded(
    keras, model_folder, record, said
):
    callback = KerasForecast(
        WORK, model=model_folder, record=record, energy_counter_j=counter_j
    )

    losses = fit(keras, callback, epochs=EPOCHS)

    (row,) = lines(record)
    texts = said()
    assert len(losses) == row["epochs"] == EPOCHS
    assert row["forecast"]["outcome"] == "finished"
    assert row["valid"]
    assert row["source"] == "modelled"
    assert row["energy_j"] == pytest.approx(POWER_W * row["duration_s"], rel=0.05)
    assert row["cold_duration_s"] < row["duration_s"]
    assert row["backend"] == keras.backend.backend()
    assert datetime.fromisoformat(row["started_at"]).tzinfo is not None
    assert "forecast of 4 epoch(s)" in texts[0]
    assert sum("the whole will take" in text for text in texts) == 2
    assert "modelled energy (forecast" in texts[-1]


def test_the_record_has_what_an_estimate_says_of_the_epochs_done(
    keras, model_folder, record
):
    fit(keras, KerasForecast(WORK, model=model_folder, record=record))

    (row,) = lines(record)
    estimate = predictor.estimate(row["network"], workload=WORK, model=model_folder)
    found = row["forecast"]
    assert found["energy_j"] == pytest.approx(estimate.energy_j.to_dict())
    assert found["duration_s"] == pytest.approx(estimate.duration_s.to_dict())
    assert found["model"]["digest"] == estimate.chosen.digest
    assert found["confidence_level"] == estimate.confidence_level


def test_a_callback_leaves_the_training_as_it_was(keras, model_folder):
    callback = KerasForecast(WORK, model=model_folder)

    assert fit(keras, callback) == fit(keras, keras.callbacks.Callback())


def test_a_keras_training_stops_over_a_budget(keras, model_folder, record, said):
    callback = KerasForecast(
        WORK,
        model=model_folder,
        record=record,
        budgets=Budgets(duration_h=1e-12),
        over_budget="stop",
    )

    losses = fit(keras, callback, epochs=1000)

    assert len(losses) == 1
    assert any("is stopped" in text for text in said())
    assert lines(record)[0]["forecast"]["outcome"] == "over budget"


def test_validation_is_set_aside(keras, model_folder, record):
    class Slow(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            time.sleep(0.05)

    callback = KerasForecast(WORK, model=model_folder, record=record)

    data = __import__("numpy").ones((64, 8), "float32")
    target = data[:, :2]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(
        *(data, target),
        batch_size=16,
        epochs=3,
        verbose=0,
        validation_data=(data, target),
        validation_batch_size=16,
        callbacks=[callback, Slow()],
    )

    (row,) = lines(record)
    assert row["forecast"]["aside_s"] > 3 * 4 * 0.05
    assert row["cold_duration_s"] < row["duration_s"]


def test_another_number_of_steps_than_forecast_is_no_measurement(
    keras, model_folder, record, said
):
    fit(
        keras,
        KerasForecast(
            WORK, model=model_folder, record=record, energy_counter_j=counter_j
        ),
        batch_size=8,
    )

    (row,) = lines(record)
    assert not row["valid"]
    assert "8 steps" in row["invalid_reason"]
    assert sum("8 steps" in text for text in said()) == 1


def test_a_resumed_training_is_of_the_epochs_that_are_left(keras, model_folder, record):
    callback = KerasForecast(WORK, model=model_folder, record=record)

    fit(keras, callback, epochs=5, initial_epoch=3)

    assert lines(record)[0]["forecast"]["planned_epochs"] == 2


def test_a_quiet_fit_hears_nothing_but_warnings(keras, model_folder, said):
    fit(keras, KerasForecast(WORK, model=model_folder), verbose=0)

    assert said() == []


def test_a_training_that_raises_is_recorded_up_to_there(keras, model_folder, record):
    class Fails(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("no more")

    def train():
        import numpy as np

        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
        model.compile("sgd", "mse")
        callback = KerasForecast(WORK, model=model_folder, record=record)
        data = np.ones((64, 8), "float32")
        model.fit(
            *(data, data[:, :2]),
            batch_size=16,
            epochs=EPOCHS,
            verbose=0,
            callbacks=[callback, Fails()],
        )

    with pytest.raises(RuntimeError, match="no more"):
        train()
    gc.collect()

    (row,) = lines(record)
    assert row["forecast"]["outcome"] == "failed"
    assert row["epochs"] == 2


def test_the_callback_can_be_used_again(keras, model_folder, record):
    callback = KerasForecast(WORK, model=model_folder, record=record)

    fit(keras, callback, epochs=1)
    fit(keras, callback, epochs=2)

    assert [row["epochs"] for row in lines(record)] == [1, 2]


def test_every_hook_of_keras_is_there(keras):
    hooks = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]

    assert [name for name in hooks if not callable(getattr(KerasForecast, name))] == []


class Exploding:
    """Looks like a Keras model and is none."""

    def to_json(self):
        raise RuntimeError("boom")


def unreadable(folder, tmp_path):
    return {"model": tmp_path / "nowhere"}


def unwritable(folder, tmp_path):
    return {"record": tmp_path / "no" / "folder" / "records.jsonl"}


def unknown_layer(folder, tmp_path):
    network = device.mlp(8, 4)
    network["config"]["layers"].append({"class_name": "Mystery", "config": {}})
    return {"network": network}


def failing_counter(folder, tmp_path):
    return {"energy_counter_j": lambda: 1 / 0, "record": tmp_path / "records.jsonl"}


def no_network(folder, tmp_path):
    return {"network": Exploding()}


def wrong_option(folder, tmp_path):
    return {"over_budget": "explode"}


def no_price(folder, tmp_path):
    return {"budgets": Budgets(cost=1.0)}


@pytest.mark.parametrize(
    "trouble",
    [
        *(unreadable, unwritable, unknown_layer, failing_counter),
        *(no_network, wrong_option, no_price),
    ],
)
def test_what_fails_in_a_forecast_does_not_stop_a_training(
    trouble, model_folder, tmp_path, said
):
    asked = {"folder": model_folder, **trouble(model_folder, tmp_path)}
    asked["folder"] = asked.pop("model", asked["folder"])

    assert loop(asked.pop("folder"), **asked) == EPOCHS

    troubles = [text for text in said() if "no forecast of this training" in text]
    assert len(troubles) == (trouble is not failing_counter)


def test_a_keras_training_survives_a_forecast_that_fails(keras, tmp_path, said):
    callback = KerasForecast(
        WORK, model=tmp_path / "nowhere", record=tmp_path / "records.jsonl"
    )

    assert len(fit(keras, callback)) == EPOCHS
    assert len(said()) == 1
    assert not (tmp_path / "records.jsonl").exists()


def test_a_counter_that_fails_leaves_the_energy_unknown(model_folder, record, said):
    readings = iter([1.0, 2.0, 3.0])

    loop(model_folder, record=record, energy_counter_j=lambda: next(readings))

    (row,) = lines(record)
    assert row["energy_j"] is None
    assert "StopIteration" in row["invalid_reason"]
    assert row["duration_s"] > 0
    assert "its energy is not known" in said()[-1]


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID", "JAX_PROCESS_ID"])
def test_only_the_first_process_speaks_and_writes(
    variable, model_folder, record, said, monkeypatch
):
    monkeypatch.setenv(variable, "1")

    assert loop(model_folder, record=record) == EPOCHS
    assert said() == []
    assert not record.exists()


def test_several_processes_are_no_measurement(model_folder, record, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")

    loop(model_folder, record=record, energy_counter_j=counter_j)

    assert "several processes" in lines(record)[0]["invalid_reason"]


def test_a_loop_ends_over_a_budget(model_folder, record):
    done = loop(
        model_folder,
        epochs=1000,
        record=record,
        budgets=Budgets(duration_h=1 / 3600),
        over_budget="stop",
    )

    (row,) = lines(record)
    assert 1 <= done < 1000
    assert row["epochs"] == done
    assert row["forecast"]["planned_epochs"] == 1000


def test_a_loop_over_a_hopeless_budget_does_not_begin(model_folder, record):
    asked = {"budgets": Budgets(energy_kwh=1e-12), "record": record}

    assert loop(model_folder, over_budget="stop", **asked) == 0
    assert loop(model_folder, over_budget="warn", **asked) == EPOCHS
    assert len(lines(record)) == 1


def test_a_budget_is_warned_of_once(model_folder, said):
    loop(model_folder, epochs=8, budgets=Budgets(duration_h=1e-9))

    assert sum("exceeds the budget" in text for text in said()) == 1


def test_a_loop_that_raises_is_recorded_and_raises(model_folder, record):
    calls = iter(range(10))

    def body():
        if next(calls) == 2:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        loop(model_folder, record=record, body=body)

    (row,) = lines(record)
    assert (row["epochs"], row["forecast"]["outcome"]) == (2, "failed")


def test_a_loop_that_is_left_is_recorded_as_stopped(model_folder, record):
    with predictor.forecast(
        device.mlp(8, 4), workload=WORK, model=model_folder, record=record
    ) as run:
        for epoch in run.epochs(range(EPOCHS)):
            if epoch == 2:
                break

    (row,) = lines(record)
    assert (row["epochs"], row["forecast"]["outcome"]) == (2, "stopped")


def test_what_is_done_aside_is_not_of_the_epoch(model_folder, record):
    with predictor.forecast(
        device.mlp(8, 4),
        workload=WORK,
        model=model_folder,
        record=record,
        energy_counter_j=counter_j,
    ) as run:
        for _ in run.epochs(range(EPOCHS)):
            time.sleep(0.01)
            with run.aside():
                time.sleep(0.1)

    (row,) = lines(record)
    assert row["duration_s"] < 0.3 < row["forecast"]["aside_s"]
    assert row["energy_j"] == pytest.approx(POWER_W * row["duration_s"], rel=0.05)


def test_without_logging_set_up_it_speaks_on_stderr(model_folder):
    script = (
        "import predictor, logging, sys\n"
        "if len(sys.argv) > 2: logging.getLogger('predictor').setLevel('ERROR')\n"
        "with predictor.forecast({'layers': [{'class_name': 'Dense', 'config':"
        " {'units': 4, 'input_shape': [8]}}]}, workload=predictor.Workload(epochs=2),"
        " model=sys.argv[1]) as run:\n"
        "    for epoch in run.epochs(range(2)): print(epoch)\n"
    )

    def run(*arguments):
        command = [sys.executable, "-c", script, str(model_folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    assert run().stdout == run("silent").stdout == "0\n1\n"
    assert "forecast of 2 epoch(s)" in run().stderr
    assert run("silent").stderr == ""


def test_a_pytorch_loop_is_recorded_and_left_as_it_was(model_folder, record):
    torch = pytest.importorskip("torch")

    def train(wrap):
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            *(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Dropout()),
            *(torch.nn.Flatten(), torch.nn.Linear(144, 2)),
        )
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        losses = []
        for _ in wrap(net, range(3)):
            for _ in range(4):
                optimizer.zero_grad()
                loss = (net(torch.ones(16, 3, 8, 8)) ** 2).mean()
                loss.backward()
                optimizer.step()
            losses.append(loss.item())
        return losses

    def followed(net, epochs):
        with predictor.forecast(
            net,
            workload=WORK,
            input_shapes=[(3, 8, 8)],
            model=model_folder,
            record=record,
            energy_counter_j=counter_j,
            energy_source="wall",
        ) as run:
            yield from run.epochs(epochs)

    assert train(followed) == train(lambda net, epochs: epochs)
    (row,) = lines(record)
    (measured,) = read_measurements([record])
    assert (row["backend"], row["epochs"], row["source"]) == ("torch", 3, "wall")
    assert measured.network.params == 3 * 4 * 9 + 4 + 4 * 4 + 144 * 2 + 2


def test_what_spreads_a_module_is_taken_off(model_folder, record, said):
    torch = pytest.importorskip("torch")
    net = torch.nn.DataParallel(torch.nn.Linear(8, 2))

    loop(model_folder, network=net, input_shapes=[(8,)], record=record)

    assert lines(record)[0]["forecast"]["network"] == "Linear"
    assert any("fitted on jax, and torch computes" in text for text in said())


def test_a_module_whose_weights_are_spread_is_left_alone(model_folder, said):
    torch = pytest.importorskip("torch")

    class FSDPLinear(torch.nn.Linear):
        def forward(self, x):
            raise AssertionError("all processes would have to take part")

    net = FSDPLinear(8, 2)

    assert loop(model_folder, network=net, input_shapes=[(8,)]) == EPOCHS
    assert "spread over processes" in said()[0]


def test_a_traced_graph_is_the_same_after_it_was_written_down():
    torch = pytest.importorskip("torch")
    module = torch.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

    file = read_network(module, Request(input_shapes=((10, 16),)))
    text = json.dumps(describe_operators(file.architecture))
    again = read_network_description(json.loads(text))

    first, second = count_network(file.architecture), count_network(again)
    assert first.layers == second.layers
    assert first.output_shapes == second.output_shapes


@pytest.mark.parametrize(
    "damage",
    [
        lambda graph: graph.update(nodes=[]),
        lambda graph: graph.update(outputs=[[7, 0]]),
        lambda graph: graph.update(inputs=[1]),
        lambda graph: graph["nodes"][1].update(inputs=[[1, 0]]),
        lambda graph: graph["nodes"][1].update(settings={}),
        lambda graph: graph["nodes"][1]["settings"].update(weights=[-1]),
        lambda graph: graph["nodes"][1]["settings"].update(output_shapes=[["x"]]),
        lambda graph: graph["nodes"][1]["settings"]["operands"].append({"shape": 3}),
    ],
)
def test_a_damaged_graph_is_refused(damage):
    operand = {"shape": [1, 4], "constant": False, "weight": False}
    weight = {"shape": [2, 4], "constant": True, "weight": True}
    settings = {"transB": 1, "operands": [operand, weight]}
    settings |= {"weights": [8], "output_shapes": [[1, 2]]}
    graph = {
        "schema": "operators/1",
        "name": "net",
        "nodes": [
            {
                "name": "in",
                "kind": "InputLayer",
                "settings": {"batch_shape": [None, 4]},
                "inputs": [],
            },
            {
                "name": "product",
                "kind": "onnx.Gemm",
                "settings": settings,
                "inputs": [[0, 0]],
            },
        ],
        "inputs": [0],
        "outputs": [[1, 0]],
    }
    assert count_network(read_network_description(graph)).macs == 8

    damage(graph)
    with pytest.raises(ArchitectureError):
        read_network_description(graph)


@pytest.mark.slow
def test_records_are_rows_that_a_model_is_fitted_on(
    model_folder, record, tmp_path, said
):
    works = [Workload(samples=64 * size, batch_size=16, epochs=3) for size in (1, 2, 3)]
    for work in works:
        loop(
            model_folder,
            epochs=3,
            work=work,
            record=record,
            energy_counter_j=counter_j,
            energy_source="wall",
            network=device.mlp(32 * work.samples, 16),
        )
    loop(model_folder, record=record)  # no energy, and so no row
    platform = {"hardware": lines(record)[0]["hardware"], "backend": "unknown"}
    platform["backend"] = lines(record)[0]["backend"]
    others = device.write_rows(
        tmp_path / "others.jsonl", [row | platform for row in device.rows(4)[::2]]
    )

    measured = read_measurements([record, others])
    fitted = fit_model(measured, name="mixed")

    assert [item.workload for item in measured[:3]] == works
    assert len(lines(record)) == 4
    assert fitted.rows == 3 + 4


def test_records_without_energy_alone_are_refused_in_a_sentence(model_folder, record):
    loop(model_folder, record=record)

    with pytest.raises(DatasetError, match="no valid measurement"):
        read_measurements([record])


def test_a_forecast_is_linear_in_epochs(model_folder):
    network = device.mlp(64, 128, 10)
    forecast = forecast_of(network, WORK, {"model": model_folder})

    for epochs in (1, 3, 100):
        work = Workload(samples=64, batch_size=16, epochs=epochs)
        estimate = predictor.estimate(network, workload=work, model=model_folder)
        after = forecast.after(epochs)
        for one, other in (
            (after.energy_j, estimate.energy_j),
            (after.duration_s, estimate.duration_s),
        ):
            assert one.to_dict() == pytest.approx(other.to_dict())


def test_equal_epochs_are_foreseen_exactly_and_ever_more_surely():
    measured = [5.0] + [2.0] * 9

    widths = []
    for done in range(2, 11):
        total = refined(measured[:done], 10, None, 0.9)
        assert total.estimate == pytest.approx(23.0)
        widths.append(total.upper - total.lower)

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 0


def test_the_interval_holds_the_total_as_often_as_it_says():
    draw = random.Random(0)
    held = dict.fromkeys((2, 4, 8), 0)
    for _ in range(500):
        epochs = [4.0] + [draw.gauss(1.0, 0.1) for _ in range(19)]
        for done in held:
            total = refined(epochs[:done], 20, None, 0.9)
            held[done] += total.lower <= sum(epochs) <= total.upper

    assert min(held.values()) >= 0.88 * 500


def test_after_the_first_epoch_the_cold_part_of_the_forecast_is_taken_out():
    cold = Quantity(estimate=6.0, lower=3.0, upper=12.0)
    epoch = Quantity(estimate=2.0, lower=1.0, upper=4.0)

    total = refined([16.0], 11, Line(cold=cold, epoch=epoch), 0.9)

    assert total.estimate == pytest.approx(16 + 10 * 16 * 2 / 8)
    assert total.lower < 16 + 10 * 16 * 1 / 13
    assert total.upper > 16 + 10 * 16


def zone(folder, energy_uj, *, range_uj=1000):
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(str(energy_uj))
    return RaplZone(
        name="package-0",
        path=folder,
        kind="package",
        inside=None,
        range_uj=range_uj,
        trouble=None,
    )


def test_a_counter_that_starts_again_keeps_growing(tmp_path):
    counter = machine_counter("cpu", zones=[zone(tmp_path, 900, range_uj=10**12)])
    before_j = counter.read_j()
    (tmp_path / "energy_uj").write_text(str(10**12 - 100))
    counter.read_j()
    (tmp_path / "energy_uj").write_text("400")

    assert counter.source == "rapl"
    assert counter.read_j() - before_j == pytest.approx((10**12 - 500) * 1e-6)
    counter.close()


@pytest.mark.parametrize(
    ("zones", "source", "energy_j"), [((), "nvml", 30.0), (("x",), "nvml+rapl", 30.5)]
)
def test_all_visible_gpus_and_packages_are_added(
    zones, source, energy_j, tmp_path, monkeypatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    gpus = [FakeGpu(uuid=f"GPU-{letter}00", energy_j=7.0) for letter in "abc"]
    packages = [zone(tmp_path, 0, range_uj=10**12) for _ in zones]
    counter = machine_counter("gpu", nvml=FakeNvml(gpus=gpus), zones=packages)

    before_j = counter.read_j()
    for gpu, used_j in zip(gpus, (10.0, 1000.0, 20.0), strict=True):
        gpu.use(used_j)
    (tmp_path / "energy_uj").write_text("500000")
    counter_j = counter.read_j() - before_j
    counter.close()

    assert counter.source == source
    assert counter_j == pytest.approx(energy_j)


@pytest.mark.parametrize("gpu", [FakeGpu(mig=True), FakeGpu(energy_j=None)])
def test_a_gpu_that_is_shared_or_silent_is_not_read(gpu, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    nvml = FakeNvml(gpus=[FakeGpu(), gpu])

    assert machine_counter("gpu", nvml=nvml, zones=[]) is None
    assert nvml.opened == 0


def test_nothing_is_read_where_the_device_has_no_counter():
    assert machine_counter("cpu", zones=[]) is None
    assert machine_counter("other", zones=[]) is None


def test_a_codecarbon_tracker_is_read_without_its_pue(model_folder, record):
    class Tracker:
        """As `codecarbon.EmissionsTracker`, as far as it is read."""

        _pue = 2.0

        class _total_energy:  # noqa: N801
            kWh = 0.0  # noqa: N815

        def __init__(self):
            self._start_time = time.perf_counter()

        def _measure_power_and_energy_if_stale(self):
            spent_j = 2.0 * POWER_W * (time.perf_counter() - self._start_time)
            self._total_energy.kWh = spent_j / 3.6e6

    loop(model_folder, record=record, tracker=Tracker())

    (row,) = lines(record)
    assert row["source"] == "modelled"
    assert row["energy_j"] == pytest.approx(POWER_W * row["duration_s"], rel=0.05)


def test_a_line_after_one_that_was_cut_off_stands_alone(record):
    append_line(record, {"a": 1})
    record.write_bytes(record.read_bytes()[:-3])

    append_line(record, {"b": 2})

    assert record.read_text().splitlines()[1] == '{"b":2}'


def test_a_training_that_is_killed_leaves_what_was_there(model_folder, record):
    loop(model_folder, record=record)
    before = record.read_bytes()
    script = (
        "import os, signal, sys, predictor\n"
        "network = {'layers': [{'class_name': 'Dense', 'config':"
        " {'units': 4, 'input_shape': [8]}}]}\n"
        "with predictor.forecast(network, workload=predictor.Workload(epochs=5),"
        " model=sys.argv[1], record=sys.argv[2]) as run:\n"
        "    for epoch in run.epochs(range(5)):\n"
        "        if epoch == 3: os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    command = [sys.executable, "-c", script, str(model_folder), str(record)]
    killed = subprocess.run(command, capture_output=True, check=False)
    loop(model_folder, record=record)

    assert killed.returncode == -9
    assert record.read_bytes().startswith(before)
    assert len(lines(record)) == 2
