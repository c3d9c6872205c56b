"""What several test files share."""

import os

import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")


@pytest.fixture(scope="session")
def keras():
    """Keras, where it and its backend are installed."""
    return pytest.importorskip("keras", exc_type=ImportError)
