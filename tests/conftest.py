"""What several test files share."""

import difflib
import os
from pathlib import Path

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")

REWRITE = "--rewrite-golden"


def pytest_addoption(parser):
    parser.addoption(
        REWRITE,
        action="store_true",
        help="write golden files anew instead of comparing with them",
    )


class Golden:
    """Files that hold what was printed when somebody last looked at it."""

    def __init__(self, folder, rewrites):
        self.folder, self.rewrites = folder, rewrites

    def check(self, name, text):
        """Compare a text with the file of that name, or write it there."""
        path = self.folder / name
        if self.rewrites:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == kept:
            return
        lines = difflib.unified_diff(
            kept.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm=""
        )
        shown = "\n".join(lines)
        pytest.fail(
            f"{shown}\nif that is as it should be: pytest {REWRITE}", pytrace=False
        )


@pytest.fixture(scope="session")
def keras():
    """Keras, where it and its backend are installed."""
    return pytest.importorskip("keras", exc_type=ImportError)


@pytest.fixture
def golden(request):
    """Return the golden files beside the test."""
    folder = Path(request.path).parent / "golden"
    return Golden(folder, request.config.getoption(REWRITE))
