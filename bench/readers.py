"""How fast the libraries that read video give what sampling wants of it: 2 frames a second, RGB, at most
960 px; and whether the times they give are right.

``python -m bench.readers FILE...``. The readers take turns, round by round, and the medians are shown, so
that other users of the machine slow all of them alike; ratios are worth more than times. decord and
torchcodec are left out where they are not installed. The keyframes alone are a lower bound: they are not at
the sample times.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from core.pictures import fit
from core.settings import IngestSettings
from core.types import Image
from ingest.decode import Decoder
from ingest.media import Sample
from ingest.sample import GridSampler

RATE, MAX_SIDE_PX = 2.0, 960
BATCH = 32
"""Frames that decord and torchcodec are asked for at a time: a whole film does not fit into memory."""
ROUNDING_SECONDS = 0.001
"""Times are stated in 32-bit floats, or in a container's milliseconds."""
OURS = "ours"
NOT_SAMPLING = "PyAV, keyframes only"

Picture = tuple[float, Image]
"""The time that the reader states, in seconds, and RGB (height, width, 3)."""
Reader = Callable[[Path], Iterator[Picture]]

SHADES = 24
VARIABLE_GAPS_MS = (40, 20, 180, 40, 330, 60, 20, 700, 40, 110, 50)


def ours(decoder: Decoder, path: Path) -> Iterator[Picture]:
    """In a child process, under limits, the pixels through a pipe: as ingest reads."""
    return ((item.time_seconds, item.image) for item in decoder.read(path) if isinstance(item, Sample))


def plain_pyav(path: Path) -> Iterator[Picture]:
    """Decode everything, convert the frames on the grid. A frame's end is the next one's time."""
    grid = GridSampler(RATE)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        last: Any = None
        for frame in container.decode(stream):
            if last is not None and grid.wants(last.time, frame.time):
                yield last.time, _small(last)
            last = frame
        if last is not None:
            end = last.time + float((last.duration or 0) * last.time_base)
            if grid.wants(last.time, end):
                yield last.time, _small(last)


