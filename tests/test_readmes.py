"""What the READMEs show is what the commands print: `pytest --rewrite-golden`."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

import dataset_builder.cli
import predictor.cli
import predictor.models
from tests.predictor.git_repository import GitRepository

ROOT = Path(__file__).parent.parent
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *sorted(ROOT.glob("*/README.md")))
]
BLOCK = re.compile(r"```(\w*)\n(.*?)\n```", re.DOTALL)
MEASURED_ON = "AMD EPYC (2 cores)"
LONG = ("predictor fit", "predictor learning-curve")
"""They fit for minutes; their options are looked at."""

PROGRAMS = {"predictor": predictor.cli, "dataset_builder": dataset_builder.cli}


def blocks(page, language=""):
    """Yield the blocks of code on a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [code for kind, code in BLOCK.findall(text) if kind == language]


def shown(page):
    """Yield the commands of a page with what it says that they print."""
    for block in blocks(page):
        if block.startswith("$ predictor "):
            command, _, output = block.removeprefix("$ ").partition("\n")
            yield command, output


SHOWN = [
    (page, command)
    for page in PAGES
    for command, _ in shown(page)
    if not command.startswith(LONG)
]
COMMANDS = sorted(
    {
        line.removeprefix("$ ").partition("  #")[0].strip()
        for page in PAGES
        for block in blocks(page)
        for line in block.splitlines()
        if line.removeprefix("$ ").startswith(("predictor ", "dataset_builder "))
    }
)


def as_pattern(output):
    """Make a line of three dots stand for any lines."""
    return "".join(
        "(?:.*\n)*?" if line == "..." else re.escape(f"{line}\n")
        for line in output.split("\n")
    )


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Stand in the repository, on the machine of the shipped model, at 80 columns."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(predictor.models, "this_hardware", lambda: MEASURED_ON)


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_readme_shows_what_the_command_prints(
    here, capsys, request, tmp_path, page, command
):
    expected = dict(shown(page))[command]
    assert expected.replace("...", "").strip(), "nothing is shown"
    arguments = shlex.split(command)[1:]
    if "--figure" in arguments:
        arguments[arguments.index("--figure") + 1] = str(tmp_path / "figure.svg")

    status = predictor.cli.main(arguments)
    captured = capsys.readouterr()
    printed = (captured.out + captured.err).rstrip("\n")

    assert status in (0, 3)
    if re.fullmatch(as_pattern(expected), f"{printed}\n"):
        return
    if request.config.getoption("--rewrite-golden") and "..." not in expected:
        path = ROOT / page
        text = path.read_text(encoding="utf-8")
        old = f"$ {command}\n{expected}".rstrip("\n")
        path.write_text(text.replace(old, f"$ {command}\n{printed}"), encoding="utf-8")
        return
    assert printed.splitlines() == expected.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_readme_shows_commands_that_exist(here, command):
    program, *words = shlex.split(command.rstrip("\\").replace("...", ""))
    words = words[: words.index("&")] if "&" in words else words
    app = PROGRAMS[program].app

    group = typer.main.get_command(app)
    context = group.make_context(program, list(words), resilient_parsing=True)
    name, *rest = [word for word in words if word not in ("-v", "-q")]
    if name.startswith("-"):
        return
    found = group.get_command(context, name)
    assert found is not None, f"{program} has no command {name}"
    options = {
        flag for param in found.params for flag in (*param.opts, *param.secondary_opts)
    }
    used = {
        word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"
    }
    assert used <= options


def test_the_examples_in_python_run(here, monkeypatch, tmp_path):
    network = (ROOT / "data/networks/mlp_small.json").read_text(encoding="utf-8")
    for name in ("model", "a", "b"):
        (tmp_path / f"{name}.json").write_text(network, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for page in ("README.md", "predictor/README.md"):
        together = {}
        for code in blocks(page, "python"):
            exec(compile(code, page, "exec"), together)


def test_the_comment_on_a_pull_request_is_what_is_shown(
    here, monkeypatch, capsys, tmp_path
):
    repository = GitRepository(tmp_path / "repository")
    lenet = (ROOT / "data/networks/lenet5.json").read_text(encoding="utf-8")
    repository.write("nets/lenet5.json", lenet)
    repository.commit()
    repository.git("switch", "--quiet", "--create", "wider")
    network = json.loads(lenet)
    for layer in network["config"]["layers"]:
        if "filters" in layer["config"]:
            layer["config"]["filters"] *= 4
    repository.write("nets/lenet5.json", network)
    repository.commit()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [line.removeprefix("> ") for line in text.splitlines() if line[:2] == "> "]
    (command,) = re.findall(r"(?m)^predictor (pull-request .*)$", text)
    monkeypatch.chdir(repository.folder)

    assert predictor.cli.main(shlex.split(command)) == 3
    printed = capsys.readouterr().out.splitlines()
    assert len(shown) == 5
    assert [line for line in printed if line in shown] == shown


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.*)$", file.read_text(encoding="utf-8"))
            slugs = [
                re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
                for title in titles
            ]
            assert anchor in slugs, target


def test_the_picture_is_of_the_shipped_model(here, tmp_path):
    zoo, model = "data/epyc-2core-jax/zoo.jsonl", "models/epyc-2core-jax"
    drawn = tmp_path / "zoo.svg"
    command = ["metrics", zoo, "--model", model, "--figure", str(drawn), "--pairs", "0"]

    assert predictor.cli.main(command) == 0
    marks = re.compile(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"')
    now, kept = (
        [tuple(map(float, place)) for place in marks.findall(path.read_text())]
        for path in (drawn, ROOT / "data" / "zoo.svg")
    )
    assert len(now) == len(kept) > 100
    assert now == [pytest.approx(place, abs=0.5) for place in kept]
