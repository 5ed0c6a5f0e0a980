"""How soon the commands answer, and the server its first request."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.load.__main__ import serving


def time_startup(data_dir: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round: an interpreter that does nothing, the help text, and ``serve`` on a library
    whose models are converted, until it says its address and until it says that it is ready."""
    taken: dict[str, list[float]] = {
        "python -c pass": [], "momentseek --help": [], "serve, address said": [], "serve, ready": [],
    }  # fmt: skip
    command = str(Path(sys.executable).with_name("momentseek"))
    with _as_installed() as environment:
        for _ in range(rounds + 1):
            taken["python -c pass"].append(_seconds([sys.executable, "-c", "pass"], environment))
            taken["momentseek --help"].append(_seconds([command, "--help"], environment))
            started = time.perf_counter()
            with serving(data_dir, environment) as (url, _):
                taken["serve, address said"].append(time.perf_counter() - started)
                _until_ready(url)
                taken["serve, ready"].append(time.perf_counter() - started)
    # The first round reads everything from disk, and compiles it.
    return {name: [round(one, 3) for one in seconds[1:]] for name, seconds in taken.items()}


@contextmanager
def _as_installed() -> Iterator[dict[str, str]]:
    """pip leaves compiled modules beside those that it installs; here they get a folder of their own,
    whatever the environment says of them."""
    with tempfile.TemporaryDirectory(prefix="momentseek-compiled-") as folder:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield {**kept, "PYTHONPYCACHEPREFIX": folder}


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started


def _until_ready(url: str) -> None:
    # A client of its own would read the authorities of the whole web first: half a second for nothing.
    with httpx.Client(base_url=url, verify=False, trust_env=False) as client:
        for _ in range(1000):
            if client.get("/v1/health/ready").status_code == 200:
                return
            time.sleep(0.02)
    raise SystemExit("the server never became ready")
