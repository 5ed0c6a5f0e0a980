"""Many files, one or several of them at a time: seconds, processor seconds and peak memory.

Stills are frames of the demo's videos at 1600 x 1200, videos are the demo's own. Every run has a process of
its own, which loads the models and starts the decoders before the clock does; the runs take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2

from bench.ingest.memory import Peak, cpu_seconds
from bench.ingest.parts import pipeline_of, settings_of
from bench.scenes import build_demo_library

AT_ONCE = (1, 2, 3)
_STILL_WH = (1600, 1200)
_EVERY_NTH = 12


def measure_files(
    profile: str, stills: int, at_once: Sequence[int], rounds: int, scratch: Path
) -> dict[str, Any]:
    """Of both kinds and every number at once: medians of ``rounds``, and how many times as fast as one at a
    time."""
    demo, pictures = scratch / "videos", scratch / "stills"
    build_demo_library(demo)
    videos = sorted(demo.glob("*.mp4"))
    rows = []
    for kind, files in (("stills", write_stills(videos, pictures, stills)), ("videos", videos)):
        runs: dict[int, list[dict[str, Any]]] = {number: [] for number in at_once}
        for _ in range(rounds):
            for number in at_once:
                runs[number].append(_in_a_process_of_its_own(files, profile, number))
        rows += [_row(kind, number, runs[number], runs[at_once[0]]) for number in at_once]
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    return {"profile": profile, "rounds": rounds, "machine": machine, "rows": rows}


def write_stills(videos: Sequence[Path], folder: Path, most: int) -> list[Path]:
    """Every so many frames of these videos, enlarged, as JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for video in videos:
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % _EVERY_NTH:
                    continue
                if len(written) == most:
                    return written
                picture = cv2.resize(frame.to_ndarray(format="bgr24"), _STILL_WH)
                written.append(folder / f"{video.stem}-{number:05}.jpg")
                cv2.imwrite(str(written[-1]), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return written


def files_table(result: dict[str, Any]) -> str:
    lines = [
        f"Profile {result['profile']}, medians of {result['rounds']} rounds; load average at the end "
        f"{result['machine']['load']:.1f}", "",
        "| | at once | seconds | times as fast | processor seconds | of all cores | peak MB, all "
        "| without mapped files | points |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in result["rows"]:
        lines.append(
            f"| {row['files']} {row['kind']} | {row['at_once']} | {row['seconds']:.1f} "
            f"| {row['speed_up']:.2f} | {row['processor_seconds']:.1f} | {row['share_of_cores']:.0%} "
            f"| {row['peak_mb']} | {row['own_mb']} | {row['points']} |"
        )
    return "\n".join(lines)


def _row(
    kind: str, number: int, runs: Sequence[dict[str, Any]], alone: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    seconds, processor, before = (
        statistics.median(run[name] for run in some)
        for some, name in ((runs, "seconds"), (runs, "processor_seconds"), (alone, "seconds"))
    )
    return {
        "kind": kind, "at_once": number, "files": runs[0]["files"], "points": runs[0]["points"],
        "seconds": round(seconds, 2), "all_seconds": [run["seconds"] for run in runs],
        "speed_up": round(before / seconds, 3), "processor_seconds": round(processor, 2),
        "share_of_cores": round(processor / seconds / (os.cpu_count() or 1), 3),
        "peak_mb": max(run["peak_mb"]["all"] for run in runs),
        "own_mb": max(run["peak_mb"]["own"] for run in runs),
    }  # fmt: skip


def _in_a_process_of_its_own(files: Sequence[Path], profile: str, at_once: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.ingest.files", profile, str(at_once), *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    run: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return run


def _index(profile: str, at_once: int, files: Sequence[Path]) -> dict[str, Any]:
    """The first file is for warming up: every decoder has read it, and it is indexed."""
    with pipeline_of(settings_of(profile), at_once) as (pipeline, _), pipeline.library() as library:
        for decoder in pipeline.decoders:
            decoder.probe(files[0])
        library.add(files[0])
        processes = library.processes
        before, started = cpu_seconds(processes.values()), time.perf_counter()
        with Peak(processes) as peak:
            outcomes = library.ingest.run(files[1:])
        seconds = time.perf_counter() - started
        assert all(one.status == "indexed" for one in outcomes), outcomes
        return {
            "files": len(outcomes), "points": sum(one.points for one in outcomes),
            "seconds": round(seconds, 2),
            "processor_seconds": round(cpu_seconds(processes.values()) - before, 2),
            "peak_mb": {name: round(value) for name, value in peak.mb.items()},
        }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(_index(sys.argv[1], int(sys.argv[2]), [Path(one) for one in sys.argv[3:]])))
