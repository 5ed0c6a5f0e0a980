"""Other processes, for what must hold between them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.processes import REPOSITORY, StartPython


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Start real processes of this code that talk through stdin and stdout; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        code = f"import sys; sys.path.insert(0, '.')\n{code}"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
