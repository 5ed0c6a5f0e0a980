"""Files to records: decode, describe, write; resumable at every file.

The order of writes is what makes it safe to kill: the catalogue says ``indexing`` before the first point
is written and ``indexed`` only after the store has flushed the last one. Whatever is found at ``indexing``
without a living worker is done again, and deterministic ids make that change nothing.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

from core.errors import DecoderCrashed, LeaseLost, MediaError
from index.rows import FAILED, SEARCHABLE, FileRow, MediaRow, MediaStatus, StretchRow
from index.store import Where
from ingest.discover import discover
from ingest.forget import forget_media
from ingest.identity import content_id
from ingest.lease import LEASE_SECONDS, RENEW_SECONDS, claim, new_owner, reserve_stretch
from ingest.media import MediaFacts
from ingest.parts import Parts
from ingest.progress import OnProgress, Outcome, Progress, Stopped, Stopwatch
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

__all__ = ["Ingest", "Parts"]

_LOOK_EVERY_SECONDS = 1.0
"""Whether others have done their stretches."""

Report = Callable[[str, float], None]


class _Long(Exception):
    """This file is for stretches, which begin at ``starts_seconds``."""

    def __init__(self, starts_seconds: Sequence[float]) -> None:
        self.starts_seconds = starts_seconds


class Ingest:
    """One run over files and folders. Stop it from another thread by setting ``stop``: what is done is
    kept, the file under way is left for the next run."""

    def __init__(self, parts: Parts, on_progress: OnProgress = lambda _: None, again: bool = False):
        self._parts, self._on_progress, self._again = parts, on_progress, again
        self._owner = new_owner()
        self._media_seconds = 0.0
        self._renewed = 0.0
        self._indexed: set[str] = set()
        self._replaced: set[str] = set()
        self.stop = threading.Event()

    def run(self, paths: Iterable[Path | str]) -> list[Outcome]:
        """Every file's outcome, in order. Only a StoreError (disk full, store lost) ends the run early."""
        found = discover(paths)
        outcomes = [
            Outcome(path, "failed", f"{path} does not exist or cannot be read.") for path in found.unreadable
        ]
        for number, path in enumerate(found.files):
            if self.stop.is_set():
                break
            report = self._reporter(path, number, len(found.files))
            report("looking", 0.0)
            try:
                outcomes.append(self._one(path, report))
            except Stopped:
                break
        self._forget_replaced()
        return outcomes

    def _reporter(self, path: Path, number: int, total: int) -> Report:
        def report(doing: str, share: float) -> None:
            self._on_progress(Progress(number, total, path, doing, share, self._media_seconds))

        return report

    def _one(self, path: Path, report: Report) -> Outcome:
        catalogue = self._parts.catalogue
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                return Outcome(path, "failed", f"{path.name} is not a file with content of its own.")
            known = catalogue.find_file(path)
            if known and not self._again and self._is_done(known, facts):
                status = "known" if known.status in SEARCHABLE else known.status
                return Outcome(path, status, known.reason, known.media_id)
            media_id = content_id(path)
        except OSError as error:
            return Outcome(path, "failed", f"{path.name} cannot be read: {error.strerror}.")
        except MediaError as error:
            return Outcome(path, error.status, str(error))
        if known and known.media_id not in (None, media_id):
            self._replaced.add(str(known.media_id))
        catalogue.record_file(path, facts.st_size, facts.st_mtime_ns, media_id)
        row = catalogue.get_media(media_id)
        if self._is_current(row) and (not self._again or media_id in self._indexed):
            return self._known_content(path, row)
        return self._claim_and_index(path, media_id, report)

    def _is_done(self, known: FileRow, facts: os.stat_result) -> bool:
        if known.missing or not known.matches(facts.st_size, facts.st_mtime_ns):
            return False
        if known.media_id is None:
            return known.is_settled
        return self._is_current(self._parts.catalogue.get_media(known.media_id))

    def _is_current(self, row: MediaRow) -> bool:
        """Nothing to do for this content: it is in this generation, or it failed and has not changed."""
        return row.status in FAILED or (row.status in SEARCHABLE and row.generation == self._parts.generation)

    def _known_content(self, path: Path, row: MediaRow) -> Outcome:
        others = [other for other in self._parts.catalogue.paths_of(row.id) if other != path]
        there = next((other for other in others if other.exists()), None)
        if row.status in FAILED:
            same = f"The same content as {there}. " if there else ""
            return Outcome(path, row.status, f"{same}{row.reason}", row.id)
        self._parts.catalogue.mark_missing(other for other in others if not other.exists())
        if there:
            return Outcome(path, "copy", f"The same content as {there}.", row.id)
        if others:
            return Outcome(path, "moved", "Known under another path; its vectors are kept.", row.id)
        return Outcome(path, "known", None, row.id)

    def _claim_and_index(self, path: Path, media_id: str, report: Report) -> Outcome:
        catalogue = self._parts.catalogue
        busy = Outcome(path, "busy", f"{path.name} is being indexed by another process.", media_id)
        if not claim(catalogue, media_id, self._owner):
            return busy
        try:
            outcome = self._index(path, media_id, report)
        except LeaseLost:
            return busy
        except BaseException:
            catalogue.release_media(media_id, self._owner)
            raise
        catalogue.finish_media(media_id, self._owner, "done" if outcome.ok else "failed", outcome.reason)
        self._indexed.add(media_id)
        return outcome

    def _index(self, path: Path, media_id: str, report: Report) -> Outcome:
        begun = self._begun_stretches(media_id)
        try:
            if not begun:
                return self._as_a_whole(path, media_id, report, self._parts.settings.stretch_seconds)
        except _Long as long:
            self._stop_stretches(media_id)
            self._parts.catalogue.add_stretches(media_id, long.starts_seconds)
        return self._in_stretches(path, media_id, report) or self._as_a_whole(path, media_id, report)

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

    def _as_a_whole(
        self, path: Path, media_id: str, report: Report, stretch_seconds: float = 0.0
    ) -> Outcome:
        """Raises _Long when it is too long for that."""
        outcome = self._try(path, media_id, report, stretch_seconds)
        if outcome.status == "pending":
            # Once more after a crash of the decoder: the second one puts the file into quarantine.
            outcome = self._try(path, media_id, report, stretch_seconds)
        return outcome

    def _in_stretches(self, path: Path, media_id: str, report: Report) -> Outcome | None:
        """Together with whoever else works on them; None when that cannot be done with this file."""
        parts, before, share = self._parts, self._media_seconds, 0.0

        def look() -> float:
            nonlocal share
            progress = [one.progress for one in parts.catalogue.stretches_of(media_id)]
            share = sum(progress) / max(1, len(progress))
            return share

        def go_on() -> None:
            self._keep(media_id, look)
            report("indexing", share)

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
                self._media_seconds = before + outcome.media_seconds
                return outcome
            mine = reserve_stretch(parts.catalogue, self._owner, parts.generation, media_id)
            if mine is None:
                self.stop.wait(_LOOK_EVERY_SECONDS)  # for those that others have
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

    def _try(self, path: Path, media_id: str, report: Report, stretch_seconds: float) -> Outcome:
        parts = self._parts
        parts.catalogue.mark_indexing(media_id, parts.generation)
        # What an interrupted run with other settings left behind would never be overwritten.
        parts.store.delete(Where(media_ids=(media_id,)))
        storyboard_dir = parts.storyboard_dir(media_id) if parts.settings.storyboard else None
        watch = Stopwatch()
        writer = MediaWriter(
            parts.store, parts.analyzer, media_id, parts.settings.run_likeness, storyboard_dir, watch
        )
        before = self._media_seconds
        try:
            # Closed at once, or the decoder would still be reading when the next file comes, and the writer
            # writing what is to be taken back.
            with writer, closing(parts.decoder.read(path)) as items:
                for item in watch.waiting_for("decode", items):
                    self._keep(media_id, lambda: parts.decoder.progress)
                    if isinstance(item, MediaFacts) and (starts := starts_of(item, stretch_seconds)):
                        raise _Long(starts)
                    writer.take(item)
                    self._media_seconds = before + writer.media_seconds
                    report("indexing", parts.decoder.progress or 0.0)
        except MediaError as error:
            self._media_seconds = before
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
        if self.stop.is_set():
            raise Stopped
        now = time.monotonic()
        if now - self._renewed > RENEW_SECONDS:
            self._renewed = now
            if not self._parts.catalogue.renew_media(media_id, self._owner, LEASE_SECONDS, share()):
                raise LeaseLost(f"Another process took over {media_id}.")

    def _forget_replaced(self) -> None:
        """Contents whose only file now holds another one. Looked at last, when a file that was renamed in
        the same stroke has been found in its new place; files on a disk that is away still count."""
        if not self._replaced:
            return
        parts = self._parts
        have_files = {file.media_id for file in parts.catalogue.list_files()}
        for media_id in self._replaced - have_files:
            forget_media(
                parts.catalogue, parts.store, parts.storyboard_dir(media_id), media_id, self._owner
            )
