"""Fixtures that every room's tests share. Each test runs in a clean environment and leaves none behind."""

from __future__ import annotations

import logging
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# A shell that runs the tests in the background has SIGINT ignored, and so would everything they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted models, made once for all tests of a session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[None]:
    """An empty home, no settings from outside; what the test does to the environment is undone."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("MOMENTSEEK_", "XDG_")):
            del os.environ[name]
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    os.environ["MOMENTSEEK_MODEL_DIR"] = str(model_dir)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def same_chance() -> Iterator[None]:
    """Every test starts from the same random state, and the one after it too."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(0)
    yield
    random.setstate(python_state)
    np.random.set_state(numpy_state)


@pytest.fixture(autouse=True)
def no_errors_logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    records = [*caplog.get_records("setup"), *caplog.get_records("call")]
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    if errors:
        pytest.fail(f"logged at ERROR: {'; '.join(errors)}", pytrace=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty folder for a catalogue and an index."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def repository() -> Path:
    return REPOSITORY
