"""What people see: whole on every terminal, plain in pipes and files."""

import json
import re
from functools import cache, partial

import pytest
from rich.cells import cell_len

from predictor.cli import main
from predictor.report.quantities import COUNT, ENERGY_WH, readable
from predictor.units import joules_to_kwh
from tests.predictor.invocations import MODEL, measured, network, printed
from tests.predictor.networks import layer, sequential
from tests.predictor.terminals import on_terminal, piped

RUNS = {
    "estimate": ["estimate", network("resnet50"), "--model", MODEL],
    "compare": [
        *("compare", network("lenet5"), network("mlp_wide"), network("mobilenet_v2")),
        *("--model", MODEL),
    ],
    "what-if": ["what-if", network("lenet5"), "--model", MODEL],
    "inspect": ["inspect", network("lenet5")],
    "doctor": ["doctor"],
    "schema": ["schema"],
    "help": ["--help"],
    "estimate --help": ["estimate", "--help"],
}
STYLED = ("estimate", "help", "estimate --help")
ANSWERS = [name for name in RUNS if "help" not in name]
ESCAPE = "\x1b"
STYLES = re.compile(r"\x1b\[[0-9;]*m")

PLACES = {
    "80 columns": (80, {}),
    "120 columns": (120, {}),
    "without colour": (80, {"NO_COLOR": "1"}),
    "dumb": (80, {"TERM": "dumb"}),
    "few letters": (80, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    "pipe": (None, {}),
    "pipe of few letters": (None, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    "pipe with colour asked for": (None, {"FORCE_COLOR": "1"}),
}
"""Width of the terminal, or None for a pipe, and the environment."""


@cache
def shown(place):
    """Return what every run shows there, by its name."""
    columns, environment = PLACES[place]
    runs = list(RUNS.values())
    if columns is None:
        parts = piped(runs, **environment)
    else:
        parts = on_terminal(runs, columns, **environment)
    return dict(zip(RUNS, parts, strict=True))


TERMINALS = [place for place, (columns, _) in PLACES.items() if columns]


@pytest.mark.parametrize("place", TERMINALS)
@pytest.mark.parametrize("name", RUNS)
def test_no_line_is_wider_than_the_terminal(place, name):
    columns = PLACES[place][0]

    for line in STYLES.sub("", shown(place)[name]).splitlines():
        assert cell_len(line) <= columns, line


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_cut(place, name):
    text = STYLES.sub("", shown(place)[name])

    assert text.strip()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "Traceback" not in text
    assert "UnicodeEncodeError" not in text


@pytest.mark.parametrize("place", ["without colour", "dumb", "pipe"])
@pytest.mark.parametrize("name", RUNS)
def test_without_colour_there_is_no_escape_sequence(place, name):
    assert ESCAPE not in shown(place)[name]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", RUNS)
def test_a_terminal_is_told_of_styles_and_nothing_else(place, name):
    text = shown(place)[name]

    assert ESCAPE not in STYLES.sub("", text)
    if name not in STYLED:
        assert ESCAPE not in text


@pytest.mark.parametrize("name", STYLED)
def test_there_are_styles_where_they_are_wanted(name):
    for place in ("80 columns", "pipe with colour asked for"):
        assert ESCAPE in shown(place)[name]


@pytest.mark.parametrize("place", ["few letters", "pipe of few letters"])
@pytest.mark.parametrize("name", RUNS)
def test_a_terminal_of_few_letters_gets_no_others(place, name):
    text = shown(place)[name]

    assert text.isascii()
    assert "\\u" not in text


@pytest.mark.parametrize("place", PLACES)
def test_every_number_of_a_comparison_is_whole(place):
    document = json.loads(printed(main, *RUNS["compare"], "--format", "json"))

    text = shown(place)["compare"]

    for one in document["estimates"]:
        energy_wh = 1e3 * joules_to_kwh(one["energy_j"]["estimate"])
        row = _row(text, one["network"]["name"][:15])
        assert readable(one["network"]["params"], COUNT) in row
        assert readable(one["network"]["macs"], COUNT) in row
        assert readable(energy_wh, ENERGY_WH) in row
    assert f"{document['estimates'][1]['probability_less']:.0%}" in text


@pytest.mark.parametrize("place", PLACES)
def test_every_layer_is_whole(place):
    document = json.loads(printed(main, *RUNS["inspect"], "--format", "json"))

    text = shown(place)["inspect"]

    for one in document["layers"]:
        row = _row(text, f"{one['name']} ")
        assert f" {one['kind']} " in row
        assert "x".join(map(str, one["output_shapes"][0])) in row
        assert row.endswith(readable(one["bytes"], COUNT))
        for count in ("params", "macs"):
            assert not one[count] or readable(one[count], COUNT) in row


@pytest.mark.parametrize("place", PLACES)
def test_every_quantity_of_an_estimate_is_whole(place):
    document = json.loads(printed(main, *RUNS["estimate"], "--format", "json"))

    text = STYLES.sub("", shown(place)["estimate"])

    energy_wh = 1e3 * joules_to_kwh(document["energy_j"]["estimate"])
    assert readable(energy_wh, ENERGY_WH) in text
    worst = max(document["layers"], key=lambda one: one["energy_share"])
    row = _row(text, worst["name"])
    assert worst["kind"] in row
    assert f"{worst['energy_share']:.1%}" in row
    for notice in [document["matters_most"], *document["warnings"]]:
        assert _words(notice["message"]) in _words(text)


def _row(text, beginning):
    return next(line for line in text.splitlines() if line.startswith(beginning))


def _words(text):
    return " ".join(text.split())


def test_files_are_plain_whatever_the_terminal(tmp_path):
    runs = [[*RUNS[name], "-o", str(tmp_path / name)] for name in ANSWERS]

    said = on_terminal(runs, 80, FORCE_COLOR="1")

    assert set(said) == {""}
    for name in ANSWERS:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.strip()
        assert ESCAPE not in text


@pytest.fixture
def long_names(tmp_path):
    layers = [
        layer(
            "SeparableConv2D", "a_long_name_of_a_layer_" * 9, filters=9, kernel_size=3
        ),
        layer("GlobalAveragePooling2D", "\N{CJK UNIFIED IDEOGRAPH-5C42}" * 40),
        layer("Dense", f"[bold]{ESCAPE}[31m{ESCAPE}]0;x\a", units=9),
    ]
    path = tmp_path / "net.json"
    path.write_text(json.dumps(sequential((9, 9, 3), *layers, name="network" * 30)))
    return str(path)


@pytest.mark.parametrize("environment", [{}, {"PYTHONIOENCODING": "ascii"}])
def test_long_names_are_shortened_and_numbers_stay_whole(long_names, environment):
    model = ["--model", MODEL]
    runs = [
        ["estimate", long_names, *model],
        ["compare", long_names, network("lenet5"), *model],
        ["inspect", long_names],
        ["inspect", long_names, "--format", "csv"],
    ]

    *tables, as_csv = on_terminal(runs, 80, **environment)

    for text in map(partial(STYLES.sub, ""), tables):
        assert "~" in text
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
        if not environment:
            assert max(map(cell_len, text.splitlines())) <= 80
    assert ESCAPE not in STYLES.sub("", "".join([*tables, as_csv]))
    assert "\a" not in "".join([*tables, as_csv])
    assert " GlobalAveragePooling2D " in tables[0]
    assert " GlobalAveragePool~ " in tables[2]


@pytest.fixture
def wide(tmp_path):
    rows = measured(tmp_path, 12)
    return [
        ["metrics", rows, "--pairs", "1", "--model", MODEL],
        ["evaluate", rows, "--model", MODEL],
        ["estimate", "--show-config", "--model", "a/long/path/" * 9],
    ]


@pytest.mark.parametrize("columns", [40, 80])
def test_a_table_that_does_not_fit_is_parted_and_no_cell_is_lost(wide, columns):
    natural = piped(wide)

    narrow = on_terminal(wide, columns)

    for whole, parted in zip(natural, narrow, strict=True):
        assert max(map(cell_len, parted.splitlines())) <= columns
        cells = {word for word in whole.split() if len(word) <= columns // 3}
        assert cells <= set(parted.split())
    assert max(map(len, natural[1].splitlines())) > 80  # as wide as it is
