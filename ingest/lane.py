"""One file under way: claimed, read, described, written, and said so in the catalogue.

The order of writes is what makes it safe to kill: the catalogue says ``indexing`` before the first point
is written and ``indexed`` only after the store has flushed the last one. Whatever is found at ``indexing``
without a living worker is done again, and deterministic ids make that change nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol, cast

from core.errors import DecoderCrashed, LeaseLost, MediaError
from core.settings import IngestSettings
from index.rows import MediaStatus, StretchRow
from index.store import Where
from ingest.lease import LEASE_SECONDS, RENEW_SECONDS, claim, new_owner, reserve_stretch
from ingest.media import MediaFacts
from ingest.parts import Parts
from ingest.progress import Outcome, Stopwatch
from ingest.stretches import (
    AS_A_WHOLE,
    forget_stretches,
    index_stretch,
    join_storyboards,
    joined,
    starts_of,
    stop_stretches,
)
from ingest.writer import MediaWriter

_MOST_AT_ONCE = 4
"""Where the settings do not say: as many as there are cores, up to so many."""

_LOOK_EVERY_SECONDS = 1.0
"""Whether others have done their stretches."""


def files_at_once(settings: IngestSettings) -> int:
    """How many lanes a process has. Each costs a decoder's process, some 150 to 200 MB, and some two dozen
    frames of max_side_px, see Decoder and MediaWriter; the models are there once, and see no more than
    ``analyze._MOST_FRAMES`` at a time. docs/speed.md has what comes of it."""
    return settings.files_at_once or min(_MOST_AT_ONCE, os.cpu_count() or 1)


class Run(Protocol):
    """What a lane is part of."""

    def go_on(self) -> None:
        """Raises Stopped when everything is to end."""

    def pause(self, seconds: float) -> None:
        """Wait, or for less when everything is to end."""

    def tell(self, lane: Lane, doing: str) -> None:
        """It is at its ``path``, of which it has done its ``share``."""


class _Long(Exception):
    """This file is for stretches, which begin at ``starts_seconds``."""

    def __init__(self, starts_seconds: Sequence[float]) -> None:
        self.starts_seconds = starts_seconds


class Lane:
    """One file after another, with a decoder and a name of its own as the owner of leases. For one thread.

    ``share`` in [0, 1] of the file at ``path``; ``media_seconds`` of video read so far in all its files.
    """

    def __init__(self, parts: Parts, run: Run) -> None:
        self._parts, self._run = parts, run
        self._owner = new_owner()
        self._renewed = 0.0
        self.path = Path()
        self.share = 0.0
        self.media_seconds = 0.0

    def index(self, path: Path, media_id: str) -> Outcome:
        """Raises Stopped and StoreError; the file is then for anybody to take."""
        catalogue = self._parts.catalogue
        busy = Outcome(path, "busy", f"{path.name} is being indexed by another process.", media_id)
        if not claim(catalogue, media_id, self._owner):
            return busy
        try:
            outcome = self._index(path, media_id)
        except LeaseLost:
            return busy
        except BaseException:
            catalogue.release_media(media_id, self._owner)
            raise
        catalogue.finish_media(media_id, self._owner, "done" if outcome.ok else "failed", outcome.reason)
        return outcome

    def tell(self, doing: str, share: float) -> None:
        self.share = share
        self._run.tell(self, doing)

    def _index(self, path: Path, media_id: str) -> Outcome:
        begun = self._begun_stretches(media_id)
        try:
            if not begun:
                return self._as_a_whole(path, media_id, self._parts.settings.stretch_seconds)
        except _Long as long:
            self._stop_stretches(media_id)
            self._parts.catalogue.add_stretches(media_id, long.starts_seconds)
        return self._in_stretches(path, media_id) or self._as_a_whole(path, media_id)

    def _begun_stretches(self, media_id: str) -> bool:
        """Whether there are some of an interrupted run to go on with; others are put away."""
        stretches = self._parts.catalogue.stretches_of(media_id)
        if not stretches:
            return False
        row = self._parts.catalogue.get_media(media_id)
        goes_on = (row.status, row.generation) == ("indexing", self._parts.generation)
        if goes_on and all(one.state in ("queued", "running", "done") for one in stretches):
            return True
        self._stop_stretches(media_id)
        return False

    def _as_a_whole(self, path: Path, media_id: str, stretch_seconds: float = 0.0) -> Outcome:
        """Raises _Long when it is too long for that."""
        outcome = self._try(path, media_id, stretch_seconds)
        if outcome.status == "pending":
            # Once more after a crash of the decoder: the second one puts the file into quarantine.
            outcome = self._try(path, media_id, stretch_seconds)
        return outcome

    def _in_stretches(self, path: Path, media_id: str) -> Outcome | None:
        """Together with whoever else works on them; None when that cannot be done with this file."""
        parts, before, share = self._parts, self.media_seconds, 0.0

        def look() -> float:
            nonlocal share
            progress = [one.progress for one in parts.catalogue.stretches_of(media_id)]
            share = sum(progress) / max(1, len(progress))
            return share

        def go_on() -> None:
            self._keep(media_id, look)
            self.tell("indexing", share)

        while True:
            self._renewed = 0.0
            go_on()
            stretches = parts.catalogue.stretches_of(media_id)
            if not stretches:
                raise LeaseLost(f"Another process ended the work on {media_id}.")
            failed = next((one for one in stretches if one.state == "failed"), None)
            if failed is not None:
                return self._stretch_failed(path, failed)
            if all(one.state == "done" for one in stretches):
                outcome = self._joined(path, stretches)
                self.media_seconds = before + outcome.media_seconds
                return outcome
            mine = reserve_stretch(parts.catalogue, self._owner, parts.generation, media_id)
            if mine is None:
                self._run.pause(_LOOK_EVERY_SECONDS)  # for those that others have
                continue
            with suppress(LeaseLost):  # of the file itself: the next look says so
                index_stretch(parts, path, mine, self._owner, go_on)

    def _joined(self, path: Path, stretches: Sequence[StretchRow]) -> Outcome:
        parts, media_id = self._parts, stretches[0].media_id
        facts, counts = joined(stretches)
        seconds = facts.duration_seconds or 0.0
        if parts.settings.storyboard:
            join_storyboards(parts, stretches, seconds)
        parts.store.flush()
        parts.catalogue.mark_indexed(media_id, facts, counts, parts.generation)
        forget_stretches(parts.catalogue, parts.storyboard_dir(media_id), media_id)
        return Outcome(
            path, "indexed", None, media_id, seconds, sum(counts.values()), facts.sample_count
        )

    def _stretch_failed(self, path: Path, failed: StretchRow) -> Outcome | None:
        said = failed.result or {"status": "failed", "reason": failed.message}
        self._stop_stretches(failed.media_id)
        if said["status"] == AS_A_WHOLE:
            return None
        reason = said["reason"] or "A part of it could not be indexed."
        recorded = self._parts.catalogue.mark_failed(failed.media_id, said["status"], reason)
        return Outcome(path, recorded, reason, failed.media_id)

    def _stop_stretches(self, media_id: str) -> None:
        """And take back what they have written."""
        parts = self._parts
        stop_stretches(parts.catalogue, parts.storyboard_dir(media_id), media_id)
        parts.store.delete(Where(media_ids=(media_id,)))
        parts.store.flush()

    def _try(self, path: Path, media_id: str, stretch_seconds: float) -> Outcome:
        parts = self._parts
        parts.catalogue.mark_indexing(media_id, parts.generation)
        # What an interrupted run with other settings left behind would never be overwritten.
        parts.store.delete(Where(media_ids=(media_id,)))
        storyboard_dir = parts.storyboard_dir(media_id) if parts.settings.storyboard else None
        watch = Stopwatch()
        writer = MediaWriter(
            parts.store, parts.analyzer, media_id, parts.settings.run_likeness, storyboard_dir, watch
        )
        before = self.media_seconds
        try:
            # Closed at once, or the decoder would still be reading when the next file comes, and the writer
            # writing what is to be taken back.
            with writer, closing(parts.decoder.read(path)) as items:
                for item in watch.waiting_for("decode", items):
                    self._keep(media_id, lambda: parts.decoder.progress)
                    if isinstance(item, MediaFacts) and (starts := starts_of(item, stretch_seconds)):
                        raise _Long(starts)
                    writer.take(item)
                    self.media_seconds = before + writer.media_seconds
                    self.tell("indexing", parts.decoder.progress or 0.0)
        except MediaError as error:
            self.media_seconds = before
            return self._failed(path, media_id, error, writer)
        with watch.lap("store"):
            parts.store.flush()
        facts, counts, reason = writer.result()
        parts.catalogue.mark_indexed(media_id, facts, counts, parts.generation, reason)
        status = "partial" if reason else "indexed"
        return Outcome(
            path, status, reason, media_id, writer.media_seconds, writer.points, facts.sample_count,
            watch.seconds,
        )  # fmt: skip

    def _failed(self, path: Path, media_id: str, error: MediaError, writer: MediaWriter) -> Outcome:
        if writer.points:
            self._parts.store.delete(Where(media_ids=(media_id,)))
            self._parts.store.flush()
        crashed, status = isinstance(error, DecoderCrashed), cast(MediaStatus, error.status)
        recorded = self._parts.catalogue.mark_failed(media_id, status, str(error), crashed)
        return Outcome(path, recorded, str(error), media_id)

    def _keep(self, media_id: str, share: Callable[[], float | None]) -> None:
        """Renew the lease now and then; give up when told to stop or when the lease went to another."""
        self._run.go_on()
        now = time.monotonic()
        if now - self._renewed > RENEW_SECONDS:
            self._renewed = now
            if not self._parts.catalogue.renew_media(media_id, self._owner, LEASE_SECONDS, share()):
                raise LeaseLost(f"Another process took over {media_id}.")
