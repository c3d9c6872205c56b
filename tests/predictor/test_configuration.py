"""Options come from flag, environment, project, user or default, in that order."""

import json

import pytest

from predictor.cli import _command, main
from predictor.commands import COMMANDS


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's settings folder and, as working directory, a project's folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "watt-ahead"
    folder.mkdir(parents=True)
    project = tmp_path / "project" / "inside"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    return folder / "config.toml", tmp_path / "project" / "pyproject.toml"


@pytest.fixture
def shown(capsys):
    def run(*arguments):
        assert main(["estimate", *arguments, "--show-config"]) == 0
        lines = capsys.readouterr().out.splitlines()
        return {line.split()[0]: tuple(line.split()[1:]) for line in lines[1:]}

    return run


def test_flag_before_environment_before_project_before_user_before_default(
    home, shown, monkeypatch
):
    user, project = home
    assert shown()["epochs"] == ("1", "default")
    user.write_text("epochs = 2\n")
    assert shown()["epochs"] == ("2", str(user))
    project.write_text("[tool.predictor]\nepochs = 3\n")
    assert shown()["epochs"] == ("3", str(project), "[tool.predictor]")
    monkeypatch.setenv("PREDICTOR_EPOCHS", "4")
    assert shown()["epochs"] == ("4", "PREDICTOR_EPOCHS")
    assert shown("--epochs", "5")["epochs"] == ("5", "flag")


def test_a_setting_is_what_a_flag_would_be(home, capsys, network_file, model_folder):
    _, project = home
    command = ["estimate", str(network_file), "--model", str(model_folder)]
    main([*command, "--format", "json", "--batch-size", "8", "--region", "FRA"])
    by_flags = capsys.readouterr().out
    project.write_text('[tool.predictor]\nbatch-size = 8\nregion = "FRA"\n')

    assert main([*command, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(by_flags)


def test_a_path_is_relative_to_the_file_that_sets_it(home, shown):
    _, project = home
    project.write_text('[tool.predictor]\nmodel = "models/mine"\n')

    assert shown()["model"][0] == str(project.parent / "models" / "mine")


def test_a_project_without_our_table_is_passed_by(home, shown):
    _, project = home
    project.write_text("[tool.predictor]\npue = 1.5\n")
    (project.parent / "inside" / "pyproject.toml").write_text("[tool.ruff]\n")

    assert shown()["pue"][0] == "1.5"


def test_a_flag_undoes_a_setting_that_is_on(home, shown):
    _, project = home
    project.write_text("[tool.predictor]\nstrict = true\n")

    assert shown()["strict"][0] == "True"
    assert shown("--no-strict")["strict"] == ("False", "flag")


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("[tool.predictor]\nepoch = 3\n", 2, "do you mean epochs"),
        ("[tool.predictor]\nepochs = 0.5\n", 2, "[tool.predictor]"),
        ("[tool.predictor]\nepochs = 2026-01-01\n", 2, "must be text, a number"),
        ('[tool.predictor]\nbudget-on = "hope"\n', 2, "budget-on"),
        ("[tool]\npredictor = 3\n", 2, "must be a table"),
        ("[tool.predictor\n", 4, "is no TOML file"),
        ("x = " + "[" * 5000, 4, "is no TOML file"),
        ("#" * (1 << 21), 4, "larger than"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_the_file(
    home, capsys, network_file, content, status, said
):
    _, project = home
    project.write_text(content)

    assert main(["estimate", str(network_file)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_wrong_environment_variable_is_named(home, capsys, monkeypatch, network_file):
    monkeypatch.setenv("PREDICTOR_EPOCHS", "many")

    assert main(["estimate", str(network_file)]) == 2
    assert "PREDICTOR_EPOCHS" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name):
    command = _command(name)

    first = command.help.partition("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name]
    assert f"Example: predictor {name} " in command.help + " "


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(capsys, monkeypatch, shell):
    assert "predictor" in _completed(capsys, monkeypatch, shell, "source", "")
    assert "compare" in _completed(capsys, monkeypatch, shell, "complete", "com")
    words = "estimate --carbon"
    assert "--carbon-intensity" in _completed(
        capsys, monkeypatch, shell, "complete", words
    )


def _completed(capsys, monkeypatch, shell, what, words):
    monkeypatch.setenv("_PREDICTOR_COMPLETE", f"{what}_{shell}")
    monkeypatch.setenv("COMP_WORDS", f"predictor {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"predictor {words}")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    with pytest.raises(SystemExit):
        main([])
    return capsys.readouterr().out
