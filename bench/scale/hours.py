"""How many points an hour of video gives, and how much of that is saved where nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.ingest.parts import pipeline_of, settings_of
from core.types import Kind
from index.store import Where

_KINDS: tuple[Kind, ...] = ("frame", "region", "tile", "face")
EVERY_SAMPLE = 1.0
"""The likeness at which nothing is ever the same: a point for every sample."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Points by kind that an hour of a video like this one gives, and bytes of its storyboard.
    ``every_sample``: with a point for every sample, however alike they are."""

    video: str
    profile: str
    samples_per_second: float
    every_sample: bool
    points: dict[Kind, int]
    storyboard_bytes: int
    note: str = ""

    @property
    def all_points(self) -> int:
        return sum(self.points.values())


def hours_of(videos: Sequence[Path], profile: str, rate: float, every_sample: bool) -> list[Hour]:
    changes = {"run_likeness": EVERY_SAMPLE} if every_sample else {}
    base = settings_of(profile, rate)
    settings = base.model_copy(update={"ingest": base.ingest.model_copy(update=changes)})
    found = []
    with pipeline_of(settings) as (pipeline, models):
        for video in videos:
            with pipeline.library() as library:
                outcome = library.add(video)
                factor = 3600 / outcome.media_seconds
                points = {kind: round(library.store.count(Where(kinds=(kind,))) * factor) for kind in _KINDS}
                drawn = sum(path.stat().st_size for path in (library.folder / "storyboards").rglob("*.*"))
            found.append(Hour(
                video.stem, profile, rate, every_sample, points, round(drawn * factor), " ".join(models.notes)
            ))  # fmt: skip
    return found
