"""Fixtures over tests/support/library.py, for the conftest.py of every room that wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.library import Library, build_library, write_query


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Library:
    """Indexed once per session. Never opened by a test: take a ``library.copy``."""
    return build_library(tmp_path_factory.getbasetemp() / "library", model_dir)


@pytest.fixture
def own_library(library: Library, tmp_path: Path) -> Library:
    """One that a test may change."""
    return library.copy(tmp_path / "data")


@pytest.fixture(scope="session")
def cup_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_query(tmp_path_factory.mktemp("queries") / "cup.jpg", "coffee")


@pytest.fixture(scope="session")
def face_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_query(tmp_path_factory.mktemp("queries") / "face.jpg", "astronaut")
