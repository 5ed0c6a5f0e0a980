"""Long videos in stretches: who holds the lease of the media file plans them, anybody works on them, and the
holder joins what came of them.

A stretch reads a little of what lies before it and yields the samples that the whole file would yield, at the
same times. What remembers (runs, tracks, what was seen last) begins anew with every stretch: a run ends at a
border, and shots and tracks on its two sides have different numbers.
"""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.errors import DecoderCrashed, LeaseLost, MediaBroken, MediaError
from core.types import Kind
from index.catalogue import Catalogue
from index.rows import IndexedFacts, StretchRow
from index.store import Where
from ingest.identity import content_id
from ingest.lease import LEASE_SECONDS, RENEW_SECONDS, is_dead
from ingest.media import MediaFacts, Sample
from ingest.parts import Parts
from ingest.progress import Stopwatch
from ingest.storyboard import MAX_THUMBNAILS, Storyboard
from ingest.writer import MediaWriter

MOST_LOST = 5
"""Workers that may be lost over one file or stretch, killed or cut off, before it is taken for the reason."""

AS_A_WHOLE = "whole"
"""The status in the result of a stretch that says: this file cannot be indexed in stretches."""

_CONTAINERS = ("mov", "mp4", "matroska", "webm")
"""Their times ascend and their indexes lead to them. Others may begin anew in the middle."""

_NUMBERS = 1_000_000
"""Shots and tracks of a stretch are counted from its number times this."""

_FOREVER_SECONDS = 1e9
_LOOK_EVERY_SECONDS = 0.2


def starts_of(facts: MediaFacts, stretch_seconds: float) -> tuple[float, ...]:
    """Where the stretches of a video begin, of equal length and none longer than that; nothing for one that
    stays whole.

    >>> starts_of(MediaFacts("video", "mp4", "h264", 1, 1, 90.0), 40)
    (0.0, 30.0, 60.0)
    """
    seconds = facts.duration_from_header_seconds
    if not stretch_seconds or seconds is None or facts.container not in _CONTAINERS:
        return ()
    number = math.ceil(seconds / stretch_seconds)
    return tuple(round(seconds * one / number, 3) for one in range(number)) if number > 1 else ()


def index_stretch(
    parts: Parts, path: Path, stretch: StretchRow, owner: str, go_on: Callable[[], None]
) -> bool:
    """Index a stretch that ``owner`` holds; what came of it stands in the catalogue. Whether it was indexed.

    ``go_on`` is asked before every sample and raises what ends it; the stretch is then for anybody to take.
    Raises LeaseLost and StoreError.
    """
    try:
        done, result = _try_twice(parts, path, stretch, owner, go_on)
        if not parts.catalogue.end_stretch(stretch, owner, done, result):
            raise LeaseLost(f"Another process took over {stretch.id}.")
        return done
    finally:
        parts.catalogue.leave_stretch(stretch.id, owner)


def joined(stretches: Sequence[StretchRow]) -> tuple[IndexedFacts, dict[Kind, int]]:
    """What is known of the file when all of them are done, in order of time."""
    results = [one.result or {} for one in stretches]
    facts = [IndexedFacts(**result["facts"]) for result in results]
    counts: Counter[Kind] = Counter()
    for result in results:
        counts.update(result["counts"])
    starts = [start for one in facts for start in one.shot_starts_seconds]
    whole = replace(
        facts[0], duration_seconds=facts[-1].duration_seconds, shot_starts_seconds=tuple(starts),
        sample_count=sum(one.sample_count for one in facts),
    )  # fmt: skip
    return whole, dict(counts)


def join_storyboards(parts: Parts, stretches: Sequence[StretchRow], seconds: float) -> None:
    folder = parts.storyboard_dir(stretches[0].media_id)
    board = Storyboard()
    for one in stretches:
        saved = _saved(folder, one.number)
        if saved.exists():
            board.add_saved(saved)
    board.write(folder, seconds)


def stop_stretches(catalogue: Catalogue, storyboard_dir: Path, media_id: str) -> None:
    """End and forget them; returns when nobody writes points of that media file any more, which is when a
    worker has renewed its lease next. For who holds the lease of the media file."""
    while any(not is_dead(owner) for owner in catalogue.end_stretches(media_id)):
        time.sleep(_LOOK_EVERY_SECONDS)
    forget_stretches(catalogue, storyboard_dir, media_id)


