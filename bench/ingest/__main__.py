"""``python -m bench.ingest``: the whole pipeline on a 1080p video, beside decoding alone and beside the
pipeline that tutorials teach.

Decoding alone is every frame, nothing done with it, on all cores: what an ingest that decodes everything
cannot be faster than. The three take turns, round by round, and the medians are shown: other users of the
machine then slow all of them alike, and the ratios are worth more than the seconds.
``--memory`` measures the peak memory of all processes instead, by the video's length; ``--files`` many stills
and short videos, one and several at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.ingest.files import AT_ONCE, files_table, measure_files
from bench.ingest.film import duration_seconds, write_film
from bench.ingest.memory import LENGTHS_SECONDS, cpu_seconds, measure_memory, memory_table
from bench.ingest.parts import PROFILES, YOLO, Models, Pipeline, pipeline_of, settings_of
from bench.ingest.tutorial import SeenBoxes, Tutorial
from bench.parts import decode_alone
from ingest.progress import STAGES, Outcome

LIMIT, OURS, TUTORIAL = "decoding alone", "ours", "tutorial"
PROMISED = {"default": 1.6, "offline": 1.4}
"""Times decoding alone that an ingest may take, at the rates of bench.ingest.parts."""
PROMISED_AGAINST_TUTORIAL, PROMISED_SECONDS_PER_SECOND = 5.0, 10.0


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, round by round; one round before those that count warms up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            taken[name].append(time.perf_counter() - started)
    return {name: seconds[1:] for name, seconds in taken.items()}


class _Alone:
    """Decoding alone, and the processor time it takes."""

    def __init__(self, video: Path) -> None:
        self._video = video
        self.cpu: list[float] = []

    def __call__(self) -> None:
        before = time.process_time()
        decode_alone(self._video)
        self.cpu.append(time.process_time() - before)


class _Ours:
    """The pipeline as something to run; its clock starts when the library is open."""

    def __init__(self, pipeline: Pipeline, video: Path) -> None:
        self._pipeline, self._video = pipeline, video
        self.seconds: list[float] = []
        self.cpu: list[float] = []
        self.outcomes: list[Outcome] = []
        self.bytes = 0

    def __call__(self) -> None:
        with self._pipeline.library() as library:
            self._pipeline.decoder.probe(self._video)  # from here on its process is there
            before, started = cpu_seconds(library.processes.values()), time.perf_counter()
            self.outcomes.append(library.add(self._video))
            self.seconds.append(time.perf_counter() - started)
            self.cpu.append(cpu_seconds(library.processes.values()) - before)
            self.bytes = library.store.size_bytes()


def measure_speed(
    video: Path, profile: str, rate: float | None, rounds: int, tutorial: bool
) -> dict[str, Any]:
    settings = settings_of(profile, rate)
    length = duration_seconds(video)
    with pipeline_of(settings) as (pipeline, models):
        ours, alone = _Ours(pipeline, video), _Alone(video)
        runs: dict[str, Callable[[], object]] = {LIMIT: alone, OURS: ours}
        missing = _add_tutorial(runs, models, video, settings) if tutorial else "It was not asked for."
        taken = {**measure(runs, rounds), OURS: ours.seconds[1:]}
        notes = list(models.notes)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    last = ours.outcomes[-1]
    if missing:
        notes.append(f"No tutorial pipeline: {missing}")
    return {
        "video": {"name": video.name, "seconds": round(length, 2)},
        "machine": {"cores": os.cpu_count(), "processor": platform.processor(), "load": os.getloadavg()[0]},
        "profile": profile, "samples_per_second": settings.ingest.samples_per_second, "rounds": rounds,
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "all_seconds": {name: [round(one, 3) for one in seconds] for name, seconds in taken.items()},
        "processor_seconds": {
            LIMIT: round(statistics.median(alone.cpu[1:]), 3), OURS: round(statistics.median(ours.cpu[1:]), 3)
        },
        "ratios": _ratios(medians, length),
        "stages": _stages(ours.outcomes[1:]),
        "samples": last.frames, "points": last.points,
        "per_hour": {
            "points": round(last.points / length * 3600),
            "megabytes": round(ours.bytes / length * 3600 / 1e6, 1),
        },
        "notes": notes,
    }  # fmt: skip


def _add_tutorial(
    runs: dict[str, Callable[[], object]], models: Models, video: Path, settings: Any
) -> str | None:
    """Why there is none, or None."""
    every = 1 / settings.ingest.samples_per_second
    try:
        boxes = SeenBoxes(models.detector if YOLO.exists() and settings.profile == "default" else None,
                          video, every)  # fmt: skip
        tutorial = Tutorial(settings.model_dir, boxes)
    except ImportError as error:
        return f"{error.name or error} is not installed."
    runs[TUTORIAL] = lambda: tutorial.run(video, every)
    return None


def _ratios(medians: dict[str, float], length: float) -> dict[str, float]:
    ratios = {
        "of_decoding_alone": medians[OURS] / medians[LIMIT],
        "video_seconds_per_second": length / medians[OURS],
    }
    if TUTORIAL in medians:
        ratios["tutorial_to_ours"] = medians[TUTORIAL] / medians[OURS]
    return {name: round(value, 2) for name, value in ratios.items()}


def _stages(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Median seconds of each stage. Stages that work beside one another add up to more than the whole."""
    found: dict[str, float] = {}
    for stage in STAGES:
        seconds = [one.stage_seconds.get(stage, 0.0) for one in outcomes]
        if any(seconds):
            found[stage] = round(statistics.median(seconds), 3)
    return found


