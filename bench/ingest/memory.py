"""Peak memory of an ingest, all its processes together, by the length of the video.

Each length is indexed by a process of its own, which starts the decoder's and the store's: their resident
memory is looked at while they work. A long video is a short one again and again, packet by packet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.ingest.film import duration_seconds, loop
from bench.ingest.parts import pipeline_of, settings_of

LENGTHS_SECONDS = (10.0, 60.0, 600.0)
_LOOK_EVERY_SECONDS = 0.05


def measure_memory(
    video: Path, profile: str, rate: float | None, lengths: Sequence[float], scratch: Path
) -> dict[str, Any]:
    """One row for every length: peak resident megabytes by process and of all together, points and bytes."""
    rows = []
    for seconds in lengths:
        looped = scratch / f"{seconds:g}.mp4"
        loop(video, looped, seconds)
        rows.append(_in_a_process_of_its_own(looped, profile, rate))
        looped.unlink()
    return {"profile": profile, "video": video.name, "rows": rows}


def memory_table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['video']} again and again, profile {result['profile']}", "",
        "| seconds | peak MB, all | main | decoder | store | without mapped files | points per hour "
        "| MB per hour |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in result["rows"]:
        peak = row["peak_mb"]
        lines.append(
            f"| {row['seconds']:.0f} | {peak['all']:.0f} | {peak['main']:.0f} | {peak['decode']:.0f} "
            f"| {peak['store']:.0f} | {peak['own']:.0f} | {row['points'] / row['seconds'] * 3600:.0f} "
            f"| {row['bytes'] / row['seconds'] * 3600 / 1e6:.0f} |"
        )
    return "\n".join(lines)


def _in_a_process_of_its_own(video: Path, profile: str, rate: float | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.ingest.memory", str(video), profile, str(rate or 0)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


class Peak:
    """The most memory that processes held, one by one and together, in megabytes. Pages that several of them
    share count in each. ``own`` is what is not mapped from files: those the system can take back."""

    def __init__(self, processes: dict[str, int]) -> None:
        self._processes = processes
        self.mb = dict.fromkeys([*processes, "all", "own"], 0.0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(_LOOK_EVERY_SECONDS):
            now = {name: resident_mb(pid) for name, pid in self._processes.items()}
            now["all"] = sum(now.values())
            now["own"] = sum(resident_mb(pid, "RssAnon") for pid in self._processes.values())
            self.mb = {name: max(before, now[name]) for name, before in self.mb.items()}


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    """Of a process on Linux, as /proc/PID/status calls it; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes have taken so far, on Linux; 0 for one that is gone."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _index(video: Path, profile: str, rate: float | None) -> dict[str, Any]:
    settings = settings_of(profile, rate)
    with pipeline_of(settings) as (pipeline, _), pipeline.library() as library:
        # The decoder's process starts with its first file: it must be known before it is watched.
        pipeline.decoder.probe(video)
        started = time.perf_counter()
        with Peak(library.processes) as peak:
            outcome = library.add(video)
        return {
            "seconds": duration_seconds(video), "took_seconds": round(time.perf_counter() - started, 1),
            "peak_mb": {name: round(value) for name, value in peak.mb.items()},
            "points": outcome.points, "bytes": library.store.size_bytes(),
        }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_index(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) or None)))
