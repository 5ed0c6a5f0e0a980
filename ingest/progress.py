"""What an ingest says while it works, and what it has to say at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

T = TypeVar("T")
Stage = Literal["decode", "embed", "detect", "faces", "store", "storyboard"]
STAGES: tuple[Stage, ...] = ("decode", "embed", "detect", "faces", "store", "storyboard")


@dataclass(frozen=True, slots=True)
class Progress:
    """``file_share`` in [0, 1] of the file at ``path``, ``others_share`` of the others under way, added up;
    ``media_seconds`` of video read so far in all files."""

    files_done: int
    files_total: int
    path: Path
    doing: str
    file_share: float
    media_seconds: float
    others_share: float = 0.0

    @property
    def done(self) -> float:
        """Files, those under way counted by how far they are: in [0, ``files_total``]."""
        return self.files_done + self.file_share + self.others_share


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. ``status`` as in the catalogue, or ``known`` (nothing to do), ``moved`` and
    ``copy`` (the content is indexed under another path). ``stage_seconds`` is what took how long, of what was
    indexed: ``decode`` is the time that was waited for the decoder, which works beside the models."""

    path: Path
    status: str
    reason: str | None = None
    media_id: str | None = None
    media_seconds: float = 0.0
    points: int = 0
    frames: int = 0
    stage_seconds: Mapping[Stage, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status in ("indexed", "known", "moved", "copy", "partial", "skipped")


class Stopped(Exception):
    """Somebody asked the work to stop in the middle of a file."""


class Stopwatch:
    """Seconds by stage. For several threads: stages that work beside one another take more than passes."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._alone = threading.Lock()

    @contextmanager
    def lap(self, stage: Stage) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._alone:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

    def waiting_for(self, stage: Stage, items: Iterable[T]) -> Iterator[T]:
        """``items``, and how long each was waited for."""
        source = iter(items)
        while True:
            with self.lap(stage):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item