def forget_stretches(catalogue: Catalogue, storyboard_dir: Path, media_id: str) -> None:
    """Those that nobody works on any more."""
    catalogue.remove_stretches(media_id)
    shutil.rmtree(_saved(storyboard_dir, 0).parent, ignore_errors=True)


def _try_twice(
    parts: Parts, path: Path, stretch: StretchRow, owner: str, go_on: Callable[[], None]
) -> tuple[bool, dict[str, Any]]:
    """Whether it is done, and what is to be said of it. A second crash of the decoder is the file's fault."""
    if stretch.take_overs > MOST_LOST:
        return False, {"status": "quarantined", "reason": (
            f"{stretch.take_overs} workers were lost while they indexed a part of this file. Look at their "
            "logs; to try it again: momentseek jobs retry."
        )}  # fmt: skip
    try:
        if content_id(path) != stretch.media_id:
            raise MediaBroken(f"{path.name} has changed while it was being indexed.")
        try:
            return _index(parts, path, stretch, owner, go_on)
        except DecoderCrashed:
            return _index(parts, path, stretch, owner, go_on)
    except DecoderCrashed as error:
        return False, {"status": "quarantined", "reason": str(error)}
    except MediaError as error:
        return False, {"status": error.status, "reason": str(error)}
    except OSError as error:
        return False, {"status": "failed", "reason": f"{path.name} cannot be read: {error.strerror}."}


def _index(
    parts: Parts, path: Path, stretch: StretchRow, owner: str, go_on: Callable[[], None]
) -> tuple[bool, dict[str, Any]]:
    media_id, start, end = stretch.media_id, stretch.start_seconds, stretch.end_seconds
    first_number = stretch.number * _NUMBERS
    board = Storyboard(max(2, 2 * MAX_THUMBNAILS // len(parts.catalogue.stretches_of(media_id))))
    within = (start, _FOREVER_SECONDS if end is None else end)
    # What another worker left here may be none of what this one will find.
    parts.store.delete(Where(media_ids=(media_id,), time_seconds=within))
    keep = _Keeper(parts.catalogue, stretch, owner, go_on)
    writer = MediaWriter(
        parts.store, parts.analyzer, media_id, parts.settings.run_likeness, None, Stopwatch(), first_number
    )
    with writer, closing(parts.decoder.read_stretch(path, start, end)) as items:
        for item in items:
            keep(item)
            if isinstance(item, Sample):
                if parts.settings.storyboard:
                    board.add(item.time_seconds, item.image)
                item = replace(item, shot=first_number + item.shot)
            writer.take(item)
    parts.store.flush()
    facts, counts, problem = writer.result()
    if problem:
        return False, {"status": AS_A_WHOLE, "reason": problem}
    if parts.settings.storyboard:
        board.save(_saved(parts.storyboard_dir(media_id), stretch.number))
    return True, {"facts": asdict(facts), "counts": counts}


class _Keeper:
    """Renews the lease now and then and says how far the work is; raises LeaseLost when it is gone."""

    def __init__(
        self, catalogue: Catalogue, stretch: StretchRow, owner: str, go_on: Callable[[], None]
    ) -> None:
        self._catalogue, self._stretch, self._owner, self._go_on = catalogue, stretch, owner, go_on
        self._end_seconds = stretch.end_seconds
        self._renewed = 0.0
        self._share = 0.0

    def __call__(self, item: object) -> None:
        self._go_on()
        self._look(item)
        now = time.monotonic()
        if now - self._renewed > RENEW_SECONDS:
            self._renewed = now
            if not self._catalogue.renew(self._stretch.id, self._owner, LEASE_SECONDS, self._share):
                raise LeaseLost(f"Another process took over {self._stretch.id}.")

    def _look(self, item: object) -> None:
        if isinstance(item, MediaFacts):
            self._end_seconds = self._end_seconds or item.duration_from_header_seconds
        elif isinstance(item, Sample) and self._end_seconds:
            whole = self._end_seconds - self._stretch.start_seconds
            self._share = min(1.0, (item.time_seconds - self._stretch.start_seconds) / max(whole, 1e-3))


def _saved(storyboard_dir: Path, number: int) -> Path:
    return storyboard_dir.with_name(f".{storyboard_dir.name}.stretches") / f"{number:05}.npz"
