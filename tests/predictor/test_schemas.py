"""What commands print as JSON is what their published schemas say, and no other."""

import copy
import json
from dataclasses import replace

import pytest
import typer
from jsonschema import Draft202012Validator

import dataset_builder.cli
import predictor.cli
from predictor.artefact import load_model
from predictor.commands import COMMANDS
from predictor.estimation import estimate
from predictor.schemas import load_schema, schema_names, schema_text
from tests.dataset_builder.synthetic_sets import SyntheticSet, good_set
from tests.predictor import device
from tests.predictor.invocations import (
    MODEL,
    ROOT,
    measured,
    network,
    printed,
    swept,
    transformer,
)


def checked(folder):
    good, empty = good_set(folder / "good"), SyntheticSet(folder / "empty")
    empty.append("runs.jsonl", device.rows(1)[0] | {"id": "1", "windows": []})
    return [[str(good.directory)], [str(empty.directory)]]


def estimates(folder):
    model = ["--model", MODEL]
    place = ["--region", "DEU", "--pue", "1.2", "--price", "0.3"]
    return [
        [network("lenet5"), *model, *place],
        [network("mobilenet_v2"), *model, "--mode", "inference"],
        [network("lenet5"), *model, "--carbon-intensity", "0"],
    ]


def comparisons(folder):
    wrong = [network(name) for name in ("lenet5", "mlp_wide", "mobilenet_v2")]
    return [[*wrong, "--model", MODEL]]


INVOCATIONS = {
    "estimate": estimates,
    "compare": comparisons,
    "what-if": lambda folder: [
        [network("lenet5"), "--model", MODEL],
        [network("lenet5"), "--model", MODEL, "--price", "0.2", "--by", "cost"],
    ],
    "inspect": lambda folder: [[network("lenet5")], [transformer(folder)]],
    "evaluate": lambda folder: [[measured(folder, 4), "--model", MODEL]],
    "metrics": lambda folder: [[measured(folder, 4), "--model", MODEL]],
    "learning-curve": lambda folder: [
        [measured(folder, 5), "--sizes", "2,99", "--repeats", "1"]
    ],
    "lifecycle": lambda folder: [
        [str(ROOT / "data" / "lifecycles" / f"{name}.toml"), "--model", MODEL]
        for name in ("paper", "transfer")
    ],
    "regions": lambda folder: [[], ["quebec"]],
    "doctor": lambda folder: [[]],
    "dataset-builder-check": checked,
    "dataset-builder-pace": lambda folder: [
        [swept(folder), "--minutes", "0.5", "--minutes", "9"]
    ],
}
"""Arguments by schema, each list a run of the command that answers with JSON."""

ELSEWHERE = {"pull-request", "score"}
"""Schemas of commands that need more than arguments; their own tests hold them."""

