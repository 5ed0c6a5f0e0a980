"""How soon the commands answer, and the server its first request."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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
    for _ in range(rounds + 1):
        taken["python -c pass"].append(_seconds([sys.executable, "-c", "pass"]))
        taken["momentseek --help"].append(_seconds([command, "--help"]))
        started = time.perf_counter()
        with serving(data_dir) as (url, _):
            taken["serve, address said"].append(time.perf_counter() - started)
            _until_ready(url)
            taken["serve, ready"].append(time.perf_counter() - started)
    # The first round reads everything from disk.
    return {name: [round(one, 3) for one in seconds[1:]] for name, seconds in taken.items()}


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    return time.perf_counter() - started


def _until_ready(url: str) -> None:
    # A client of its own would read the authorities of the whole web first: half a second for nothing.
    with httpx.Client(base_url=url, verify=False, trust_env=False) as client:
        for _ in range(1000):
            if client.get("/v1/health/ready").status_code == 200:
                return
            time.sleep(0.02)
    raise SystemExit("the server never became ready")
