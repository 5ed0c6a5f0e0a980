"""Fixtures over tests/support/library.py, for the conftest.py of every room that wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.library import Library, build_library, read_library, write_media, write_query
from tests.support.once import folder_of_run, made_once


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Tests that write, or look at what is running, take ``own_library``."""
    return library_of_run(tmp_path_factory, "library", write_media)


def library_of_run(
    factory: pytest.TempPathFactory, name: str, write: Callable[[Path], None]
) -> Library:
    """What ``write`` puts into a folder, indexed once per run; a copy of it, with the media and models of
    all."""
    run = folder_of_run(factory)
    models = run / "models"
    folder = made_once(run / name, lambda folder: build_library(folder, models, write))
    own = factory.getbasetemp() / f"{name}-copy"
    shared = read_library(folder, models)
    # Several conftest.py have this fixture, so it may be here.
    return shared.copy(own) if not own.exists() else replace(shared, data_dir=own)


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