FREE_PARENTS = {
    "doctor": {"facts"},
    "learning-curve": {"chosen", "errors"},
    "dataset-builder-pace": {"chosen", "errors", "energy_j", "duration_s"},
    "dataset-builder-check": {
        *("files", "hosts", "hardware", "sources", "cpu", "ram", "gpu"),
        *("cpu_ceiling_w", "ram_power_w", "failures", "families", "sizes", "dense"),
        "convolutional",
        *("invalid_by_reason", "windows_invalid_by_reason", "rows_by_attempt"),
        *("rows_by_decade_of_seconds", "float32", "idle_power"),
        *("all_steps", "short_steps", "long_steps"),
    },
}
"""Objects whose keys are names, or depend on what there is, by schema."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """Return what a command prints, by schema; every command is run once."""
    kept = {}

    def run(name):
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            program = predictor.cli.main
            command = name.removeprefix("dataset-builder-")
            if command != name:
                program = dataset_builder.cli.main
            kept[name] = [
                json.loads(printed(program, command, *arguments, "--format", "json"))
                for arguments in INVOCATIONS[name](folder)
            ]
        return kept[name]

    with pytest.MonkeyPatch.context() as patch:
        # A fit takes seconds; where it ends, the documents are the same.
        for where in ("predictor.learning_curve", "dataset_builder.pace"):
            patch.setattr(f"{where}.fit_model", lambda rows, **_: load_model(MODEL))
        yield run


def validator(name):
    return Draft202012Validator(load_schema(name))


@pytest.mark.parametrize("name", INVOCATIONS)
def test_a_command_prints_what_its_schema_says(documents, name):
    for document in documents(name):
        errors = [
            error.message[:300] for error in validator(name).iter_errors(document)
        ]
        assert errors == []


def test_every_schema_has_a_command_that_is_run_here():
    assert set(INVOCATIONS) | ELSEWHERE == set(schema_names())


def _offers_json(command):
    options = [option for option in command.params if "--format" in option.opts]
    return any("json" in (option.help or "") for option in options)


def test_every_command_that_prints_json_has_a_schema():
    ours = {name for name in COMMANDS if _offers_json(predictor.cli._command(name))}
    builder = typer.main.get_command(dataset_builder.cli.app).commands
    theirs = {name for name in builder if _offers_json(builder[name])}

    assert ours | {f"dataset-builder-{name}" for name in theirs} == set(schema_names())
    assert {"estimate", "doctor"} <= ours  # the options were found


def test_an_estimate_without_times_is_what_the_schema_says():
    answer = estimate(network("lenet5"), model=MODEL)
    bare = replace(answer, duration_s=None, power_w=None, cold_energy_j=None)

    assert validator("estimate").is_valid(bare.to_dict())


# What a schema refuses


def _places(document, path=()):
    """Yield the path of everything in a document; of each list, of two parts."""
    parts = document.items() if isinstance(document, dict) else ()
    if isinstance(document, list):
        parts = enumerate(document[:2])
        if (
            len(document) > 2
            and isinstance(document[0], dict)
            and "facts" in document[0]
        ):
            parts = enumerate(document)  # the parts of a report are of several kinds
    for key, value in parts:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _changed(document, path, change):
    """Return a copy whose part at `path` is changed."""
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return changed


def _wrong_type(parent, key):
    parent[key] = "text" if isinstance(parent[key], dict | list) else {"of": []}


def _added(parent, key):
    parent["something more"] = {"of": []}


def _without(parent, key):
    del parent[key]


def _accepted(name, documents, change, paths_of):
    check = validator(name)
    return [
        path
        for document in documents
        for path in paths_of(document)
        if check.is_valid(_changed(document, path, change))
    ]


@pytest.mark.parametrize("name", INVOCATIONS)
def test_no_schema_accepts_a_value_of_another_type(documents, name):
    assert _accepted(name, documents(name), _wrong_type, _places) == []


@pytest.mark.parametrize("name", INVOCATIONS)
def test_no_schema_accepts_a_key_that_it_does_not_know(documents, name):
    def keys(document):
        return [path for path in _places(document) if isinstance(path[-1], str)]

    assert _accepted(name, documents(name), _added, keys) == []


@pytest.mark.parametrize("name", INVOCATIONS)
def test_no_schema_accepts_an_answer_that_lacks_a_key(documents, name):
    free = FREE_PARENTS.get(name, set())

    def required(document):
        return [
            path
            for path in _places(document)
            if isinstance(path[-1], str) and not free & set(path[-2:-1])
        ]

    assert _accepted(name, documents(name), _without, required) == []


@pytest.mark.parametrize(
    ("name", "path", "wrong"),
    [
        ("estimate", ("schema_version",), 2),
        ("estimate", ("energy_j", "lower"), -1.0),
        ("estimate", ("energy_j", "estimate"), None),
        ("estimate", ("confidence_level",), 90),
        ("estimate", ("hardware", "tier"), "guessed"),
        ("estimate", ("carbon", "pue"), 0.5),
        ("estimate", ("network", "sha256"), "509d27b0f4c2"),
        ("estimate", ("layers", 0, "macs"), 1.5),
        ("evaluate", ("results", 0, "within_20"), 95.0),
        ("doctor", ("checks", 0, "state"), "bad"),
    ],
)
def test_numbers_out_of_range_are_refused(documents, name, path, wrong):
    def change(parent, key):
        parent[key] = wrong

    document = documents(name)[0]
    assert not validator(name).is_valid(_changed(document, path, change))


# What a schema says


def _subschemas(schema, name="", path=()):
    """Yield all parts of a schema that may describe a value, with the value's name."""
    if not isinstance(schema, dict):
        return
    yield name, schema
    for key, one in schema.get("properties", {}).items():
        yield from _subschemas(one, key)
    for key, one in schema.get("$defs", {}).items():
        yield from _subschemas(one, key)
    for key in ("items", "additionalProperties"):
        yield from _subschemas(schema.get(key), name)
    for one in schema.get("anyOf", ()):
        yield from _subschemas(one, "")


UNITS = {"_j": " J", "_kwh": "kWh", "_s": " s", "_w": " W", "_gco2e": "gCO2e"}


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_stands_alone_and_every_number_says_its_unit(name):
    schema = load_schema(name)

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:watt-ahead:{name}:1"
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    references = schema_text(name).split('"$ref": "')[1:]
    assert all(part.startswith("#/$defs/") for part in references)
    for key, one in _subschemas(schema):
        kinds = one.get("type", ())
        if {"number", "integer"} & set([kinds] if isinstance(kinds, str) else kinds):
            assert one["description"], key
            for suffix, unit in UNITS.items():
                assert not key.endswith(suffix) or unit in one["description"], key


ESTIMATES_IN = {
    "compare": ("label", "energy_ratio", "probability_less"),
    "what-if": (),
}
"""Answers that hold whole estimates, and what they add to each."""


def with_the_estimate_of_today(whole, part, beside):
    """Return a schema with the definitions of an estimate's."""
    own = whole["$defs"]["estimate"]
    added = {name: own["properties"][name] for name in beside}
    one = own | {
        "required": [*part["required"], *beside],
        "properties": part["properties"] | added,
    }
    return whole | {"$defs": whole["$defs"] | part["$defs"] | {"estimate": one}}


@pytest.mark.parametrize("name", ESTIMATES_IN)
def test_estimates_are_described_alike_everywhere(golden, name):
    whole, part = load_schema(name), load_schema("estimate")

    expected = with_the_estimate_of_today(whole, part, ESTIMATES_IN[name])

    if golden.rewrites:
        path = ROOT / "predictor" / "schemas" / f"{name}.json"
        path.write_text(json.dumps(expected, indent=2) + "\n")
    assert load_schema(name) == expected, "run pytest --rewrite-golden"


# predictor schema


def test_the_command_prints_a_schema_and_lists_them(capsys, tmp_path):
    assert predictor.cli.main(["schema", "estimate"]) == 0
    assert json.loads(capsys.readouterr().out) == load_schema("estimate")
    assert predictor.cli.main(["schema"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed[1:] == list(schema_names())
    path = tmp_path / "schema.json"
    assert predictor.cli.main(["schema", "doctor", "-o", str(path)]) == 0
    assert json.loads(path.read_text()) == load_schema("doctor")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("estimat", "did you mean estimate?"),
        ("../estimate", "estimate"),
        ("x", "lists"),
    ],
)
def test_a_schema_that_there_is_not_is_wrong_usage(capsys, name, said):
    assert predictor.cli.main(["schema", name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
