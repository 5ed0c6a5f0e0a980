"""What costs much is made once in a run of the tests, not once for each of pytest-xdist's workers."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def folder_of_run(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of a run share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """``folder``, filled by ``make`` in the worker that comes first; others wait for it, and only read.

    As pytest-xdist's documentation has it ("Making session-scoped fixtures execute only once"). One lock for
    all: what is made at the same time would be made of the same models.
    """
    done = folder.with_name(f"{folder.name}.made")
    with (folder.parent / "making.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder
