"""Processes that tests start."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
StartPython = Callable[..., "subprocess.Popen[str]"]
"""A process of our Python that runs the code given, with its arguments as ``sys.argv``."""
