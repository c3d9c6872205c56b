"""Whatever a file holds, it is answered or refused in a sentence, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing.watching import Watch

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1_000_001, 1_000_002])
def test_a_thousand_damaged_files_do_no_harm(model_folder, seed):
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzzing.running", str(model_folder)),
            *("--count", "1000", "--seed", str(seed)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=300,
    )

    assert ended.returncode == 0, ended.stderr[-500:]
    found = json.loads(ended.stdout)
    assert found["violations"] == []
    kinds = {outcome.partition(": ")[2] for outcome in found["outcomes"]}
    assert kinds == {"answered", "refused"}
    assert sum(found["outcomes"].values()) == 1000


def test_the_watch_hears_what_is_forbidden(tmp_path):
    watch = Watch()

    with watch.on():
        (tmp_path / "written").write_text("x")
        subprocess.run([sys.executable, "-c", ""], check=True)

    assert any(one.startswith("writes") for one in watch.heard)
    assert any(one.startswith("subprocess.") for one in watch.heard)


def test_the_watch_hears_nothing_while_it_is_off(tmp_path):
    watch = Watch()

    (tmp_path / "written").write_text("x")

    assert watch.heard == []