def table(result: dict[str, Any]) -> str:
    """Markdown: the runs, then our stages."""
    length = result["video"]["seconds"]
    lines = [
        f"{result['video']['name']}, {length:g} s of video; profile {result['profile']}, "
        f"{result['samples_per_second']:g} samples a second; medians of {result['rounds']} rounds; "
        f"load average {result['machine']['load']:.1f}",
        "",
        "| | seconds | times decoding alone | seconds of video per second | processor seconds |",
        "|---|---|---|---|---|",
    ]
    for name, seconds in result["seconds"].items():
        ratio, speed = seconds / result["seconds"][LIMIT], length / seconds
        cpu = result["processor_seconds"].get(name)
        lines.append(
            f"| {name} | {seconds:.2f} | {ratio:.2f} | {speed:.1f} | {'' if cpu is None else f'{cpu:.2f}'} |"
        )
    lines += ["", "| our stage | seconds | ms a sample |", "|---|---|---|"]
    for stage, seconds in result["stages"].items():
        lines.append(f"| {stage} | {seconds:.2f} | {seconds / max(1, result['samples']) * 1000:.1f} |")
    hourly = result["per_hour"]
    lines += ["", f"{result['samples']} samples, {result['points']} points; per hour of video "
                  f"{hourly['points']} points and {hourly['megabytes']:g} MB."]  # fmt: skip
    return "\n".join([*lines, *_verdicts(result), *result["notes"]])


def _verdicts(result: dict[str, Any]) -> list[str]:
    ratios = result["ratios"]
    wanted = [
        ("times decoding alone", ratios["of_decoding_alone"], PROMISED[result["profile"]], True),
    ]
    if result["profile"] == "default":
        wanted.append(("seconds of video per second", ratios["video_seconds_per_second"],
                       PROMISED_SECONDS_PER_SECOND, False))  # fmt: skip
        if "tutorial_to_ours" in ratios:
            wanted.append(("times as fast as the tutorial", ratios["tutorial_to_ours"],
                           PROMISED_AGAINST_TUTORIAL, False))  # fmt: skip
    return [
        f"{value:g} {what}; promised: at {'most' if at_most else 'least'} {promise:g}"
        + ("" if (value <= promise) == at_most or value == promise else " - not met")
        for what, value, promise, at_most in wanted
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--video", type=Path, help="measure on this one (default: one that is made)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the one that is made (30)")
    parser.add_argument("--profile", choices=PROFILES, default="offline")
    parser.add_argument("--rate", type=float, help="samples a second (offline: 2, default: 1)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (3)")
    parser.add_argument("--no-tutorial", action="store_true", help="leave out the tutorials' pipeline")
    parser.add_argument("--memory", action="store_true", help="peak memory by length instead")
    parser.add_argument("--lengths", type=float, nargs="+", default=LENGTHS_SECONDS, metavar="SECONDS",
                        help="for --memory (10 60 600)")  # fmt: skip
    parser.add_argument("--files", action="store_true", help="many files, some at a time, instead")
    parser.add_argument("--at-once", type=int, nargs="+", default=AT_ONCE, metavar="NUMBER",
                        help="for --files (1 2 3)")  # fmt: skip
    parser.add_argument("--stills", type=int, default=160, metavar="NUMBER", help="for --files (160)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="momentseek-bench-") as folder:
        if given.files:
            files = measure_files(given.profile, given.stills, given.at_once, given.rounds, Path(folder))
            print(files_table(files))
            _write(files, given.json)
            return
        video = given.video or Path(folder) / "film.mp4"
        if given.video is None:
            write_film(video, given.seconds)
        if given.memory:
            result = measure_memory(video, given.profile, given.rate, given.lengths, Path(folder))
            print(memory_table(result))
        else:
            result = measure_speed(video, given.profile, given.rate, given.rounds, not given.no_tutorial)
            print(table(result))
    _write(result, given.json)


def _write(result: dict[str, Any], to: Path | None) -> None:
    if to:
        to.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