def keyframes_only(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            yield frame.time or 0.0, _small(frame)


def _small(frame: av.VideoFrame) -> Image:
    width, height = fit(frame.width, frame.height, MAX_SIDE_PX)
    return np.asarray(frame.to_ndarray(width=width, height=height, format="rgb24"), np.uint8)


def with_decord(decord: Any, path: Path) -> Iterator[Picture]:
    width, height, _ = _header(path)
    video = decord.VideoReader(str(path), width=width, height=height)
    spans = video.get_frame_timestamp(range(len(video)))
    starts = spans[:, 0]
    times = np.arange(0, float(spans[:, 1].max()), 1 / RATE)
    # What is on screen then, as the others give it: the nearest start may be of a frame not shown yet.
    shown = np.searchsorted(starts, times + ROUNDING_SECONDS, "right") - 1
    indices = np.unique(np.maximum(shown, 0)).tolist()
    for batch in _batches(indices):
        yield from zip(starts[batch].tolist(), video.get_batch(batch).asnumpy(), strict=True)


def with_torchcodec(decoders: Any, path: Path) -> Iterator[Picture]:
    resize = importlib.import_module("torchcodec.transforms").Resize
    width, height, needs = _header(path)
    video = decoders.VideoDecoder(
        str(path), dimension_order="NHWC", num_ffmpeg_threads=0,
        transforms=[resize((height, width))] if needs else None,
    )  # fmt: skip
    begin, end = video.metadata.begin_stream_seconds, video.metadata.end_stream_seconds
    times = np.arange(begin, end, 1 / RATE).tolist()
    for batch in _batches(times):
        frames = video.get_frames_played_at(batch)
        yield from zip(frames.pts_seconds.tolist(), frames.data.numpy(), strict=True)


def _batches(items: Sequence[Any]) -> Iterator[Any]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _header(path: Path) -> tuple[int, int, bool]:
    """Width and height wanted, and whether that is not the stored size: both libraries must be told."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        wanted = fit(stream.width, stream.height, MAX_SIDE_PX)
        return *wanted, wanted != (stream.width, stream.height)


def readers(stack: ExitStack) -> tuple[dict[str, Reader], dict[str, str]]:
    """By name; and of the libraries that are not there, why. Children of ours end with ``stack``."""
    found: dict[str, Reader] = {}
    for name, shots in ((OURS, False), (f"{OURS}, with shots", True)):
        settings = IngestSettings(samples_per_second=RATE, max_side_px=MAX_SIDE_PX, shots=shots)
        found[name] = partial(ours, stack.enter_context(Decoder(None, settings)))
    found["PyAV"] = plain_pyav
    missing: dict[str, str] = {}
    for name, module, reader in (
        ("decord", "decord", with_decord), ("torchcodec", "torchcodec.decoders", with_torchcodec),
    ):  # fmt: skip
        try:
            found[name] = partial(reader, importlib.import_module(module))
        except (ImportError, OSError, RuntimeError) as error:  # It is there, but what it links to is not.
            missing[name] = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    found[NOT_SAMPLING] = keyframes_only
    return found, missing


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one reader on one file. ``error`` stands where it could not read it."""

    pictures: int
    median_seconds: float
    fastest_seconds: float
    error: str | None = None


def measure(path: Path, chosen: dict[str, Reader], rounds: int) -> dict[str, Timing]:
    """One round before those that count warms up: children start, the file gets into memory."""
    counts: dict[str, int] = {}
    taken: dict[str, list[float]] = {name: [] for name in chosen}
    errors: dict[str, str] = {}
    for _ in range(rounds + 1):
        for name, reader in chosen.items():
            if name in errors:
                continue
            started = time.perf_counter()
            try:
                counts[name] = sum(1 for _ in reader(path))
            except Exception as error:  # The border to other people's libraries: the row says what they said.
                errors[name] = " ".join(str(error).split())[:120] or type(error).__name__
            taken[name].append(time.perf_counter() - started)
    return {name: _timing(counts.get(name, 0), taken[name][1:], errors.get(name)) for name in chosen}


def _timing(pictures: int, seconds: list[float], error: str | None) -> Timing:
    if error or not seconds:
        return Timing(pictures, 0.0, 0.0, error)
    return Timing(pictures, round(statistics.median(seconds), 4), round(min(seconds), 4))


def write_variable(path: Path) -> list[float]:
    """A video whose frames are shown for 20 to 700 ms, with B-frames, each of a grey that tells its number.
    Returns the frames' times in seconds."""
    gaps = [VARIABLE_GAPS_MS[i % len(VARIABLE_GAPS_MS)] for i in range(SHADES)]
    starts_ms = [0, *itertools.accumulate(gaps)][:-1]
    with av.open(str(path), "w") as container:
        stream: Any = _stream(container, 128, 72)
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, start in enumerate(starts_ms):
            _encode(container, stream, _shade(number, 128, 72), start, Fraction(1, 1000))
        container.mux(stream.encode(None))
    return [start / 1000 for start in starts_ms]


def write_turned(path: Path) -> None:
    """128 x 72 as stored, upright as 72 x 128: as a telephone films."""
    with av.open(str(path), "w") as container:
        stream: Any = _stream(container, 128, 72)
        stream.set_display_rotation(90)
        for number in range(SHADES):
            _encode(container, stream, _shade(number, 128, 72), number, Fraction(1, 25))
        container.mux(stream.encode(None))


def _stream(container: Any, width: int, height: int) -> Any:
    options = {"preset": "ultrafast", "crf": "8", "bf": "2"}
    stream = container.add_stream("libx264", rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", 12
    return stream


def _shade(number: int, width: int, height: int) -> Image:
    return np.full((height, width, 3), 10 + number * 10, np.uint8)


def _number(image: Image) -> int:
    return round((float(image.mean()) - 10) / 10)


def _encode(container: Any, stream: Any, image: Image, pts: int, base: Fraction) -> None:
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = pts, base
    container.mux(stream.encode(frame))


@dataclass(frozen=True, slots=True)
class Verdict:
    """On files whose every frame is known. ``wrong_times`` counts pictures whose stated time is not their
    own, ``not_on_screen`` sample times whose picture on screen is missing."""

    pictures: int
    wrong_times: int
    not_on_screen: int
    upright: bool
    error: str | None = None


def judge(reader: Reader, variable: Path, times: list[float], turned: Path) -> Verdict:
    try:
        seen = [(stated, _number(image)) for stated, image in reader(variable)]
        # Read to the end: a reading that is left early ends the child.
        upright = all(image.shape[0] > image.shape[1] for _, image in reader(turned))
    except Exception as error:  # As in ``measure``.
        return Verdict(0, 0, 0, False, " ".join(str(error).split())[:120] or type(error).__name__)
    own = [times[min(max(number, 0), SHADES - 1)] for _, number in seen]
    wrong = sum(abs(at - stated) > ROUNDING_SECONDS for at, (stated, _) in zip(own, seen, strict=True))
    grid = np.arange(0, times[-1] + 1e-9, 1 / RATE)
    wanted = {int(np.searchsorted(times, at + 1e-9, "right")) - 1 for at in grid}
    return Verdict(len(seen), wrong, len(wanted - {number for _, number in seen}), upright)


def judge_all(chosen: dict[str, Reader]) -> dict[str, Verdict]:
    with tempfile.TemporaryDirectory() as folder:
        variable, turned = Path(folder) / "variable.mp4", Path(folder) / "turned.mp4"
        times = write_variable(variable)
        write_turned(turned)
        return {
            name: judge(reader, variable, times, turned)
            for name, reader in chosen.items() if name != NOT_SAMPLING
        }  # fmt: skip


def timing_table(path: Path, rows: dict[str, Timing]) -> str:
    """Markdown; the last column is against ours without shots: above 1 is faster."""
    lines = [f"| {path.name} | pictures | seconds | speed against ours |", "|---|---|---|---|"]
    for name, row in rows.items():
        if row.error:
            lines.append(f"| {name} | | | failed: {row.error} |")
        else:
            ratio = rows[OURS].median_seconds / row.median_seconds
            lines.append(f"| {name} | {row.pictures} | {row.median_seconds:.2f} | {ratio:.2f} |")
    return "\n".join(lines)


def verdict_table(rows: dict[str, Verdict]) -> str:
    lines = [
        "| variable frame rate | pictures | wrong times | sample times missed | a turned video is upright |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        upright = f"failed: {row.error}" if row.error else "yes" if row.upright else "no"
        lines.append(f"| {name} | {row.pictures} | {row.wrong_times} | {row.not_on_screen} | {upright} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers here")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: at least 1 round must count.")
    for path in given.files:
        if not path.is_file():
            parser.error(f"There is no file {path}.")
    with ExitStack() as stack:
        chosen, missing = readers(stack)
        for name, reason in missing.items():
            print(f"{name} is left out: {reason}")
        verdicts = judge_all(chosen)
        print(f"{verdict_table(verdicts)}\n")
        timings = {}
        for path in given.files:
            timings[str(path)] = measure(path, chosen, given.rounds)
            print(f"{timing_table(path, timings[str(path)])}\n", flush=True)
    print(f"{os.cpu_count()} cores, median of {given.rounds} rounds, load average {os.getloadavg()[0]:.1f}")
    if given.json:
        content = {
            "cores": os.cpu_count(), "rounds": given.rounds, "left_out": missing,
            "correctness": {name: asdict(row) for name, row in verdicts.items()},
            "files": {path: {n: asdict(row) for n, row in rows.items()} for path, rows in timings.items()},
        }  # fmt: skip
        given.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
