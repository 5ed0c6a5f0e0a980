"""What an ingest says while it works, and what it has to say at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """``file_share`` in [0, 1] of the current file; ``media_seconds`` of video read so far in all files."""

    files_done: int
    files_total: int
    path: Path
    doing: str
    file_share: float
    media_seconds: float


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. ``status`` as in the catalogue, or ``known`` (nothing to do), ``moved`` and
    ``copy`` (the content is indexed under another path)."""

    path: Path
    status: str
    reason: str | None = None
    media_id: str | None = None
    media_seconds: float = 0.0
    points: int = 0

    @property
    def ok(self) -> bool:
        return self.status in ("indexed", "known", "moved", "copy", "partial", "skipped")
