"""The GitHub Action: its own script, run as a job would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from predictor.cli_options import CONFIGURABLE
from predictor.option_groups import environment_name

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step.get("name") or step["id"]: step for step in ACTION["runs"]["steps"]}
EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")


@pytest.fixture
def compare(repository, model_folder, tmp_path):
    """Run the step that compares; return status, stdout and stderr."""
    program = tmp_path / "runner" / "watt-ahead" / "bin" / "predictor"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m predictor "$@"\n')
    program.chmod(0o755)

    def run(**inputs):
        given = {
            name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()
        }
        given |= {"dry-run": "true", "model": str(model_folder)}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() == ACTION["inputs"].keys()
        step = STEPS["Compare"]
        values = {
            name: EXPRESSION.sub(
                lambda found: given[found[1].removeprefix("inputs.")], text
            )
            for name, text in step["env"].items()
        }
        script = tmp_path / "script.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=repository.folder,
            env=os.environ
            | {"RUNNER_TEMP": str(tmp_path / "runner"), "PYTHONPATH": str(ROOT)}
            | values,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_action_comments_on_a_changed_network(repository, compare, tmp_path):
    repository.mlp("nets/one.json", 64, 1024, 512, 10)
    repository.commit()

    status, out, err = compare(base="main", region="FRA", max_increase="100000%")

    assert status == 0, err
    assert out.startswith("<!-- watt-ahead:predictor -->")
    assert "`nets/one.json`" in out
    assert "FRA" in out


def test_the_action_fails_over_a_budget_and_is_silent_without_a_change(
    repository, compare
):
    repository.write("README.md", "text")
    repository.commit()
    assert compare(base="main")[:2] == (0, "")
    repository.mlp("nets/one.json", 64, 1024, 512, 10)
    repository.commit()

    status, out, err = compare(base="main", max_increase="5%", networks="x/* nets/*")
    assert status == 3
    assert "**Over budget:**" in out
    assert "exceeds" in err


@pytest.mark.parametrize("name", ["base", "head", "tag", "region", "networks"])
def test_inputs_are_never_code(repository, compare, name):
    repository.mlp("nets/one.json", 64, 1024, 512, 10)
    repository.commit()

    evil = '"; touch owned; echo "$(touch owned) `touch owned` --help'
    compare(**{"base": "main"} | {name: evil})

    assert not (repository.folder / "owned").exists()


def test_scripts_have_no_expressions_and_every_input_is_used():
    steps = ACTION["runs"]["steps"]
    assert all("${{" not in step.get("run", "") for step in steps)
    used = {
        name
        for step in steps
        for value in (*step.get("env", {}).values(), *step.get("with", {}).values())
        for name in EXPRESSION.findall(str(value))
    }
    used |= set(EXPRESSION.findall(STEPS["Compare"]["working-directory"]))
    inputs = {name for name in used if name.startswith("inputs.")}
    assert inputs == {f"inputs.{name}" for name in ACTION["inputs"]}


def test_what_the_action_sets_are_options():
    options = {environment_name(name) for name in CONFIGURABLE}
    names = {name for name in STEPS["Compare"]["env"] if name.startswith("PREDICTOR_")}
    assert names <= options


def test_other_actions_are_pinned_to_a_commit():
    uses = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in uses)


def test_the_action_says_which_permission_it_needs():
    assert "pull-requests: write" in ACTION["description"]
