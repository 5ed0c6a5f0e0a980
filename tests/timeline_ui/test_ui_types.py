"""The page's JSDoc types hold: nothing is built, tsc only reads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def test_the_types_hold(repository: Path) -> None:
    tsc = repository / ".venv/npm/node_modules/typescript/bin/tsc"
    node = shutil.which("node")
    if (node is None or not tsc.exists()) and os.environ.get("REQUIRE_NODE") != "1":
        pytest.skip("there is no node or no tsc here: `make .venv/.npm-stamp` with npm installed gets it")
    found = subprocess.run(
        [str(node), tsc, "--project", HERE / "tsconfig.json"], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stdout + found.stderr
