"""An embedded store that grows: disk, memory and the time of a question, size by size."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.record import Points, VectorName, point_id
from core.types import Kind, Vectors
from index.store import Where
from index.stores.edge import EdgeStore

_MEDIA_POINTS = 5_000
"""Points of one made-up media file: about as many as quarter of an hour of video has."""
_KINDS: tuple[Kind, ...] = ("frame", "region", "region", *("tile",) * 7)
_BATCH = 20_000
_HITS = 1_000
"""What the first look of a search asks for (search/evidence.py)."""
_GONE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """One store at one size. ``disk_bytes`` are blocks in use. Memory is that of the process that owns the
    store, opened anew and asked: ``own_bytes`` cannot be given back, ``mapped_bytes`` are pages of its files,
    which the system takes away where memory is short. ``one_ms`` is the fastest question of one vector,
    ``several_ms`` of several that go in one call, as those of a box do: the one that others disturbed least.
    ``..._processor_ms`` is what a question took of all processors on average."""

    dimension: int
    points: int
    disk_bytes: int
    own_bytes: int
    mapped_bytes: int
    opened_seconds: float
    points_per_second: float
    one_ms: float
    several_ms: float
    one_processor_ms: float
    several_processor_ms: float


SEVERAL = 4


def grow(folder: Path, dimension: int, sizes: Sequence[int], questions: int) -> Iterator[Size]:
    """Measure a store in ``folder`` at each of the ascending ``sizes``."""
    rng = np.random.default_rng(dimension)
    dimensions: dict[VectorName, int] = {"visual": dimension}
    held = 0
    for size in sizes:
        started = time.perf_counter()
        with EdgeStore(folder, "scale", dimensions) as store:
            for first in range(held, size, _BATCH):
                store.upsert(invented(first, min(_BATCH, size - first), dimension, rng))
            store.flush()
        written = (size - held) / (time.perf_counter() - started)
        held = size
        _until_gone(folder)
        yield _measure(folder, dimensions, written, questions, rng)


def _measure(
    folder: Path, dimensions: dict[VectorName, int], written: float, questions: int,
    rng: np.random.Generator,
) -> Size:  # fmt: skip
    dimension = dimensions["visual"]
    started = time.perf_counter()
    with EdgeStore(folder, "scale", dimensions, create=False) as store:
        points = store.count(Where())
        opened = time.perf_counter() - started
        owner = EdgeStore.owner(folder) or 0
        taken: dict[int, list[tuple[float, float]]] = {1: [], SEVERAL: []}
        # One round warms up: pages are read, payloads remembered.
        for _ in range(questions + 1):
            for count, own in taken.items():
                asked = unit(rng, count, dimension)
                processor, began = processor_seconds(owner), time.perf_counter()
                store.query("visual", asked, Where(), _HITS)
                own.append((time.perf_counter() - began, processor_seconds(owner) - processor))
        own_bytes, mapped_bytes = resident_bytes(owner)
        disk_bytes = store.size_bytes()
    _until_gone(folder)
    fastest = [min(seconds for seconds, _ in taken[count][1:]) for count in (1, SEVERAL)]
    processor_means = [statistics.fmean(used for _, used in taken[count][1:]) for count in (1, SEVERAL)]
    return Size(
        dimension, points, disk_bytes, own_bytes, mapped_bytes, round(opened, 2), round(written),
        *(round(seconds * 1000, 2) for seconds in (*fastest, *processor_means)),
    )  # fmt: skip


def invented(first: int, count: int, dimension: int, rng: np.random.Generator) -> Points:
    """Points number ``first`` and on, as ingest writes them, with vectors drawn at random: what a store
    takes of room and time does not depend on their values."""
    numbers = np.arange(first, first + count)
    media = [f"{number:032x}" for number in (numbers // _MEDIA_POINTS).tolist()]
    kinds = [_KINDS[number % len(_KINDS)] for number in numbers.tolist()]
    times = np.multiply(numbers % _MEDIA_POINTS, 0.2, dtype=np.float64)
    corners = rng.uniform(0, 0.5, (count, 2)).astype(np.float32)
    boxes = np.hstack([corners, corners + np.float32(0.4)])
    rows = zip(media, kinds, times.tolist(), boxes.tolist(), strict=True)
    return Points(
        "visual", id=[point_id(*row) for row in rows], media_id=media, media_type=["video"] * count,
        kind=kinds, time_seconds=times, span_seconds=np.stack([times, times + 2.0], axis=1), box_xyxy=boxes,
        label=[None] * count, label_score=np.full(count, np.nan, np.float32),
        track=np.full(count, -1, np.int64), shot=(numbers % _MEDIA_POINTS) // 100,
        vectors=unit(rng, count, dimension),
    )  # fmt: skip


def unit(rng: np.random.Generator, count: int, dimension: int) -> Vectors:
    """Unit vectors in directions drawn at random, shape (count, dimension)."""
    rows = rng.standard_normal((count, dimension)).astype(np.float32)
    drawn: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return drawn


def resident_bytes(pid: int) -> tuple[int, int]:
    """Of a process on Linux, (its own, mapped from files); zeros where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0, 0
    said = dict(line.partition(":")[::2] for line in status.splitlines())
    own, mapped = (int(said.get(name, "0").split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


def processor_seconds(pid: int) -> float:
    """Taken so far by the threads of a process that live, on Linux; 0 where the system does not say."""
    taken = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            taken += int(path.read_text("utf-8").split()[0])
    return taken / 1e9


def _until_gone(folder: Path) -> None:
    """The process that owned the store has ended: the next one starts with nothing in memory."""
    deadline = time.monotonic() + _GONE_SECONDS
    while EdgeStore.owner(folder) is not None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"The process that owns {folder} does not end.")
        time.sleep(0.05)
